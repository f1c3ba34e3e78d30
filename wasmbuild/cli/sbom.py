"""``wasmbuild sbom``."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.words import pasted
from wasmbuild.cli.common import OUTPUT, argument, option, registry_verb
from wasmbuild.cli.policing import policy_is_named
from wasmbuild.cli.trusting import trust_options
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.client.registries import Registries
    from wasmbuild.cli.trusting import Trusting
    from wasmbuild.workflows.sbom import Form


@registry_verb(
    "sbom",
    "wasmbuild sbom dist/hello.wasm -o hello.cdx.json",
    at_need=True,
    formats=("text", "json", "cyclonedx", "spdx"),
)
@argument("artifact")
@option("-o", "--output", type=OUTPUT, help="The file to write; replaced when it is there.")
@option("--target", help="The target, of a project that has several.")
@option("--attached", is_flag=True, help="The one that is attached to the artifact, instead of a new one.")
@option("--manifest", metavar="DIGEST", help="With --attached: the one in this manifest, where there are several.")
@trust_options
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: "Callable[[], Registries]",
    *,
    artifact: str,
    output: Path | None,
    target: str | None,
    attached: bool,
    manifest: str | None,
    trusting: "Trusting",
) -> None:
    """Say what ARTIFACT, a reference, a .wasm file or the folder of a built project, is made of, as an SBOM.

    That is CycloneDX 1.6, or, with --format spdx, SPDX 2.3, both as JSON; with --format json, CycloneDX in
    a document of ours. It is read off the file, and, of a project, off its lock files. With --attached it is
    what somebody attached: attested by somebody you trust, where you say who that is, else anybody's word.
    """
    if attached:
        _attached(console, registries(), artifact, output, manifest, trusting)
        return
    if manifest is not None or policy_is_named() or trusting.authorities():
        raise UsageFailed(
            "whom you trust, a policy and --manifest go with --attached alone",
            cause="an SBOM that is made from the bytes is nobody's word",
            hint=f"wasmbuild sbom {pasted(artifact)} --attached --key wasmbuild.pub",
        )
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.outputs import spare
    from wasmbuild.workflows.sbom import make_sbom, open_subject

    subject = open_subject(
        artifact, target, environment=os.environ, caches=Caches.of_user, registries=registries, sink=console.emit
    )
    sbom = make_sbom(subject, _form(console), os.environ)
    about = {
        "name": subject.name,
        "digest": sbom.digest,
        "mediaType": sbom.media_type,
        "components": sbom.components,
    }
    if output is not None:
        spare(subject.path, output)
    _give(console, sbom.text, about, output)


def _attached(
    console: Console,
    registries: "Registries",
    artifact: str,
    output: Path | None,
    manifest: str | None,
    trusting: "Trusting",
) -> None:
    from registry.digest import Digest
    from wasmbuild.events import Note
    from wasmbuild.workflows.locals import in_registry
    from wasmbuild.workflows.sbom_attached import Wanted, attached_sbom

    asked = in_registry(artifact, "sbom")
    only = None if manifest is None else Digest.parse(manifest)
    wanted = Wanted(_form(console), trusting.authorities(), trusting.policy_or_none(), only)
    found = attached_sbom(asked, wanted, registries=registries, sink=console.emit)
    if not found.verified:
        console.emit(Note("warning", "nobody was asked to vouch for this SBOM: --key says who is trusted"))
    _give(console, found.text, found.to_json(), output)


def _form(console: Console) -> "Form":
    return "spdx" if console.format == "spdx" else "cyclonedx"


def _give(console: Console, text: str, about: dict[str, Any], output: Path | None) -> None:
    """Put the document on stdout, or into the file of ``-o``."""
    from wasmbuild.workflows.files import write_file

    if output is None:
        import json

        document = {"sbom": json.loads(text)} if console.format == "json" else {}
        console.result("sbom", text.removesuffix("\n"), {**about, **document})
        return
    write_file(output, [text.encode()])
    console.result("sbom", str(output), {**about, "file": str(output)})

"""``wasmbuild sbom``."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmbuild.cli.common import OUTPUT, argument, option, registry_verb
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.client.registries import Registries
    from wasmbuild.workflows.sbom import Sbom


@registry_verb(
    "sbom",
    "wasmbuild sbom dist/hello.wasm -o hello.cdx.json",
    at_need=True,
    formats=("text", "json", "cyclonedx", "spdx"),
)
@argument("artifact")
@option("-o", "--output", type=OUTPUT, help="The file to write; replaced when it is there.")
def command(console: Console, registries: "Callable[[], Registries]", *, artifact: str, output: Path | None) -> None:
    """Say what ARTIFACT, a reference or a .wasm file, is made of, as an SBOM.

    That is CycloneDX 1.6, or, with --format spdx, SPDX 2.3, both as JSON; with --format json, CycloneDX in
    a document of ours. All of it is read off the file. Attach it to an artifact with wasmbuild attach.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.files import write_file
    from wasmbuild.workflows.outputs import spare
    from wasmbuild.workflows.sbom import make_sbom, open_subject

    subject = open_subject(artifact, caches=Caches.of_user, registries=registries, sink=console.emit)
    sbom = make_sbom(subject, "spdx" if console.format == "spdx" else "cyclonedx", os.environ)
    if output is None:
        import json

        document = {"sbom": json.loads(sbom.text)} if console.format == "json" else {}
        console.result("sbom", sbom.text.removesuffix("\n"), {**_about(subject.name, sbom), **document})
        return
    spare(subject.path, output)
    write_file(output, [sbom.text.encode()])
    console.result("sbom", str(output), {**_about(subject.name, sbom), "file": str(output)})


def _about(name: str, sbom: "Sbom") -> dict[str, Any]:
    return {"name": name, "digest": sbom.digest, "mediaType": sbom.media_type, "components": sbom.components}

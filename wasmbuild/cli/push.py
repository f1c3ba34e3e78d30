"""``wasmbuild push``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, FOLDER, argument, option, password, registry_verb, was_given
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.artifact import Packed
    from wasmbuild.trust.keys import PrivateKey


@registry_verb("push", "wasmbuild push ghcr.io/acme/hello:1.0.0 --tag latest --sign --key wasmbuild.key")
@argument("reference")
@argument("file", type=FILE, required=False)
@option("-t", "--tag", "tags", multiple=True, help="Another tag to set; may be given again.")
@option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="For the manifest; may be given again.")
@option("--dry-run", is_flag=True, help="Say what would be pushed, and push nothing.")
@option("--sign", is_flag=True, help="Sign the artifact before it is tagged.")
@option("--key", type=FILE, help="The private key to sign with.")
@option("-C", "--project", type=FOLDER, default=".", show_default=True, help="The project to build and push.")
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    reference: str,
    file: Path | None,
    tags: tuple[str, ...],
    annotations: tuple[str, ...],
    dry_run: bool,
    sign: bool,
    key: Path | None,
    project: Path,
) -> None:
    """Build the project and push it to REFERENCE; or push FILE, which is WebAssembly already.

    Prints the reference by digest, and nothing else; with --dry-run, what would be pushed.
    """
    from wasmbuild.workflows.annotations import annotated, parse_annotations
    from wasmbuild.workflows.places import in_registry
    from wasmbuild.workflows.push import Destination, push
    from wasmbuild.workflows.rehearse import rehearse

    _check_flags(file, sign=sign, key=key)
    more = parse_annotations(annotations)
    destination = Destination.open(in_registry(reference, "push"), tags, registries, file=file)
    packed = None if file is None else _packed(file)
    signer = None if key is None else _signer(key, ask=not dry_run)
    if packed is None and not dry_run:
        destination.repository.prepare_push()  # before the time that compiling takes
    source = annotated(packed or _built(console, project), more)
    if dry_run:
        rehearsed = rehearse(source, destination, signs=sign)
        console.result("push", rehearsed.lines(), rehearsed.to_json())
        return
    concurrency = registries.settings.concurrency
    pushed = push(source, destination, key=signer, sink=console.emit, environment=os.environ, concurrency=concurrency)
    console.result("push", str(pushed.reference), pushed.to_json())


def _check_flags(file: Path | None, *, sign: bool, key: Path | None) -> None:
    if sign != (key is not None):
        raise UsageFailed("--sign and --key go together", hint="wasmbuild push REFERENCE --sign --key wasmbuild.key")
    if file is not None and was_given("project"):
        raise UsageFailed(
            "--project and FILE do not go together",
            cause=f"{file} is pushed as it is, and nothing is built",
            hint=f"leave out --project, or {file}",
        )


def _packed(file: Path) -> "Packed":
    from wasmbuild.artifact import pack_file

    return pack_file(file, os.environ)


def _built(console: Console, project: Path) -> "Packed":
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.build import build

    return build(project, sink=console.emit, caches=Caches.of_user(), environment=os.environ).packed


def _signer(key: Path, *, ask: bool) -> "PrivateKey | None":
    """The key, once its password is known; in a rehearsal the file is enough."""
    from wasmbuild.trust.keyfiles import read_key_file
    from wasmbuild.trust.keys import PrivateKey

    data = read_key_file(key)
    return PrivateKey.load(data, password(confirm=False)) if ask else None

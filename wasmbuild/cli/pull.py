"""``wasmbuild pull``."""

from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, OUTPUT, argument, option, public_key, registry_verb
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@registry_verb("pull", "wasmbuild pull ghcr.io/acme/hello:1.0.0 -o hello.wasm --key wasmbuild.pub")
@argument("reference")
@option("-o", "--output", type=OUTPUT, help="The file to write; replaced when it is there. [default: its own name]")
@option("--key", type=FILE, help="A public key that must have signed the artifact.")
@option("--platform", metavar="OS/ARCH", help="Which manifest of an index, such as wasi/wasm.")
def command(
    console: Console,
    registries: Registries,
    reference: str,
    output: Path | None,
    key: Path | None,
    platform: str | None,
) -> None:
    """Fetch the WebAssembly file of REFERENCE.

    The file gets its name when digest, size and, with --key, signature are verified. Without -o the
    name is the artifact's own, in this folder, and another file is never replaced. Prints the
    reference by digest.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.places import in_registry
    from wasmbuild.workflows.platforms import Platform
    from wasmbuild.workflows.pull import pull

    wanted = None if platform is None else Platform.parse(platform)
    asked = in_registry(reference, "pull")
    public = public_key(key)
    pulled = pull(
        asked,
        output,
        key=public,
        platform=wanted,
        caches=Caches.of_user(),
        registries=registries,
        sink=console.emit,
    )
    if output is None:
        console.emit(Note("info", f"the file is {pulled.file}"))
    console.result("pull", str(pulled.reference), pulled.to_json())

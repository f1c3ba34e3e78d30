"""``wasmbuild pull``."""

from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import OUTPUT, argument, option, registry_verb
from wasmbuild.cli.trusting import Trusting, trust_options
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@registry_verb("pull", "wasmbuild pull ghcr.io/acme/hello:1.0.0 -o hello.wasm --key wasmbuild.pub")
@argument("reference")
@option("-o", "--output", type=OUTPUT, help="The file to write; replaced when it is there. [default: its own name]")
@trust_options
@option("--platform", metavar="OS/ARCH", help="Which manifest of an index, such as wasi/wasm.")
def command(
    console: Console,
    registries: Registries,
    reference: str,
    output: Path | None,
    trusting: Trusting,
    platform: str | None,
) -> None:
    """Fetch the WebAssembly file of REFERENCE.

    The file gets its name when digest, size and what was asked of signatures are verified. Without -o the
    name is the artifact's own, in this folder, and another file is never replaced. Prints the
    reference by digest.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.locals import in_registry
    from wasmbuild.workflows.platforms import Platform
    from wasmbuild.workflows.pull import pull

    wanted = None if platform is None else Platform.parse(platform)
    asked = in_registry(reference, "pull")
    pulled = pull(
        asked,
        output,
        demand=trusting.enforced(console.emit),
        platform=wanted,
        caches=Caches.of_user(),
        registries=registries,
        sink=console.emit,
    )
    if output is None:
        console.emit(Note("info", f"the file is {pulled.file}"))
    console.result("pull", str(pulled.reference), pulled.to_json())

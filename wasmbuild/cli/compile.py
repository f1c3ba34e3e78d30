"""``wasmbuild compile``."""

from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, OUTPUT, argument, option, registry_verb
from wasmbuild.cli.limiting import limit_options
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.run.limits import GuestLimits


@registry_verb("compile", "wasmbuild compile ghcr.io/acme/hello:1.0.0")
@argument("artifact")
@option("-o", "--output", type=OUTPUT, help="Write the code to this file too, for hosts with the same engine.")
@option("--key", type=FILE, help="A public key that must have signed the artifact.")
@limit_options
def command(
    console: Console,
    registries: Registries,
    *,
    artifact: str,
    output: Path | None,
    key: Path | None,
    limits: "GuestLimits",
) -> None:
    """Compile ARTIFACT, a reference or a .wasm file, so that its first run starts at once.

    The code is kept where run looks for it, and nowhere else does run take code from. Give the limits that
    it will be run with: --timeout, --fuel and --memory make other code.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.precompile import precompile

    done = precompile(
        artifact, limits, output, key=key, caches=Caches.of_user(), registries=registries, sink=console.emit
    )
    text = str(done.file) if done.file else f"{done.name}: {done.size} bytes of code for wasmtime {done.engine}"
    document = {
        "name": done.name,
        "size": done.size,
        "engine": f"wasmtime {done.engine}",
        "settings": done.settings,
        "file": str(done.file) if done.file else None,
    }
    console.result("compile", text, document)

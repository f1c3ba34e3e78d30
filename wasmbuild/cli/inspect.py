"""``wasmbuild inspect``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("inspect", "wasmbuild inspect dist/hello.wasm")
@argument("artifact")
def command(console: Console, registries: Registries, artifact: str) -> None:
    """Say what ARTIFACT, a reference or a .wasm file, is: its kind, imports, exports and sections."""
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.inspect import inspect

    inspected = inspect(artifact, caches=Caches.of_user(), registries=registries, sink=console.emit)
    console.result("inspect", inspected.to_text(), inspected.to_json())

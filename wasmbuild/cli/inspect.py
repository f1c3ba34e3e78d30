"""``wasmbuild inspect``."""

from wasmbuild.cli.common import argument, verb
from wasmbuild.ui.console import Console


@verb("inspect", "wasmbuild inspect dist/hello.wasm")
@argument("artifact")
def command(console: Console, artifact: str) -> None:
    """Say what ARTIFACT, a reference or a .wasm file, is: its kind, imports, exports and sections."""
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.inspect import inspect

    inspected = inspect(artifact, caches=Caches.of_user(), sink=console.emit)
    console.result("inspect", inspected.to_text(), inspected.to_json())

"""``wasmbuild component wit``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("wit", "wasmbuild component wit ghcr.io/acme/hello:1.0.0")
@argument("artifact")
def command(console: Console, registries: Registries, artifact: str) -> None:
    """Show the WIT of ARTIFACT, a reference or a .wasm file: what it imports and exports, with types.

    With --format json: worlds, interfaces, types and packages, as wasm-tools writes them.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.opening import open_artifact
    from wasmbuild.workflows.wasmtools import wit_json, wit_text

    caches = Caches.of_user()
    opened = open_artifact(artifact, "component wit", caches=caches, registries=registries, sink=console.emit)
    if console.format == "json":
        wit = wit_json(opened.wasm, caches=caches, sink=console.emit)
        console.result("component wit", "", {"name": opened.name, "wit": wit})
    else:
        console.result("component wit", wit_text(opened.wasm, caches=caches, sink=console.emit), {})

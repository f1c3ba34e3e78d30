"""``wasmbuild validate``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("validate", "wasmbuild validate dist/hello.wasm")
@argument("artifact")
@option("--features", help="Features to allow, -NAME to refuse one: all, mvp, wasm1, wasm2, wasm3, simd, …")
def command(console: Console, registries: Registries, artifact: str, features: str | None) -> None:
    """Check that ARTIFACT, a reference or a .wasm file, is valid WebAssembly; exit code 1 when it is not.

    A module is checked by the engine that runs it, a component, or anything with --features, by
    wasm-tools. Prints what it is.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.opening import open_artifact
    from wasmbuild.workflows.validating import validate_wasm

    caches = Caches.of_user()
    opened = open_artifact(artifact, "validate", caches=caches, registries=registries, sink=console.emit)
    found = validate_wasm(opened.wasm, features=features, caches=caches, sink=console.emit)
    document = {"name": opened.name, "kind": found.kind, "valid": True, "by": found.by}
    console.result("validate", f"a valid {found.kind}", document)

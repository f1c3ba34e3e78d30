"""``wasmbuild diff``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("diff", "wasmbuild diff ghcr.io/acme/hello:1.2.0 dist/hello.wasm --fail-on capability")
@argument("old")
@argument("new")
@option(
    "--fail-on",
    multiple=True,
    metavar="WHAT",
    help="Fail when the new file gains a capability, changes an export or import, or grows: "
    "capability, export, import, size:+5%, size:+100KB. May be given again.",
)
@option("--offline", is_flag=True, help="Fetch no tool; without wasm-tools, components are compared by name.")
def command(
    console: Console, registries: Registries, *, old: str, new: str, fail_on: tuple[str, ...], offline: bool
) -> None:
    """Say what differs between OLD and NEW, each a reference or a .wasm file.

    Capabilities gained and lost come first, then imports and exports with their types, and where the bytes went.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.comparing import Bench
    from wasmbuild.workflows.diff import diff
    from wasmbuild.workflows.diff_report import to_json, to_text
    from wasmbuild.workflows.gates import Gate, check

    gates = tuple(map(Gate.parse, fail_on))
    compared = diff(old, new, Bench(Caches.of_user(), registries, console.emit, offline))
    console.result("diff", to_text(compared), to_json(compared))
    check(compared.difference, gates)

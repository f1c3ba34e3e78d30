"""``wasmbuild run``."""

from pathlib import Path

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, public_key, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@registry_verb(
    "run",
    "wasmbuild run --key wasmbuild.pub ghcr.io/acme/hello:1.0.0 -- Ada",
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@argument("artifact")
@argument("arguments", nargs=-1, type=click.UNPROCESSED)
@option("--key", type=FILE, help="A public key that must have signed the artifact.")
def command(
    console: Console, registries: Registries, artifact: str, arguments: tuple[str, ...], key: Path | None
) -> int:
    """Run ARTIFACT, a reference or a .wasm file, with ARGUMENTS.

    Whatever stands after ARTIFACT is the guest's, options included; a first -- is left out. The guest
    gets its arguments and the standard streams: no files, no environment, no network. Ends with the
    guest's own exit code.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.run import run_artifact

    if console.format != "text" and _on_command_line("format_"):
        raise UsageFailed("run has no result of its own: what the guest prints is stdout", hint="leave out --format")
    if arguments[:1] == ("--",):
        arguments = arguments[1:]
    public = public_key(key)
    return run_artifact(
        artifact,
        arguments,
        key=public,
        caches=Caches.of_user(),
        registries=registries,
        sink=console.emit,
        ready=console.close,
    )


def _on_command_line(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"

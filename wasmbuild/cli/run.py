"""``wasmbuild run``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.cli.granting import grant_options
from wasmbuild.cli.limiting import invocation, invoke_option, limit_options
from wasmbuild.cli.parameters import OUTPUT
from wasmbuild.cli.policing import policy_options, refuse_policy_for_file
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.client.registries import Registries
    from wasmbuild.caches import Caches
    from wasmbuild.run.deciding.wishes import Wish
    from wasmbuild.run.limits import GuestLimits
    from wasmbuild.workflows.policies import ChosenPolicy
    from wasmbuild.workflows.run import Prepared

BEFORE = (
    "--allow",
    "--dir",
    "--env",
    "--env-file",
    "--explain",
    "--fuel",
    "--invoke",
    "--key",
    "--memory",
    "--net",
    "--no-trust-policy",
    "--policy",
    "--record",
    "--strict",
    "--timeout",
    "--trust-policy",
)
"""What changes whether and with what a guest runs: behind its name, it would change nothing, and quietly."""


@registry_verb(
    "run",
    "wasmbuild run --dir data:/data:ro ghcr.io/acme/hello:1.0.0 -- Ada",
    at_need=True,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@argument("artifact")
@argument("arguments", nargs=-1, type=click.UNPROCESSED)
@grant_options
@option("--policy", type=FILE, help="A file of what it may import and is given at most: nothing goes beyond it.")
@option("--strict", is_flag=True, help="Refuse what it imports and is not given, in place of leaving it powerless.")
@option("--key", type=FILE, help="A public key that must have signed the artifact.")
@policy_options()
@option("--explain", is_flag=True, help="Print what it asks for and what becomes of that, and do not run it.")
@option("--record", type=OUTPUT, help="Write the policy that its imports and these options imply to a new file.")
@limit_options
@invoke_option
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: "Callable[[], Registries]",
    *,
    artifact: str,
    arguments: tuple[str, ...],
    wish: "Wish",
    limits: "GuestLimits",
    policy: Path | None,
    strict: bool,
    key: Path | None,
    chosen: "ChosenPolicy",
    explain: bool,
    record: Path | None,
    invoke: str | None,
) -> int:
    """Run ARTIFACT, a reference or a .wasm file, with ARGUMENTS.

    Whatever stands after ARTIFACT is the guest's, options included; a first -- is left out. The guest
    gets its arguments, the standard streams, clocks and random numbers, and nothing else that is not
    given by an option or a policy: no files, no environment, no network. Ends with the guest's own
    exit code.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.run import RunRequest, prepare

    if console.format != "text" and not explain and _on_command_line("format_"):
        said = "run has no result of its own: what the guest prints is stdout"
        raise UsageFailed(said, hint="leave out --format, or ask with --explain")
    given = arguments[1:] if arguments[:1] == ("--",) else arguments
    if given is arguments:
        _tell_of_misplaced(arguments, console)
    refuse_policy_for_file(artifact)
    caches = Caches.of_user()
    request = RunRequest(wish, limits, policy, key, strict=strict, invoke=invocation(invoke, given), trust=chosen)
    prepared = prepare(artifact, request, caches=caches, registries=registries, sink=console.emit)
    _tell_of(prepared, console, explain=explain)
    failure = prepared.failure()
    if failure is not None:
        raise failure
    if record is not None:
        prepared.record(record, console.emit)
    return 0 if explain else _run(prepared, given, caches, console)


def _tell_of(prepared: "Prepared", console: Console, *, explain: bool) -> None:
    if explain:
        from wasmbuild.workflows.run_report import report_json, report_text

        console.result("run", report_text(prepared), report_json(prepared))
        return
    for note in prepared.decision.notes:
        console.emit(note)


def _run(prepared: "Prepared", arguments: tuple[str, ...], caches: "Caches", console: Console) -> int:
    from contextlib import nullcontext

    from wasmbuild.run.pipes import broken_pipes_end_the_process

    console.hand_over()  # from here on the terminal is the guest's
    with broken_pipes_end_the_process() if console.own_process else nullcontext():
        return prepared.run(arguments, caches=caches, sink=console.emit)


def _tell_of_misplaced(arguments: tuple[str, ...], console: Console) -> None:
    words = {word.partition("=")[0] for word in arguments}
    misplaced = [name for name in BEFORE if name in words]
    if "--trust-policy" in misplaced:  # what is asked of signatures is never a guess: it would run unverified
        said = "--trust-policy behind the artifact would go to the program, and nothing would be verified"
        raise UsageFailed(said, hint="write it before the artifact; -- says that the program is meant")
    if misplaced:
        named = f"{', '.join(misplaced)} behind the file {'go' if len(misplaced) > 1 else 'goes'} to the program"
        console.emit(Note("warning", f"{named}; options of run stand before the file, and -- says that this is meant"))


def _on_command_line(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"

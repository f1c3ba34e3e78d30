"""``wasmbuild compat``."""

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb, was_given
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

_MINOR, _MAJOR = 10, 11
"""What --exit-code ends with; the rows of docs/errors.md."""


@registry_verb("compat", "wasmbuild compat ghcr.io/acme/hello:1.2.0 dist/hello.wasm --allow patch")
@argument("old")
@argument("new")
@option(
    "--allow",
    type=click.Choice(["none", "patch", "minor", "major"]),
    default="minor",
    show_default=True,
    help="The largest step that does not fail.",
)
@option("--exit-code", is_flag=True, help="Fail on nothing; end with 10 for a minor step and 11 for a major one.")
@option("--offline", is_flag=True, help="Fetch no tool; components need wasm-tools.")
def command(
    console: Console, registries: Registries, *, old: str, new: str, allow: str, exit_code: bool, offline: bool
) -> int:
    """Say which version step the change from OLD to NEW demands: none, patch, minor or major.

    Each is a reference or a .wasm file. What users of the old one lose or see changed demands a major step,
    what is only added a minor one.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.wasm.compare.steps import Step
    from wasmbuild.workflows.comparing import Bench
    from wasmbuild.workflows.compat import compat, require_at_most

    if exit_code and was_given("allow"):
        raise UsageFailed("--allow and --exit-code do not go together", hint="leave out one of them")
    verdict = compat(old, new, Bench(Caches.of_user(), registries, console.emit, offline))
    most = Step.MAJOR if exit_code else Step[allow.upper()]
    for line in verdict.notes(most) if console.format == "text" else ():
        console.emit(Note("info", line))
    console.result("compat", verdict.step.word, verdict.to_json())
    if exit_code:
        return {Step.MINOR: _MINOR, Step.MAJOR: _MAJOR}.get(verdict.step, 0)
    require_at_most(verdict, most)
    return 0

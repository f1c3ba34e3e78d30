"""The options that say what a push attaches beside an artifact."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmbuild.cli.common import option, was_given
from wasmbuild.errors import UsageFailed

if TYPE_CHECKING:
    from wasmbuild.workflows.companions import Wanted

__all__ = ["attaching", "check_attaching"]


def attaching(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options, as one argument ``wanted``."""

    @option(
        "--sbom",
        type=click.Choice(["cyclonedx", "spdx", "none"]),
        default="cyclonedx",
        show_default=True,
        help="The SBOM to attach.",
    )
    @option(
        "--provenance",
        type=click.Choice(["slsa", "none"]),
        default="slsa",
        show_default=True,
        help="How it was built, to attach when something was.",
    )
    @option(
        "--capabilities/--no-capabilities",
        default=True,
        help="Attest with --sign what the file asks for. [default: capabilities]",
    )
    @functools.wraps(function)
    def call(*arguments: Any, sbom: str, provenance: str, capabilities: bool, **values: Any) -> Any:  # noqa: ANN401
        from wasmbuild.workflows.companions import Wanted

        wanted = Wanted(sbom, provenance == "slsa", capabilities)  # type: ignore[arg-type] # one of the choices
        return function(*arguments, wanted=wanted, **values)

    return call


def check_attaching(wanted: "Wanted", file: Path | None, *, sign: bool) -> None:
    """Refuse what a person asked for and cannot be. Raises UsageFailed."""
    if file is not None and wanted.provenance and was_given("provenance"):
        raise UsageFailed(
            "--provenance and FILE do not go together", cause=f"{file} is pushed as it is, and nothing is built"
        )
    if not sign and wanted.capabilities and was_given("capabilities"):
        raise UsageFailed(
            "--capabilities needs --sign", hint="wasmbuild push REFERENCE --sign --key wasmbuild.key --capabilities"
        )

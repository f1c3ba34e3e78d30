"""What the verbs share: the options that every verb has, and how a password is asked for."""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from wasmbuild.errors import PasswordMissing
from wasmbuild.ui.console import Console

__all__ = ["FILE", "FOLDER", "PASSWORD_VARIABLE", "argument", "option", "password", "verb"]

PASSWORD_VARIABLE = "WASMBUILD_KEY_PASSWORD"  # noqa: S105 - a name, not a password
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Function = Callable[..., Any]

argument = click.argument


def option(*names: str, **settings: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401 - click's
    """An option whose environment variable is shown by ``--help``."""
    return click.option(*names, show_envvar=True, **settings)


def verb(name: str, example: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:  # noqa: ANN401
    """A command whose function gets the Console first; ``example`` is shown by ``--help``."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        decorated: click.Command = click.command(name, cls=click.Command, epilog=f"Example: {example}", **settings)(
            _with_console(function)
        )
        decorated.params.extend(_common_options())
        return decorated

    return decorate


def _common_options() -> list[click.Option]:
    formats, progress = ["text", "json"], ["auto", "tty", "plain", "json", "quiet"]
    return [
        _common("--format", "format_", type=click.Choice(formats), default="text", help="What stdout gets."),
        _common("--progress", type=click.Choice(progress), default="auto", help="What stderr gets."),
        _common("-v", "--verbose", is_flag=True, help="Show what tools print."),
        _common("--debug", is_flag=True, help="Show a traceback with an error."),
    ]


def _common(*names: str, **settings: Any) -> click.Option:  # noqa: ANN401 - click's
    """An option of every verb, with one environment variable for all of them."""
    long = next(name for name in names if name.startswith("--"))
    return click.Option(names, envvar=f"WASMBUILD_{long[2:].upper()}", show_envvar=True, **settings)


def _with_console(function: Callable[_P, _R]) -> Callable[..., _R]:
    @functools.wraps(function)
    def call(*, format_: str, progress: str, verbose: bool, debug: bool, **rest: Any) -> _R:  # noqa: ANN401
        console = click.get_current_context().find_object(Console) or Console()
        console.format, console.progress, console.verbose, console.debug = format_, progress, verbose, debug
        try:
            return function(console, **rest)  # type: ignore[arg-type] # the console is the first parameter
        finally:
            console.close()

    return call


def password(*, confirm: bool) -> bytes:
    """The password of a private key: from the environment, where it may be empty, else from the terminal.

    Raises PasswordMissing when there is neither.
    """
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return os.fsencode(given)
    if not sys.stdin.isatty():
        raise PasswordMissing(
            "the key needs a password, and there is no terminal to ask on",
            hint=f"export {PASSWORD_VARIABLE}=…  (an empty value means an empty password)",
        )
    answer: str = click.prompt(
        "Password of the key", hide_input=True, confirmation_prompt=confirm, default="", show_default=False, err=True
    )
    return answer.encode(errors="surrogateescape")

"""The options of what a guest may use up, and of the function that is called in it, for every verb that runs one."""

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wasmbuild.cli.common import option

if TYPE_CHECKING:
    from wasmbuild.run.calls.invocation import Invocation
    from wasmbuild.run.limits import GuestLimits

__all__ = ["invocation", "invoke_option", "limit_options", "request_limit_options"]

_R = TypeVar("_R")
_COUNTS = (
    ("--tables", "NUMBER", "How many tables there may be. [default: 256]"),
    ("--table-elements", "NUMBER", "How many elements a table may have. [default: 1048576]"),
    ("--instances", "NUMBER", "How many instances of modules there may be. [default: 10000]"),
)
_OF_A_RUN = (
    ("--memory", "SIZE", "Bytes for all memories together, such as 64MiB: beyond it ends with 137. [default: 4GiB]"),
    ("--timeout", "TIME", "Time from the start, such as 1.5s, 500ms, 2m: beyond it ends with 124."),
    ("--fuel", "NUMBER", "About how many instructions may be executed: beyond it ends with 152."),
    ("--stack", "SIZE", "Bytes of its stack: beyond it is a trap, 134. [default: 512KiB]"),
    *_COUNTS,
)
_OF_A_REQUEST = (
    ("--memory", "SIZE", "Bytes for the memories of one request's guest, in even shares. [default: 512MiB]"),
    ("--timeout", "TIME", "Time for one request, such as 1.5s, 500ms, 2m: beyond it is a 504. [default: 30s]"),
    ("--fuel", "NUMBER", "About how many instructions one request may execute: beyond it is a 500."),
    ("--stack", "SIZE", "Bytes of its stack: beyond it is a 500. [default: 512KiB]"),
    *_COUNTS,
)


def limit_options(function: Callable[..., _R]) -> Callable[..., _R]:
    """Give a verb's function ``limits``, a GuestLimits of what was given by options or the environment."""
    return _limited(function, _OF_A_RUN)


def request_limit_options(function: Callable[..., _R]) -> Callable[..., _R]:
    """As ``limit_options``, in the words for a server, whose limits are for each request."""
    return _limited(function, _OF_A_REQUEST)


def _limited(function: Callable[..., _R], options: Iterable[tuple[str, str, str]]) -> Callable[..., _R]:
    @functools.wraps(function)
    def call(
        *arguments: Any,  # noqa: ANN401 - the verb's own
        memory: str | None,
        timeout: str | None,
        fuel: str | None,
        stack: str | None,
        tables: str | None,
        table_elements: str | None,
        instances: str | None,
        **rest: Any,  # noqa: ANN401 - the verb's own
    ) -> _R:
        counts = {"fuel": fuel, "tables": tables, "table_elements": table_elements, "instances": instances}
        limits = _limits(memory, timeout, stack, counts)
        return function(*arguments, limits=limits, **rest)

    decorated: Callable[..., _R] = call
    for name, metavar, words in reversed(tuple(options)):
        decorated = option(name, metavar=metavar, help=words)(decorated)
    return decorated


def _limits(memory: str | None, timeout: str | None, stack: str | None, counts: dict[str, str | None]) -> "GuestLimits":
    from wasmbuild.run.limits import GuestLimits, parse_bytes, parse_count, parse_seconds

    given: dict[str, Any] = {
        name: parse_count(text, f"--{name.replace('_', '-')}") for name, text in counts.items() if text is not None
    }
    if memory is not None:
        given["memory_bytes"] = parse_bytes(memory)
    if timeout is not None:
        given["seconds"] = parse_seconds(timeout)
    if stack is not None:
        given["stack_bytes"] = parse_bytes(stack, "--stack")
    return GuestLimits(**given)


invoke_option = option(
    "--invoke", metavar="NAME", help="Call this exported function with ARGUMENTS, and print what it returns."
)


def invocation(name: str | None, arguments: tuple[str, ...]) -> "Invocation | None":
    """What ``--invoke`` asks for: results go to stdout, each on a line."""
    if name is None:
        return None
    from wasmbuild.run.calls.invocation import Invocation

    return Invocation(name, arguments, click.echo)

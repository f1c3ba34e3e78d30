"""The options of what a guest is given, for every verb that runs one."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wasmbuild.cli.common import FILE, option

if TYPE_CHECKING:
    from wasmbuild.run.deciding.wishes import Wish

__all__ = ["grant_options", "request_grant_options"]

_R = TypeVar("_R")


class _Line(click.types.StringParamType):
    """Texts that may have spaces in them: in an environment variable there is one to a line."""

    envvar_list_splitter = "\n"


_OPTIONS = (
    ("--dir", "HOST[:GUEST][:ro]", "A folder that it may read and write, or only read."),
    ("--env", "NAME[=VALUE]", "A variable of its environment; NAME alone takes ours."),
    ("--net", "HOST", "A host that it may reach; the engine can only do '*', HTTP to all of them."),
    ("--allow", "CAPABILITY", "What it may import, such as http, or a foreign import by its name."),
)


def grant_options(function: Callable[..., _R], hidden: frozenset[str] = frozenset()) -> Callable[..., _R]:
    """Give a verb's function ``wish``, a Wish of what was given by options or the environment."""

    @functools.wraps(function)
    def call(
        *arguments: Any,  # noqa: ANN401 - the verb's own
        env: tuple[str, ...],
        env_file: Path | None,
        net: tuple[str, ...],
        allow: tuple[str, ...],
        **rest: Any,  # noqa: ANN401 - the verb's own, and one whose name is a builtin's
    ) -> _R:
        folders: tuple[str, ...] = rest.pop("dir")
        return function(*arguments, wish=_wish(folders, env, env_file, net, allow), **rest)

    file = option("--env-file", type=FILE, help="A file of such variables, one to a line.")
    decorated: Callable[..., _R] = file(call)
    for name, metavar, words in reversed(_OPTIONS):
        shown = {"help": f"{words} Repeatable.", "hidden": name in hidden}
        decorated = option(name, metavar=metavar, multiple=True, type=_Line(), **shown)(decorated)
    return decorated


def request_grant_options(function: Callable[..., _R]) -> Callable[..., _R]:
    """The same for a guest that answers HTTP: what can only be refused there is not offered by ``--help``."""
    return grant_options(function, frozenset({"--dir", "--net"}))


def _wish(
    folders: tuple[str, ...],
    environment: tuple[str, ...],
    environment_file: Path | None,
    hosts: tuple[str, ...],
    allow: tuple[str, ...],
) -> "Wish":
    from wasmbuild.run.deciding.wishes import Wish, parse_wish

    if not (folders or environment or environment_file or hosts or allow):
        return Wish()
    return parse_wish(folders, environment, environment_file=environment_file, hosts=hosts, allow=allow)

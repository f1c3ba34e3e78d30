"""What the commands of an operator share: which registry they are for, and how they show things."""

import functools
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from registry.words import pasted
from wasmbuild.cli.common import FILE, FOLDER, server_missing, verb, was_given
from wasmbuild.cli.parameters import Shared
from wasmbuild.cli.raw import read_bounded
from wasmbuild.errors import PasswordMissing, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from registry.digest import Digest
    from registry.server.config import ServerConfig
    from registry.server.config.toml import Loaded
    from registry.server.services import Services

__all__ = ["LocalRegistry", "columns", "content_of", "moment", "new_password", "operator_verb", "show_rows"]

_MAX_PASSWORD = 4096
_OPTIONS = {"data": "data", "database": "database", "storage": "storage.url"}
"""Which setting each option is."""

_VARIABLES = ("WASMBUILD_REGISTRY_{setting}", "WASMBUILD_SERVE_{option}")
"""Those of the settings, and those that the server's own options have."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class LocalRegistry:
    """The registry that a command is for; it is open only while something is done to it."""

    loaded: "Loaded"
    create: bool
    named: tuple[str, ...] = ()
    """The options by which the person named it."""

    @property
    def config(self) -> "ServerConfig":
        """Its settings."""
        return self.loaded.config

    def command(self, words: str) -> str:
        """Another command for the same registry, to paste."""
        return " ".join(["wasmbuild registry", words, *self.named])

    def run(self, work: "Callable[[Services], Awaitable[Result]]") -> Result:
        """Do something to it. Raises StorageFailed, and what ``work`` raises."""
        from registry.server.operating import operate

        return operate(self.config, work, create=self.create)

    def read(self, work: "Callable[[Connection], Result]") -> Result:
        """Look something up."""
        return self.run(lambda services: services.read(work))

    def write(self, work: "Callable[[Connection], Result]") -> Result:
        """Change something."""
        return self.run(lambda services: services.write(work))


def operator_verb(
    name: str,
    example: str,
    *,
    create: bool = False,
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose function gets the Console and the LocalRegistry; ``create``: which may be a new one."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        decorated = verb(name, f"wasmbuild registry {example}")(
            _with_registry(function, create, tell=create and name != "restore")
        )
        decorated.params.extend(_options())
        return decorated

    return decorate


def _options() -> list[click.Option]:
    def shared(name: str, setting: str, **settings: Any) -> click.Option:  # noqa: ANN401 - click's
        return Shared("Registry", name, envvar=_variables(name[2:], setting), show_envvar=True, **settings)

    return [
        shared("--config", "config", type=FILE, help="The settings of its server, as TOML."),
        shared("--data", "data", type=FOLDER, help="Its data folder."),
        shared("--database", "database", help="postgresql://USER@HOST/NAME, unless it is in the data folder."),
        shared("--storage", "storage.url", help="s3://BUCKET/PREFIX, unless it is the data folder."),
    ]


def _variables(option: str, setting: str) -> list[str]:
    written = setting.replace(".", "_").upper()
    return [variable.format(setting=written, option=option.upper()) for variable in _VARIABLES]


def _origin(option: str, setting: str) -> str:
    """Who gave an option: its name, or that of the variable."""
    source = click.get_current_context().get_parameter_source(option)
    if source is not None and source.name == "ENVIRONMENT":
        return next(name for name in _variables(option, setting) if os.environ.get(name))
    return f"--{option}"


def _with_registry(function: Callable[..., Result], create: bool, *, tell: bool) -> Callable[..., Result]:
    @functools.wraps(function)
    def call(console: Console, *, config: Any, data: Any, database: Any, storage: Any, **rest: Any) -> Result:  # noqa: ANN401
        try:
            import registry.server.operating  # noqa: F401 - to find out whether it can be
            from registry.server.config.toml import load_config
        except ImportError as error:
            raise server_missing(error) from error
        given = {"data": data, "database": database, "storage": storage}
        flags = {
            _OPTIONS[name]: (str(value), _origin(name, _OPTIONS[name]))
            for name, value in given.items()
            if value is not None and was_given(name)
        }
        loaded = load_config(config, flags=flags)
        if tell and loaded.config.database is None and not (loaded.config.data / "registry.db").exists():
            console.emit(Note("info", f"there was no registry in {loaded.config.data}: a new one is made"))
        return function(console, LocalRegistry(loaded, create, _named({"config": config, **given})), **rest)

    return call


def _named(given: Mapping[str, object]) -> tuple[str, ...]:
    """The options of a command line, for another one; what came from variables is there for that, too."""
    source = click.get_current_context().get_parameter_source
    written = {name: str(value) for name, value in given.items() if source(name) is ParameterSource.COMMANDLINE}
    if urlsplit(written.get("database", "")).password is not None:
        written["database"] = "URL"  # a password is not shown
    return tuple(f"--{name} {pasted(value)}" for name, value in written.items())


# -- showing ----------------------------------------------------------------------------------------------


def show_rows(
    console: Console,
    name: str,
    rows: Sequence[Sequence[str]],
    document: Mapping[str, Any],
    nothing: str = "there is nothing",
) -> None:
    """Print rows in columns, or one JSON document; without rows, say so on stderr."""
    if not rows and console.format == "text":
        console.emit(Note("info", nothing))
        return
    console.result(f"registry {name}", columns(rows), document)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines of text; what came from elsewhere is made harmless."""
    from registry.words import printable

    shown = [[printable(cell) or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown
    )


def moment(seconds: float | None) -> str | None:
    """A time of the registry's as ISO 8601; None stays."""
    if seconds is None:
        return None
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# -- reading ----------------------------------------------------------------------------------------------


def new_password(*, from_stdin: bool) -> str:
    """A password from stdin, or twice from the terminal. Raises PasswordMissing, UsageFailed, ContentTooLarge."""
    if from_stdin:
        from pathlib import Path

        try:
            return read_bounded(Path("-"), _MAX_PASSWORD).decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UsageFailed("what is on stdin is not UTF-8") from error
    if sys.stdin is None or not sys.stdin.isatty():
        raise PasswordMissing(
            "there is no terminal to ask for a password on", hint="add --password-stdin, or --no-password"
        )
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer


def content_of(text: str) -> "tuple[str, str | Digest]":
    """Repository, and tag or digest, of REPOSITORY:TAG or REPOSITORY@DIGEST. Raises InvalidReference, InvalidDigest."""
    from registry.digest import Digest
    from registry.errors import InvalidReference
    from registry.reference import valid_repository, valid_tag

    repository, at, digest = text.partition("@")
    tag = ""
    if not at:
        repository, _, tag = text.partition(":")
    if not valid_repository(repository) or not (at or valid_tag(tag)):
        raise InvalidReference(
            f"{text[:120]!r} names nothing in a registry",
            hint="write team/app:1.0.0 or team/app@sha256:…, without the registry's host",
        )
    return repository, Digest.parse(digest) if at else tag

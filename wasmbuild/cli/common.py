"""What the verbs share: the options that every verb has, and how a password is asked for."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from wasmbuild.cli.completing import places
from wasmbuild.cli.lazy import helped
from wasmbuild.cli.parameters import FILE, FOLDER, OUTPUT, Shared, Verb, was_given
from wasmbuild.errors import ExtraMissing, PasswordMissing, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.ci.choice import SYSTEMS
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.client.registries import Registries
    from wasmbuild.workflows.demand import Demand

__all__ = [
    "FILE",
    "FOLDER",
    "OUTPUT",
    "PASSWORD_VARIABLE",
    "argument",
    "option",
    "password",
    "registry_verb",
    "server_missing",
    "shared",
    "signed_by",
    "verb",
    "was_given",
]

PASSWORD_VARIABLE = "WASMBUILD_KEY_PASSWORD"  # noqa: S105 - a name, not a password
_COSIGN_VARIABLE = "COSIGN_PASSWORD"

_FORMATS = ("text", "json")

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Function = Callable[..., Any]

_PLACES = frozenset({"artifact", "destination", "file", "files", "new", "old", "reference", "repository", "source"})


def argument(name: str, **settings: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401 - click's
    """A word that is no option; a shell completes what may be a file or a repository."""
    if "type" not in settings and name in _PLACES:
        settings.setdefault("shell_complete", places)
    return click.argument(name, **settings)


def option(*names: str, **settings: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401 - click's
    """An option whose environment variable is shown by ``--help``."""
    return click.option(*names, show_envvar=True, **settings)


def verb(
    name: str,
    example: str,
    *,
    formats: Sequence[str] = _FORMATS,
    **settings: Any,  # noqa: ANN401 - click's
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose function gets the Console first; ``example`` is shown by ``--help``.

    ``formats`` are what ``--format`` takes; ``text`` is the default and ``json`` is always one of them.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        decorated: click.Command = click.command(name, cls=Verb, epilog=f"Example: {example}", **helped(settings))(
            _with_console(function)
        )
        decorated.params.extend(_common_options(formats))
        return decorated

    return decorate


def registry_verb(
    name: str,
    example: str,
    *,
    at_need: bool = False,
    **settings: Any,  # noqa: ANN401 - click's
) -> Callable[[Callable[..., Any]], click.Command]:
    """A verb that speaks to registries: its function gets the Console and then the Registries.

    With ``at_need``, what it gets is a function that makes them, for a verb that often needs none.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        decorated = verb(name, example, **settings)(_with_registries(function, at_need=at_need))
        decorated.params[-len(_common_options()) : 0] = _registry_options()
        return decorated

    return decorate


def _registry_options() -> list[click.Option]:
    """How to speak to registries; what is given here goes before what the configuration file says."""
    connection = functools.partial(shared, "Connection")
    return [
        connection("--concurrency", type=click.IntRange(1, 64), help="Transfers at once. [default: 4]"),
        connection(
            "--retry-for", type=click.FloatRange(0, 3600), help="Seconds to go on after a failure. [default: 60]"
        ),
        connection("--ca-file", type=FILE, help="Authorities to trust, as PEM, in place of the usual ones."),
        connection("--client-certificate", type=FILE, help="A certificate to show, as PEM."),
        connection("--client-key", type=FILE, help="Its key, if that is not in the same file."),
        connection("--plain-http", is_flag=True, help="Speak http: anybody in between can read and change it."),
        connection("--insecure-skip-tls-verify", is_flag=True, help="Take any certificate: as unsafe as plain http."),
    ]


def _with_registries(function: Callable[..., _R], *, at_need: bool) -> Callable[..., _R]:
    @functools.wraps(function)
    def call(  # noqa: PLR0913 - one for each option
        console: Console,
        *,
        concurrency: int | None,
        retry_for: float | None,
        ca_file: Path | None,
        client_certificate: Path | None,
        client_key: Path | None,
        plain_http: bool,
        insecure_skip_tls_verify: bool,
        **rest: Any,  # noqa: ANN401 - the verb's own
    ) -> _R:
        def registries() -> "Registries":
            from registry.client.registries import Registries
            from registry.client.settings import HostSettings
            from wasmbuild.configuration import configuration_path, read_settings

            settings = read_settings(configuration_path()).heard_by(lambda text: console.emit(Note("warning", text)))
            given = HostSettings(
                plain_http=plain_http,
                insecure_skip_tls_verify=insecure_skip_tls_verify,
                ca_file=ca_file,
                client_certificate=client_certificate,
                client_key=client_key,
            )
            return Registries(settings.overruled(given, concurrency, retry_for))

        if client_key and not client_certificate:
            raise UsageFailed("--client-key is of no use without --client-certificate")
        return function(console, registries if at_need else registries(), **rest)

    return call


def _common_options(formats: Sequence[str] = _FORMATS) -> list[click.Option]:
    output = functools.partial(shared, "Output")
    progress = ["auto", "tty", "plain", "json", "quiet"]
    return [
        output("--format", "format_", type=click.Choice(formats), default="text", help="What stdout gets."),
        output("--progress", type=click.Choice(progress), default="auto", help="What stderr gets."),
        output("--ci", type=click.Choice(SYSTEMS), default="auto", help="The CI system that reads it."),
        output("-v", "--verbose", is_flag=True, help="Show what tools print."),
        output("--debug", is_flag=True, help="Show a traceback with an error."),
    ]


def shared(section: str, *names: str, **settings: Any) -> click.Option:  # noqa: ANN401 - click's
    """An option of many verbs, with one environment variable for all of them."""
    long = next(name for name in names if name.startswith("--"))
    variable = f"WASMBUILD_{long[2:].upper().replace('-', '_')}"
    return Shared(section, *names, envvar=variable, show_envvar=True, **settings)


def _with_console(function: Callable[_P, _R]) -> Callable[..., _R]:
    @functools.wraps(function)
    def call(*, format_: str, progress: str, ci: str, verbose: bool, debug: bool, **rest: Any) -> _R:  # noqa: ANN401
        context = click.get_current_context()
        console = context.find_object(Console) or Console()
        console.command = context.command_path.partition(" ")[2]
        console.format, console.progress, console.verbose, console.debug = format_, progress, verbose, debug
        console.asked_ci, console.folder = ci, _project(rest)
        try:
            return function(console, **rest)  # type: ignore[arg-type] # the console is the first parameter
        finally:
            console.close()

    return call


def _project(values: dict[str, Any]) -> Path | None:
    """The folder that a verb is about, by its argument FOLDER or its option --project."""
    return next((each for name in ("folder", "project") if isinstance(each := values.get(name), Path)), None)


def signed_by(*files: Path) -> "Demand | None":
    """The demand for a signature by one of the keys in files, if there are any. Raises InvalidKey."""
    if not files:
        return None
    from wasmbuild.workflows.demand import SignedBy
    from wasmbuild.workflows.verify import trusted_keys

    return SignedBy(trusted_keys(files))


def server_missing(error: ImportError) -> ExtraMissing:
    """What to say where only half of wasmbuild is installed."""
    return ExtraMissing(
        "the registry server is not installed",
        cause=str(error),
        hint="install wasmbuild with its extra 'server'; in its folder: pip install '.[server]'",
    )


def password_variable() -> str | None:
    """What the environment says of a private key's password, which may be empty; None when it says nothing."""
    return os.environ.get(PASSWORD_VARIABLE, os.environ.get(_COSIGN_VARIABLE))


def password(*, confirm: bool, of: str = "the key") -> bytes:
    """The password of a private key: from the environment, where it may be empty, else from the terminal.

    ``of`` is what it opens, for the question. Raises PasswordMissing when there is neither.
    """
    given = password_variable()
    if given is not None:
        return os.fsencode(given)
    if not sys.stdin.isatty():
        raise PasswordMissing(
            "the key needs a password, and there is no terminal to ask on",
            hint=f"export {PASSWORD_VARIABLE}=…  (an empty value means an empty password)",
        )
    answer: str = click.prompt(
        f"Password of {of}", hide_input=True, confirmation_prompt=confirm, default="", show_default=False, err=True
    )
    return answer.encode(errors="surrogateescape")

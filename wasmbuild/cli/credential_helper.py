"""``docker-credential-wasmbuild``: what other programs ask when they need a login of ours.

They name a registry on stdin and read JSON from stdout, or a reason there beside an exit code (Docker's
``docker-credential-helpers``, "Development"). ``get`` finds what ``wasmbuild`` itself would use, the identity of a
job included; nothing is ever kept here, so ``store`` and ``erase`` say no.
"""

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from registry.errors import Failure, InvalidReference
from registry.words import printable
from wasmbuild.errors import UsageFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Spoken", "main", "speak"]

_PROGRAM = "docker-credential-wasmbuild"
_NOT_FOUND = "credentials not found in native keychain"
"""The words by which every client knows that there are none."""

_MAX_ASKED = 64 * 1024
_MAX_REASON = 1000
_READING = (["get"], ["store"], ["erase"])
_USAGE = f"usage: {_PROGRAM} get|store|erase|list|version"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What to end with, and what to say on stdout; ``aside`` is for people who read stderr."""

    code: int
    answer: str = field(repr=False)
    aside: str | None = None


def speak(arguments: "Sequence[str]", asked: bytes) -> Spoken:
    """The answer to one question; ``asked`` is what came on stdin."""
    action = arguments[0] if len(arguments) == 1 else ""
    try:
        if action == "get":
            return _get(asked)
    except Failure as failure:
        return Spoken(1, _reason(failure))
    if action == "list":
        return Spoken(0, "{}")
    if action == "erase":
        return Spoken(1, _NOT_FOUND)
    if action == "store":
        return Spoken(1, f"{_PROGRAM} keeps nothing: it lends what wasmbuild has; take it out of credHelpers to log in")
    if action == "version":
        from wasmbuild import __version__

        return Spoken(0, f"{_PROGRAM} (wasmbuild) v{__version__}")
    return Spoken(0 if action in ("--help", "-h") else 1, _USAGE)


def _get(asked: bytes) -> Spoken:
    from registry.client.lending import lent
    from registry.client.registries import Registries
    from registry.strictjson import canonical_json
    from wasmbuild.configuration import configuration_path, read_settings

    named = _asked_for(asked)
    transport = Registries(read_settings(configuration_path())).transport(_host(named))
    if named.lower().startswith("http://") and transport.prefix == "https":
        raise UsageFailed(
            f"no login is lent for {printable(named, 80)}: everybody in between could read it",
            hint="name the registry without http://; your configuration file says where http is meant (plain-http)",
        )
    found, reason = lent(transport), transport.auth.workload.reason
    if found is None:
        # Whoever asks goes on as nobody then, which is enough for what everybody may pull.
        return Spoken(1, _NOT_FOUND, reason and _reason(reason))
    pair = {"ServerURL": named, "Username": found.username, "Secret": found.secret}
    return Spoken(0, canonical_json(pair).decode())


def _asked_for(asked: bytes) -> str:
    try:
        named = asked.decode().strip() if len(asked) <= _MAX_ASKED else ""
    except UnicodeDecodeError:
        named = ""
    if not named:
        raise UsageFailed("no credentials server URL")
    return named


def _host(named: str) -> str:
    """The registry that a client means; Docker calls its own by a URL."""
    from registry.client.credentials import canonical_host
    from registry.reference import Reference

    host = canonical_host(named.partition("://")[2].partition("/")[0] if "://" in named else named.partition("/")[0])
    try:
        reference = Reference.parse(f"{host}/any")
    except InvalidReference:
        reference = None
    if reference is None or reference.host != host:
        raise UsageFailed(f"{printable(named, 80)!r} is not the host of a registry")
    return host


def _reason(failure: Failure) -> str:
    """On one line: clients show nothing else, and what is meant for several is still read there."""
    said = [failure.what, failure.cause, failure.hint]
    return printable("; ".join(" ".join(text.split()) for text in said if text), _MAX_REASON)


def _read() -> bytes:
    if sys.argv[1:] not in _READING or sys.stdin is None:
        return b""
    return sys.stdin.buffer.read(_MAX_ASKED + 1)


def _say(spoken: Spoken) -> int:
    """Say it; the code to end with."""
    try:
        print(spoken.answer, flush=True)
        if spoken.aside:
            print(spoken.aside, file=sys.stderr, flush=True)
    except OSError:  # whoever asked has gone; Python would find that out at exit again, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return spoken.code


def main() -> NoReturn:
    """Answer one question, and end."""
    try:
        spoken = speak(sys.argv[1:], _read())
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - nobody reads a traceback here, and it may hold what was asked for
        spoken = Spoken(1, f"wasmbuild made a mistake: {type(error).__name__}")
    sys.exit(_say(spoken))

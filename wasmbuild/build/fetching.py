"""What pip and npm have in common: run for a tool, watched, without showing anybody's password.

Both bring the user's own index, mirrors, proxies and certificates. Not here: their command lines.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from wasmbuild.build.runner import Completed, run
from wasmbuild.build.tool import ToolPin
from wasmbuild.errors import ToolchainMissing
from wasmbuild.events import Event, Sink, ToolOutput

__all__ = ["TIMEOUT_SECONDS", "cause", "fetch", "foreign", "user_environment", "without_credentials"]

TIMEOUT_SECONDS = 3600.0
"""How long one tool may take: compilers are 100 MB, and lines can be slow."""

_TAIL_SHOWN = 8
_CREDENTIALS = re.compile(r"(://)[^/\s@]+@")
_NEEDED = frozenset({"PATH", "HOME", "USER", "LOGNAME", "NETRC"})
_CONNECTION = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR"}
)


def user_environment(prefixes: tuple[str, ...], names: frozenset[str]) -> dict[str, str]:
    """What a fetcher sees of the user's environment: the connection, and what is meant for it."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _NEEDED or name.upper() in _CONNECTION or name in names or name.startswith(prefixes)
    }


def fetch(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], sink: Sink, tool: str) -> Completed:
    """Run pip or npm to its end. Raises ToolFailed when it cannot be started, or takes too long."""

    def show(event: Event) -> None:
        if isinstance(event, ToolOutput):
            event = ToolOutput(event.tool, without_credentials(event.line))
        sink(event)

    return run(argv, cwd=cwd, env=env, sink=show, timeout_seconds=TIMEOUT_SECONDS, tool=tool)


def foreign(pin: ToolPin, where: str, lines: Sequence[str]) -> ToolchainMissing:
    """The error for something that arrived and is not what the pin says; ``where`` gave it."""
    return ToolchainMissing(
        f"{pin} is not the one that was pinned: what {where} gave has another hash",
        cause=cause(None, lines),
        hint="do not use it: ask who runs the index or mirror; if the release was pinned wrongly, "
        "delete its part of wasmbuild.lock",
    )


def cause(problem: str | None, lines: Sequence[str]) -> str | None:
    """A problem of ours and the last lines of a tool's, as the cause of an error."""
    said = [without_credentials(line.strip()) for line in lines if line.strip()]
    return "\n".join([*([problem] if problem else []), *said[-_TAIL_SHOWN:]]) or None


def without_credentials(line: str) -> str:
    """A line in which no address has a user and a password."""
    return _CREDENTIALS.sub(r"\1****@", line)

"""Command: what is started, when it is not the program itself but a launcher that watches or confines it.

Not here: starting it (``wasmbuild.build.runner``), and what it may see (``wasmbuild.build.sandbox``).
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wasmbuild.errors import ToolFailed

__all__ = ["MINIMAL_PATH", "Command", "fixed_environment", "launched", "supervised"]

MINIMAL_PATH = "/usr/local/bin:/usr/bin:/bin"

_LAUNCHERS = str(Path(__file__).parent / "sandbox")
_START = "import sys; sys.path.append(sys.argv[1]); from launcher.program import main; main(int(sys.argv[2]))"


@dataclass(frozen=True, slots=True)
class Command:
    """A launcher's command line: ``before``, the number of a pipe, ``after``.

    ``told`` are words that it reads from this pipe, each with a zero byte behind it: the environment is
    among them, and nobody sees it in a list of processes. It ends with 128 + N when the program was
    ended by signal N, and when it cannot start the program, the last line that it writes begins with
    ``complaint``. Raises ToolFailed for a word with a zero byte in it.
    """

    before: tuple[str, ...]
    told: tuple[str, ...] = field(repr=False)
    after: tuple[str, ...]
    complaint: str

    def __post_init__(self) -> None:
        if any("\0" in word for word in (*self.told, *self.after)):
            raise ToolFailed(
                "a tool could not be started", cause="a word of it, or of its environment, has a zero byte"
            )

    @property
    def message(self) -> bytes:
        """The bytes for the pipe."""
        return b"".join(os.fsencode(word) + b"\0" for word in self.told)


def fixed_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of every command: the same everywhere, and what it was given."""
    return {"PATH": MINIMAL_PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", **given}


def launched(steps: Sequence[str], argv: Sequence[str], env: Mapping[str, str]) -> Command:
    """A command for our own launcher, with what it does before it starts the program."""
    environment = [word for name, value in fixed_environment(env).items() for word in ("env", name, value)]
    return Command(
        before=(sys.executable, "-I", "-S", "-c", _START, _LAUNCHERS),
        told=("parent", str(os.getpid()), *environment, *steps, "start", *argv),
        after=(),
        complaint="wasmbuild: ",
    )


def supervised(argv: Sequence[str], env: Mapping[str, str], cwd: str | None = None) -> Command:
    """A command that sees this machine as it is, and whose every descendant ends with it."""
    return launched(() if cwd is None else ("chdir", cwd), argv, env)

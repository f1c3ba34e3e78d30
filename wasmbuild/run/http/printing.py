"""What happens while requests are answered, for whoever runs the server; and lines out of what guests print."""

from collections.abc import Callable
from dataclasses import dataclass

from registry.words import printable
from wasmbuild.errors import GuestFailed

__all__ = ["Answered", "Happening", "Lines", "Printed", "Teller", "Troubled"]

_MOST = 4096


@dataclass(frozen=True, slots=True)
class Answered:
    """A request was answered, or cut off: then ``complete`` is false. ``seconds`` are until the end of the answer.

    ``method``, ``target`` and ``client`` are safe to show; ``size`` is the body's, in bytes.
    """

    client: str
    method: str
    target: str
    status: int
    size: int
    seconds: float
    complete: bool


@dataclass(frozen=True, slots=True)
class Printed:
    """A guest printed a line, which is safe to show; ``stream`` is ``stdout`` or ``stderr``."""

    stream: str
    line: str


@dataclass(frozen=True, slots=True)
class Troubled:
    """A guest did not come to its end."""

    failure: GuestFailed


Happening = Answered | Printed | Troubled
Teller = Callable[[Happening], None]


class Lines:
    """Makes lines of what one guest prints, and tells each; a line that is too long is told in parts."""

    def __init__(self, tell: Teller) -> None:
        self._tell = tell
        self._open = {"stdout": b"", "stderr": b""}

    def __call__(self, stream: str, data: bytes) -> None:
        """Take what a guest prints."""
        *whole, rest = (self._open[stream] + data).split(b"\n")
        while len(rest) > _MOST:
            whole.append(rest[:_MOST])
            rest = rest[_MOST:]
        self._open[stream] = rest
        for line in whole:
            self._say(stream, line)

    def end(self) -> None:
        """Tell what is left."""
        for stream, rest in self._open.items():
            if rest:
                self._say(stream, rest)

    def _say(self, stream: str, line: bytes) -> None:
        self._tell(Printed(stream, printable(line.rstrip(b"\r").decode(errors="replace"), _MOST * 4)))

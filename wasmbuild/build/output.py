"""What a command writes, cut into bounded lines: for the sink, for an error, and never more than was allowed."""

import re
from collections import deque

from wasmbuild.events import Sink, ToolOutput

__all__ = ["MAX_LINE", "TAIL_LINES", "Lines"]

MAX_LINE = 4096
"""Bytes of one line that are shown; what is longer is cut."""

TAIL_LINES = 100
"""Lines of output that are kept for an error."""

_LAST_BYTES = 8192
_COLOUR = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")
"""What moves a cursor or changes a colour (ECMA-48, CSI): some compilers write it to a pipe, too."""


class Lines:
    """Takes a stream of bytes: the first ``limit`` are shown, and of the rest its last few lines."""

    def __init__(self, tool: str, sink: Sink, limit: int) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._tool = tool
        self._sink = sink
        self._room = limit
        self._partial = bytearray()
        self._cut = False
        self._dropped = 0
        self._last = b""

    def feed(self, data: bytes) -> None:
        """Take what was written next."""
        shown = data[: self._room]
        self._room -= len(shown)
        if shown:
            self._split(shown)
        if len(shown) < len(data):
            self._dropped += len(data) - len(shown)
            self._last = (self._last + data[len(shown) :])[-_LAST_BYTES:]

    def end(self) -> None:
        """Nothing comes any more: show the last line, and say what was dropped."""
        self._flush()
        if not self._dropped:
            return
        last = self._last if self._dropped <= len(self._last) else self._last.partition(b"\n")[2]
        self._show(f"… {self._dropped - len(last)} bytes of output are not shown …")
        self._split(last)
        self._flush()

    def _split(self, data: bytes) -> None:
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._add(piece)
            self._flush(ended=True)
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        room = MAX_LINE - len(self._partial)
        self._partial += piece[:room]
        self._cut = self._cut or len(piece) > room

    def _flush(self, *, ended: bool = False) -> None:
        if not self._partial and not ended:
            return
        line = _COLOUR.sub("", self._partial.decode("utf-8", "replace")).rstrip("\r") + (" …" if self._cut else "")
        self._partial.clear()
        self._cut = False
        self._show(line)

    def _show(self, line: str) -> None:
        self.tail.append(line)
        self._sink(ToolOutput(self._tool, line))

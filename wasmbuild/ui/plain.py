"""Events as plain lines, for pipes and logs."""

import sys
from collections.abc import Callable
from typing import TextIO

from registry.words import printable
from wasmbuild.events import Event, Note, Step, ToolOutput, Transfer
from wasmbuild.ui.words import lines_of, seconds, size

__all__ = ["PlainRenderer", "QuietRenderer", "line_of"]


def line_of(event: Event, *, verbose: bool) -> str | None:
    """The line that an event is worth, if any."""
    match event:
        case Step(verb, subject, took):
            return None if took is None else f"{verb:<9} {printable(subject)} ({seconds(took)})"
        case Note("warning", text):
            return f"warning: {_indented(text)}"
        case Note(_, text):
            return _indented(text)
        case ToolOutput(tool, line):
            return f"{tool}: {printable(line.expandtabs(4))}" if verbose else None
        case Transfer(name, "done", _, total):
            return f"{'copied':<9} {name} ({size(total)})"
        case Transfer(name, "skipped", _, _):
            return f"{'exists':<9} {name}"
        case Transfer(name, "mounted", _, total):
            return f"{'mounted':<9} {name} ({size(total)})"
    return None


def _indented(text: str) -> str:
    """Several lines so that nobody takes the second for another message."""
    return "\n  ".join(lines_of(text))


class PlainRenderer:
    """A line for what was done, on stderr; ``shown`` has the last word about it."""

    def __init__(self, *, verbose: bool, stream: TextIO | None = None, shown: Callable[[str], str] = str) -> None:
        self._verbose = verbose
        self._stream = stream or sys.stderr
        self._shown = shown

    def __call__(self, event: Event) -> None:
        """Show one event."""
        line = line_of(event, verbose=self._verbose)
        if line is not None:
            print(self._shown(line), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing is left to end."""


class QuietRenderer(PlainRenderer):
    """Warnings only."""

    def __call__(self, event: Event) -> None:
        """Show one event, if it is a warning."""
        if isinstance(event, Note) and event.level == "warning":
            super().__call__(event)

"""What both systems have in common: tools' lines and transfers in groups that fold, everything else in the open."""

import sys
from typing import TextIO

from wasmbuild.events import Event, Note, Step, ToolOutput, Transfer
from wasmbuild.ui.ci.markup import Markup
from wasmbuild.ui.plain import line_of

__all__ = ["GroupingRenderer"]


class GroupingRenderer:
    """Events as lines on stderr.

    A group holds what was written one after the other of one kind: what tools say, named after the step that
    runs, or what is transferred. Steps run side by side, and groups cannot: so a group is no longer than that.
    """

    def __init__(self, markup: Markup, stream: TextIO | None = None) -> None:
        self._markup = markup
        self._stream = stream or sys.stderr
        self._running: list[tuple[str, str]] = []
        self._group: str | None = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Step):
            self._follow(event)
        if isinstance(event, Note) and event.level == "warning":
            self.close()
            self._write(self._markup.warning(event.text))
            return
        line = line_of(event, verbose=True)
        if line is not None:
            self._enter(self._title(event))
            self._write(self._markup.line(line))

    def close(self) -> None:
        """End the group that is open."""
        self._enter(None)

    def _follow(self, event: Step) -> None:
        named = (event.verb, event.subject)
        if event.seconds is None:
            self._running.append(named)
        elif named in self._running:
            self._running.remove(named)

    def _title(self, event: Event) -> str | None:
        if isinstance(event, Transfer):
            return "transfers"
        if isinstance(event, ToolOutput):
            return " ".join(self._running[-1]) if self._running else event.tool
        return None

    def _enter(self, title: str | None) -> None:
        if title == self._group:
            return
        if self._group is not None:
            self._write(self._markup.end())
        if title is not None:
            self._write(self._markup.begin(title))
        self._group = title

    def _write(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

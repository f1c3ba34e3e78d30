"""One command's output: its result on stdout, everything else on stderr."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmbuild.errors import Failure
    from wasmbuild.events import Event
    from wasmbuild.ui.ci.choice import Ci
    from wasmbuild.ui.ci.markup import Markup

__all__ = ["SCHEMA_VERSION", "Console", "Renderer"]

SCHEMA_VERSION = 1
"""Of the JSON documents on stdout; raised when a field changes its meaning or goes."""


class Renderer(Protocol):
    """Shows events."""

    def __call__(self, event: "Event") -> None:
        """Show one event."""

    def close(self) -> None:
        """End what is still alive on the terminal."""


@dataclass(slots=True)
class Console:
    """How a person asked to be shown things. ``progress``, ``format`` and ``asked_ci`` are as on the command line.

    ``own_process`` is whether the process is there for this command alone; ``command`` what was asked for, and
    ``folder`` the project that it is about.
    """

    format: str = "text"
    progress: str = "auto"
    verbose: bool = False
    debug: bool = False
    own_process: bool = False
    command: str = ""
    asked_ci: str = "auto"
    folder: Path | None = None
    _answered: bool = False
    _renderer: Renderer | None = None
    _lock: Lock = field(default_factory=Lock)
    _markup: "Markup | None" = None
    _system: "Ci | None" = None

    @property
    def ci(self) -> "Ci":
        """The CI system that reads what is written."""
        from wasmbuild.ui.ci.choice import chosen  # noqa: PLC0415

        return chosen(self.asked_ci, os.environ)

    def emit(self, event: "Event") -> None:
        """Show one event; the sink that workflows get, and may use from several threads."""
        with self._lock, suppress(OSError):  # work goes on where nobody can watch it
            if self._renderer is None:
                self._renderer = self._choose()
            markup = self._written_for()
            self._renderer(markup.masks.event(event) if markup else event)

    def result(self, command: str, text: str, document: Mapping[str, Any]) -> None:
        """Print the result of a command: a text, or one JSON document."""
        self.hand_over()
        as_json = self.format == "json"
        if as_json:
            text = _json({"schemaVersion": SCHEMA_VERSION, "command": command, **document})
        if self.ci == "github":
            from wasmbuild.ui.ci.commands import harmless, harmless_json  # noqa: PLC0415

            text = harmless_json(text) if as_json else harmless(text)
        print(text, flush=True)

    def hand_over(self) -> None:
        """Leave stdout to somebody else: from here on no document of ours is written there."""
        self.close()
        self._answered = True

    def tell(self, text: str) -> None:
        """Say something to the person, if that is possible."""
        markup = self._written_for()
        self._say(markup.line(text) if markup else text)

    def fail(self, failure: "Failure") -> None:
        """Show a failure, if that is possible: its exit code tells it, too.

        With ``--format json`` it is a document on stdout as well, unless a result is there already.
        """
        markup = self._written_for()
        if self.format == "json" and not self._answered:
            with suppress(OSError):
                self.result(self.command, "", _document(failure, markup.masks.hide if markup else str))
        if self.progress == "json":
            import json  # noqa: PLC0415

            fields = {"code": failure.code, "what": failure.what, "cause": failure.cause, "hint": failure.hint}
            line = json.dumps({"event": "Failure", **fields, "side": failure.side})
            self._say(markup.json(line) if markup else line)
            return
        from wasmbuild.ui.failure import failure_lines  # noqa: PLC0415 - most commands do not fail

        first, *rest = failure_lines(failure, markup.masks.hide if markup else str)
        if sys.stderr.isatty() and _color():
            first = f"\x1b[1;31m{first}\x1b[0m"
        text = "\n".join([first, *rest])
        self._say(markup.line(text) if markup else text)
        if markup and self.progress == "auto":
            for line in markup.failed(failure, self._folders(failure)):
                self._say(line)

    def close(self) -> None:
        """End what is alive on the terminal; more may follow."""
        if self._renderer is not None:
            with suppress(OSError):
                self._renderer.close()

    def _say(self, text: str) -> None:
        self.close()
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)

    def _written_for(self) -> "Markup | None":
        """How it is written for the CI system, if there is one."""
        system = self.ci
        if system != self._system:
            from wasmbuild.ui.ci.markup import markup_of  # noqa: PLC0415

            self._markup, self._system = markup_of(system, os.environ), system
        return self._markup

    def _folders(self, failure: "Failure") -> list[Path]:
        """Where the files may be that a failure names."""
        own = getattr(failure, "folder", None)
        return [each for each in (own, self.folder, Path.cwd()) if each is not None]

    def _choose(self) -> Renderer:
        wanted, markup = self.progress, self._written_for()
        if wanted == "auto" and markup:
            from wasmbuild.ui.ci.grouping import GroupingRenderer  # noqa: PLC0415

            return GroupingRenderer(markup)
        if wanted == "auto":
            wanted = "tty" if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else "plain"
        if wanted == "tty":
            from wasmbuild.ui.tty import TtyRenderer  # noqa: PLC0415 - rich is for terminals

            return TtyRenderer(verbose=self.verbose, color=_color())
        if wanted == "json":
            from wasmbuild.ui.jsonl import JsonRenderer  # noqa: PLC0415

            return JsonRenderer(markup.json if markup else str)
        from wasmbuild.ui.plain import PlainRenderer, QuietRenderer  # noqa: PLC0415

        shown = markup.line if markup else str
        quiet = wanted == "quiet"
        return QuietRenderer(verbose=False, shown=shown) if quiet else PlainRenderer(verbose=self.verbose, shown=shown)


def _document(failure: "Failure", hide: "Callable[[str], str]") -> dict[str, Any]:
    """The fields of a failure: what was found on the way, and the four lines that a person reads, without secrets."""
    words = {"what": failure.what, "cause": failure.cause, "hint": failure.hint}
    error = {"code": failure.code, **{name: said and hide(said) for name, said in words.items()}}
    found = failure.details.to_json() if failure.details else {}
    return {"outcome": failure.outcome, **found, "error": {**error, "side": failure.side}}


def _json(document: Mapping[str, Any]) -> str:
    """A document that any terminal may show, and that stdout can write: what it cannot is escaped, as JSON has it."""
    import json  # noqa: PLC0415 - most commands print none
    import re  # noqa: PLC0415

    writes_all = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(document, ensure_ascii=not writes_all, indent=2 if sys.stdout.isatty() else None)
    return re.sub(
        r"[^\x00-\x7e]", lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text
    )


def _color() -> bool:
    return not os.environ.get("NO_COLOR")

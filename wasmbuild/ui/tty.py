"""Events on a terminal: what runs now is alive, what is done stays as a line."""

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.text import Text

from registry.words import printable
from wasmbuild.events import Event, Note, Step, ToolOutput, Transfer
from wasmbuild.ui.plain import line_of

__all__ = ["TtyRenderer"]


class TtyRenderer:
    """Spinners for steps and bars for transfers, on stderr."""

    def __init__(self, *, verbose: bool, color: bool) -> None:
        self._verbose = verbose
        console = Console(stderr=True, no_color=not color, highlight=False)
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
        self._steps = Progress(*columns, console=console, transient=True)
        self._bars = Progress(*columns, BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console)
        self._live: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._console = console

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Step(verb, subject, None):
                self._begin(self._steps, f"{verb} {printable(subject)}", None)
            case Step(verb, subject, _):
                self._end(f"{verb} {printable(subject)}")
            case Transfer(name, "begun", _, total):
                self._begin(self._bars, name, total)
            case Transfer(name, "moving", done, _) if name in self._tasks and self._live is not None:
                self._live.update(self._tasks[name], completed=done)
            case Transfer(name, _, _, _):
                self._end(name)
            case Note() | ToolOutput():
                pass
        self._print(event)

    def close(self) -> None:
        """Take away what is alive."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._tasks.clear()

    def _begin(self, kind: Progress, name: str, total: int | None) -> None:
        if self._live is not kind:
            self.close()
            self._live = kind
            kind.start()
        self._tasks[name] = kind.add_task(name, total=total)

    def _end(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None and self._live is not None:
            self._live.remove_task(task)

    def _print(self, event: Event) -> None:
        line = line_of(event, verbose=self._verbose)
        if line is None:
            return
        style = "yellow" if isinstance(event, Note) and event.level == "warning" else "dim"
        self._console.print(Text(line, style=style), soft_wrap=True)

"""What a person sees while work runs: the core yields these and never prints.

An event is data. Who shows it, and how, is decided in ``wasmbuild.ui``. Work that has nothing to
show takes :func:`ignore`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Literal

__all__ = ["Event", "Note", "Sink", "Step", "ToolOutput", "Transfer", "ignore", "step"]


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of work began (``seconds`` is None) or ended (wall-clock seconds it took)."""

    verb: str
    subject: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """A line that a tool wrote, without its line end."""

    tool: str
    line: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where one piece of content stands on its way; ``done`` and ``total`` are bytes.

    ``streamed`` is the end of what went to stdout, where it speaks for itself.
    """

    name: str
    state: Literal["begun", "moving", "done", "skipped", "mounted", "streamed"]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for the person: something chosen, or something to worry about."""

    level: Literal["info", "warning"]
    text: str


Event = Step | ToolOutput | Transfer | Note
Sink = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A sink for work that nobody watches."""


@contextmanager
def step(sink: Sink, verb: str, subject: str) -> Iterator[None]:
    """Tell when a piece of work begins, and when it has ended well."""
    sink(Step(verb, subject))
    began = monotonic()
    yield
    sink(Step(verb, subject, monotonic() - began))

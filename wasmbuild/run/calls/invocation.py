"""Invocation: a call of one exported function, in place of the command that a program is."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Invocation"]


@dataclass(frozen=True, slots=True)
class Invocation:
    """An exported function to call in place of the command; ``show`` gets each result as a line of text.

    ``arguments`` are numbers for a core module, and values in WAVE for a component.
    """

    name: str
    arguments: tuple[str, ...]
    show: Callable[[str], None]

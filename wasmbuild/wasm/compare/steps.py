"""Steps between versions, and the changes of an interface that demand them (Semantic Versioning 2.0.0).

What change demands which step is ``wasmbuild.wasm.compare.compat``'s and ``wasmbuild.wasm.compare.compat_core``'s.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

__all__ = ["Change", "Side", "Step", "What", "demanded"]

Side = Literal["import", "export"]
What = Literal["added", "removed", "changed"]


class Step(IntEnum):
    """How far a version has to move; a larger one includes the smaller ones."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    @property
    def word(self) -> str:
        """As people write it: ``none``, ``patch``, ``minor``, ``major``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two interfaces, and the step that it demands of whoever publishes the new one.

    ``before`` and ``after`` are types in words, ``why`` what the change means; each may be empty.
    """

    side: Side
    name: str
    what: What
    step: Step
    why: str = ""
    before: str = ""
    after: str = ""

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """What breaks comes first; then by name."""
        return (-self.step, self.side, self.name, self.before, self.after)


def demanded(changes: Iterable[Change], *, same_bytes: bool) -> Step:
    """The step that changes demand together; files of equal interfaces that differ are a patch apart."""
    return Step.NONE if same_bytes else max((change.step for change in changes), default=Step.PATCH)

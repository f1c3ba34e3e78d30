"""What every toolchain adapter is made of: pure nouns and one protocol.

An adapter describes: it lists files, and says which command compiles them. It starts no process
and touches no network; ``wasmbuild.build`` does.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wasmbuild.build.action import Action
from wasmbuild.build.tool import ToolPin
from wasmbuild.project import Target

__all__ = ["Detection", "Toolchain"]


@dataclass(frozen=True, slots=True)
class Detection:
    """What a toolchain found: paths relative to the project, sorted, and the reason in words.

    ``inputs`` are the sources and whatever else the compiler may read.
    """

    language: str
    sources: tuple[str, ...]
    inputs: tuple[str, ...]
    why: str


class Toolchain(Protocol):
    """How one language compiles."""

    @property
    def language(self) -> str:
        """The word for it in ``wasmbuild.toml``."""

    def pin(self) -> ToolPin:
        """The release of its tool that wasmbuild was tested with."""

    def detect(self, root: Path, patterns: tuple[str, ...] = ()) -> Detection | None:
        """The sources in the folder: those that ``patterns`` name, or those that look like its own.

        Raises InvalidProject when a pattern names nothing, or a file outside the project.
        """

    def action(self, target: Target, found: Detection) -> Action:
        """The command that makes ``<target>.wasm`` of what was detected."""

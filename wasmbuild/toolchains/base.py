"""What every toolchain adapter is made of: pure nouns and one protocol.

An adapter describes: it says whether the sources are its own, which tools it needs, and which
commands make a wasm file of them. It starts no process, touches no network, and writes nothing;
``wasmbuild.build`` does. Another package adds one by the entry point ``wasmbuild.toolchains``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wasmbuild.build.action import Action
from wasmbuild.build.tool import HostTool, Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.project import Target

__all__ = ["ENTRY_POINTS", "Detection", "Need", "Toolchain"]

ENTRY_POINTS = "wasmbuild.toolchains"

Need = str | HostTool
"""A tool: the name of one that wasmbuild pins, or the description of one that the machine must have."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What a toolchain found: paths relative to the project, sorted, and the reason in words.

    ``sources`` are what the compiler is given, ``inputs`` those and whatever else it may read.
    ``entry`` is the one file to begin with, for languages that have it. ``certain`` is false when the
    files may as well belong to another language's project: then one that is certain goes first.
    """

    language: str
    sources: tuple[str, ...]
    inputs: tuple[str, ...]
    why: str
    entry: str | None = None
    certain: bool = True


class Toolchain(Protocol):
    """How one language compiles."""

    @property
    def language(self) -> str:
        """The word for it in ``wasmbuild.toml``."""

    @property
    def description(self) -> str:
        """One line for ``doctor`` and lists: what compiles it, and to what."""

    @property
    def reproducible(self) -> str | None:
        """None when the same sources give the same bytes; else why they do not, in a sentence."""

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The sources in the project: those that ``target.sources`` names, or those that look like its own.

        Raises InvalidProject when a pattern names nothing that this language compiles.
        """

    def needs(self, target: Target) -> Sequence[Need]:
        """The tools that ``actions`` will ask for. Raises InvalidProject for a setting that it cannot fulfil."""

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:
        """The commands that make ``<target>.wasm``, which is the only output of the last one; pure.

        It is a core module, or a component where the compiler makes one; what is to become a component
        otherwise, or to be optimised, gets further actions from ``wasmbuild.toolchains.finish``.
        Raises InvalidProject for a setting that it cannot fulfil.
        """

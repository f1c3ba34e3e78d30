"""ToolPin and Tool: a release of a compiler, decided by hash; and the same, unpacked.

Not here: how one becomes the other (``wasmbuild.build.provision``).
"""

from dataclasses import dataclass
from pathlib import Path

from registry.digest import Digest
from registry.model import canonical_json

__all__ = ["Artifact", "Tool", "ToolPin"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a package's release, for some platform; ``sha256`` is 64 hex digits."""

    file_name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ToolPin:
    """A release of a tool, decided: the files of all platforms, by hash."""

    name: str
    package: str
    version: str
    artifacts: tuple[Artifact, ...]

    @property
    def digest(self) -> Digest:
        """The hash over everything that the pin says; the order of artifacts does not matter."""
        artifacts = sorted((artifact.file_name, artifact.sha256) for artifact in self.artifacts)
        return Digest.of(canonical_json([self.name, self.package, self.version, artifacts]))

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is there, whole: what was pinned, unpacked in the folder ``root``."""

    pin: ToolPin
    root: Path

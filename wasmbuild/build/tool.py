"""Tools: what a pin says, what the machine has, and the same, ready to be used.

Not here: how a pin becomes a tool (``wasmbuild.build.provision``), and how one of the machine is
found (``wasmbuild.build.host``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.digest import Digest
from registry.strictjson import canonical_json

__all__ = ["Artifact", "HostTool", "NpmTree", "Requirement", "Tool", "ToolPin", "Toolbox", "Wheels"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a package's release, for some platform; ``sha256`` is 64 hex digits."""

    file_name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Wheels:
    """A release on a Python package index: the wheels of all platforms, one of which is unpacked."""

    artifacts: tuple[Artifact, ...]


@dataclass(frozen=True, slots=True)
class NpmTree:
    """A package of npm with everything that it needs.

    ``lock`` is the text of a ``package-lock.json`` (version 3) in canonical JSON: every package in it
    has a version and a SHA-512 integrity, and none has an address.
    """

    lock: str


@dataclass(frozen=True, slots=True)
class ToolPin:
    """A release of a tool, decided by hash for every platform."""

    name: str
    package: str
    version: str
    source: Wheels | NpmTree

    @property
    def digest(self) -> Digest:
        """The hash over everything that the pin says; the order of artifacts does not matter."""
        said: object
        if isinstance(self.source, Wheels):
            said = sorted((artifact.file_name, artifact.sha256) for artifact in self.source.artifacts)
        else:
            said = {"npm": self.source.lock}
        return Digest.of(canonical_json([self.name, self.package, self.version, said]))

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that must be below the root of a tool of the machine, and how to get it.

    ``pattern`` is a glob relative to the root; ``hint`` is a command to paste.
    """

    pattern: str
    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class HostTool:
    """A tool that the machine has, described: where to look, what to ask it, and what of it decides bytes.

    ``programs`` are names, of which the first that is on PATH counts; ``variable`` names a variable of
    the environment that holds the root instead. ``root`` are arguments after which the program prints
    its root; empty means the folder above the one that the program is in. ``version`` are arguments
    after which it prints its version, which is group 1 of ``version_pattern``; empty: it is not asked.
    ``contents`` are globs below the root: what they name is hashed, together with the program. ``hint``
    says how to get it.
    """

    name: str
    programs: tuple[str, ...]
    version: tuple[str, ...]
    version_pattern: str
    hint: str
    variable: str | None = None
    root: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    requires: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is there, whole, below the folder ``root``.

    ``digest`` is what enters the key of an action: that of the pin, or that of what is there for a
    tool of the machine, which is not ``pinned``. ``program`` is where a tool of the machine was found.
    """

    name: str
    version: str
    digest: Digest
    root: Path
    pinned: bool = True
    program: Path | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


Toolbox = Mapping[str, Tool]
"""The tools that a build uses, by name."""

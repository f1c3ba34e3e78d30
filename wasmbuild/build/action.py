"""Action: a command described, not run; ActionKey: the hash of everything that decides its result.

Pure data. Not here: running it (``wasmbuild.build.runner``), and looking a result up by its key.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from registry.digest import Digest
from registry.model import canonical_json
from wasmbuild.errors import InvalidProject

__all__ = ["Action", "ActionKey", "InputFile", "Output", "digest_inputs"]

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Output:
    """A place in a command where the path of an output belongs; it differs from run to run."""

    name: str


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that the command reads: its path relative to the project, and its content."""

    path: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Action:
    """A command that runs in the project's folder; every path in it is relative.

    ``program`` is a path inside the tool's folder, ``inputs`` are paths inside the project,
    ``outputs`` names of files in a fresh folder. ``env`` is what the command sees beyond the
    runner's fixed environment. ``caches`` are variables that point into the user's cache: they make
    it faster and never decide bytes, so they are not part of the key. ``first_time`` is a sentence
    for the person when the command warms up such a cache.
    """

    tool: str
    program: str
    arguments: tuple[str | Output, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    caches: tuple[tuple[str, str], ...] = ()
    first_time: str | None = None

    def command(self, tool_root: Path, output_folder: Path) -> list[str]:
        """The argument list to run, with the tool and the outputs where they are this time."""
        rest = [str(output_folder / part.name) if isinstance(part, Output) else part for part in self.arguments]
        return [str(tool_root / self.program), *rest]


@dataclass(frozen=True, slots=True)
class ActionKey:
    """SHA-256 over command, environment, tool and inputs: the same key, the same bytes."""

    digest: Digest

    @classmethod
    def of(cls, action: Action, tool: Digest, inputs: Sequence[InputFile]) -> Self:
        """The key; ``tool`` is the digest of the pin, ``inputs`` those of ``action.inputs``."""
        document = {
            "version": 1,
            "tool": str(tool),
            "program": action.program,
            "arguments": [{"output": a.name} if isinstance(a, Output) else a for a in action.arguments],
            "env": sorted(action.env),
            "inputs": sorted((file.path, str(file.digest)) for file in inputs),
            "outputs": action.outputs,
        }
        return cls(Digest.of(canonical_json(document)))

    def __str__(self) -> str:
        return str(self.digest)


def digest_inputs(root: Path, paths: Sequence[str]) -> tuple[InputFile, ...]:
    """Hash the inputs of an action, read in chunks. Raises InvalidProject for one that cannot be read."""
    return tuple(InputFile(path, _digest(root / path, path)) for path in paths)


def _digest(file: Path, shown: str) -> Digest:
    hasher = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                hasher.update(chunk)
    except OSError as error:
        raise InvalidProject(f"{shown} cannot be read", cause=error.strerror) from error
    return Digest("sha256", hasher.hexdigest())

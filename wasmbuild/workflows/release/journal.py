"""The journal of a release: what is staged where, written before the first tag is set and removed after the last.

Whoever finds one finishes that release: what is staged, and made of the same sources, is not made again. It is a file
in ``dist``, read strictly; one that cannot be read, or is of another version of wasmbuild, is worth nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from registry.digest import Digest
from registry.errors import Failure, InvalidDocument, StorageFailed
from registry.files import read_regular, storage_errors, write_atomically
from registry.strictjson import load_json
from wasmbuild.caches import CACHE_VARIABLE, Caches
from wasmbuild.errors import ReleaseRunning
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.compile import OUTPUT_FOLDER
from wasmbuild.workflows.release.scope import Item

__all__ = ["JOURNAL", "Entry", "Journal", "alone"]

JOURNAL = "release-journal.json"
_FORMAT = 1
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """A target that is staged: its version in its repository, what it is, and the key of the action that made it."""

    label: str
    reference: str
    digest: Digest
    action_key: str

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> "Entry":
        """Read one. Raises KeyError, TypeError, InvalidDigest."""
        label, reference, key = value["label"], value["reference"], value["actionKey"]
        if not all(isinstance(each, str) for each in (label, reference, key)):
            raise TypeError
        return cls(label, reference, Digest.parse(value["digest"]), key)

    def is_of(self, item: Item) -> bool:
        """Whether it is of a target at its version."""
        return (self.label, self.reference) == (item.label, str(item.reference))

    def to_json(self) -> dict[str, str]:
        """An entry of the file."""
        return {
            "label": self.label,
            "reference": self.reference,
            "digest": str(self.digest),
            "actionKey": self.action_key,
        }


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of a workspace."""

    path: Path

    @classmethod
    def of(cls, workspace: Path) -> "Journal":
        """Where it is."""
        return cls(workspace / OUTPUT_FOLDER / JOURNAL)

    def read(self, sink: Sink) -> tuple[Entry, ...]:
        """What an interrupted release has staged; nothing where none was interrupted."""
        try:
            value = load_json(read_regular(self.path, _MAX_BYTES), str(self.path))
            if value["format"] != _FORMAT:
                return ()
            return tuple(Entry.parse(each) for each in value["staged"])
        except FileNotFoundError:
            return ()
        except (OSError, Failure, InvalidDocument, KeyError, TypeError, AttributeError):
            sink(Note("warning", f"{self.path.name} cannot be read, and nothing is taken from it"))
            return ()

    def write(self, entries: Iterable[Entry]) -> None:
        """Write down what is staged. Raises StorageFailed; then it is as it was."""
        text = json.dumps({"format": _FORMAT, "staged": [each.to_json() for each in entries]}, indent=2)
        with storage_errors(f"{self.path} could not be written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, f"{text}\n".encode())

    def end(self) -> None:
        """The release is finished."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


@contextmanager
def alone(workspace: Path, caches: Caches) -> Iterator[None]:
    """A block during which no other release of this workspace goes on here. Raises ReleaseRunning, StorageFailed."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  (nothing else here waits for others)

    with _lockable(caches):
        folder = caches.folder("releases")
        lock = FileLock(folder / f"{sha256(bytes(workspace.resolve())).hexdigest()[:32]}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise ReleaseRunning(
                "another release of this workspace is going on",
                cause="it is on this machine, in another process",
                hint="wait for it, or end it",
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _lockable(caches: Caches) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"two releases at once cannot be kept apart: nothing can be written to {caches.root}",
            cause=error.strerror or str(error),
            hint=f"set {CACHE_VARIABLE} to a folder that can be written",
        ) from error

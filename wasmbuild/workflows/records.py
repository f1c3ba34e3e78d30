"""Records: what was built last in a project, so that what is as it was is left alone, and changes can be explained.

They are in the user's cache and never decide bytes: without them, or with wrong ones, a build only does more.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from registry.digest import Digest
from registry.errors import Failure
from registry.files import open_regular
from registry.model import Descriptor
from wasmbuild.build.action import ActionKey
from wasmbuild.caches import Caches
from wasmbuild.workflows.planning import Planned

__all__ = ["Packaged", "Record", "Records", "stat_of"]

_VERSION = 1
_MAX_RECORDS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """The last build of one target: its key, its file, and what was written into that.

    ``stat`` is the file's device, inode, size and times in nanoseconds.
    """

    key: str
    digest: Digest
    stat: tuple[int, ...]
    about: Mapping[str, str]

    @classmethod
    def of(cls, key: ActionKey, digest: Digest, file: Path, about: Mapping[str, str]) -> "Record":
        """The record of a file that was just put in place."""
        return cls(str(key), digest, stat_of(file), about)

    def holds(self, key: ActionKey, about: Mapping[str, str], file: Path) -> bool:
        """Whether building it again would change nothing."""
        return self.key == str(key) and self.about == about and self.stat == stat_of(file)


@dataclass(frozen=True, slots=True)
class Packaged:
    """The artifact that was last made of a target: what decided it, its manifest, and its blobs with their ``stat``."""

    identity: str
    manifest: Descriptor
    blobs: Mapping[str, tuple[int, ...]]

    def to_json(self) -> dict[str, Any]:
        """As it is written down."""
        return {"identity": self.identity, "manifest": self.manifest.to_json(), "blobs": dict(self.blobs)}

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "Packaged":
        """Read it. Raises what malformed data raises."""
        blobs = {str(path): tuple(stat) for path, stat in entry["blobs"].items()}
        return cls(str(entry["identity"]), Descriptor.from_json(entry["manifest"]), blobs)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one target."""

    record: Record
    packaged: Packaged | None = None

    def to_json(self) -> dict[str, Any]:
        record = {**asdict(self.record), "digest": str(self.record.digest)}
        return {**record, "packaged": self.packaged.to_json() if self.packaged else None}


@dataclass(slots=True)
class Records:
    """The records of all projects of a user; one file for each project."""

    caches: Caches
    _read: dict[Path, dict[str, _Known]] = field(default_factory=dict)
    _descriptions: dict[Path, bytes] = field(default_factory=dict)
    _changed: set[Path] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def of(self, planned: Planned) -> Record | None:
        """What is known of a target."""
        with self._lock:
            known = self._project(planned.root).get(planned.part.target.name)
        return known.record if known else None

    def packaged(self, planned: Planned) -> Packaged | None:
        """The artifact that was last made of a target."""
        with self._lock:
            known = self._project(planned.root).get(planned.part.target.name)
        return known.packaged if known else None

    def keep(self, planned: Planned, record: Record, descriptions: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember a build and the descriptions of its actions, by name; ``save`` writes it down."""
        with self._lock:
            self._project(planned.root)[planned.part.target.name] = _Known(record)
            self._descriptions[self._description(planned)] = json.dumps(descriptions).encode()
            self._changed.add(planned.root)

    def keep_packaged(self, planned: Planned, packaged: Packaged) -> None:
        """Remember the artifact of a target whose build is known."""
        with self._lock:
            targets, name = self._project(planned.root), planned.part.target.name
            if name in targets:
                targets[name] = replace(targets[name], packaged=packaged)
                self._changed.add(planned.root)

    def descriptions(self, planned: Planned) -> dict[str, Any] | None:
        """Those of the last build of a target, if they are known."""
        try:
            with open_regular(self._description(planned)) as file:
                found = json.loads(file.read(_MAX_RECORDS))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def save(self) -> None:
        """Write down what changed. Raises StorageFailed."""
        with self._lock:
            for root in self._changed:
                known = self._read[root].items()
                entries = {name: each.to_json() for name, each in known}
                document = {"version": _VERSION, "root": str(root), "targets": entries}
                path = self._path(root)
                _write(path, json.dumps(document).encode())
            for path, data in self._descriptions.items():
                _write(path, data)
            self._changed.clear()
            self._descriptions.clear()

    def files(self, root: Path) -> tuple[Path, ...]:
        """Where what is known of a project is written down, as far as it is."""
        path = self._path(root)
        return tuple(sorted(path.parent.glob(f"{path.stem}*.json")))

    def _project(self, root: Path) -> dict[str, _Known]:
        if root not in self._read:
            self._read[root] = _parsed(self._path(root))
        return self._read[root]

    def _path(self, root: Path) -> Path:
        return self.caches.root / "projects" / f"{sha256(os.fsencode(root)).hexdigest()[:32]}.json"

    def _description(self, planned: Planned) -> Path:
        path = self._path(planned.root)
        return path.with_name(f"{path.stem}-{planned.part.target.name}.json")


def _write(path: Path, data: bytes) -> None:
    from wasmbuild.build.cache.arriving import arriving  # noqa: PLC0415  (where nothing changed, nothing is written)

    with arriving(path, mode=0o644) as file:
        file.write(data)


def _parsed(path: Path) -> dict[str, _Known]:
    try:
        with open_regular(path) as file:
            document = json.loads(file.read(_MAX_RECORDS))
        if document["version"] != _VERSION:
            return {}
        return {name: _record(entry) for name, entry in document["targets"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Failure):
        return {}


def _record(entry: Mapping[str, Any]) -> _Known:
    key, digest = str(entry["key"]), Digest.parse(entry["digest"])
    record = Record(key, digest, tuple(entry["stat"]), dict(entry["about"]))
    return _Known(record, Packaged.parse(entry["packaged"]) if entry["packaged"] else None)


def stat_of(file: Path) -> tuple[int, ...]:
    """A file's device, inode, size and times in nanoseconds; empty when there is none."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

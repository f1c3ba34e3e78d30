"""What the lock files pin, and whether that is all of it: each package by version and by hash.

They are read more strictly than pip reads them: there is nothing in them but packages.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

__all__ = ["Lock", "Pin", "beyond", "read_lock"]

_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Pin:
    """One version of a package, where it is installed (a marker, perhaps empty), and the hashes of its files."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file: what it pins, and what is wrong with it."""

    name: str
    pins: tuple[Pin, ...]
    findings: tuple[str, ...]


def read_lock(path: Path) -> Lock:
    """Read a lock file; what is no pinned package with hashes is a finding."""
    pins, findings = [], []
    for line in _entries(path.read_text(encoding="utf-8")):
        try:
            pins.append(_pin(line))
        except ValueError as error:
            findings.append(f"{path.name}: {line.split()[0]}: {error}")
    return Lock(path.name, tuple(pins), tuple(findings))


def beyond(lock: Lock, whole: Lock) -> Iterator[str]:
    """What a lock pins, and the lock of everything does not, or not with the same files."""
    known = {(pin.name, pin.version): pin.hashes for pin in whole.pins}
    for pin in lock.pins:
        if pin.hashes != known.get((pin.name, pin.version)):
            yield f"{lock.name}: {pin.name} {pin.version} is not what {whole.name} pins"


def _entries(text: str) -> Iterable[str]:
    """The lines of a lock, those that go on as one, without remarks."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return filter(None, (" ".join(entry.split()) for entry in "\n".join(lines).replace("\\\n", " ").splitlines()))


def _pin(line: str) -> Pin:
    """Read one entry. Raises ValueError, which says what it is not."""
    hashes = frozenset(_HASH.findall(line))
    try:
        wanted = Requirement(_HASH.sub("", line).strip())
    except InvalidRequirement as error:
        raise ValueError("this is no package, and a lock has nothing else") from error
    versions = [each for each in wanted.specifier if each.operator == "==" and not each.version.endswith(".*")]
    if wanted.url is not None or len(versions) != 1 or len(wanted.specifier) != 1:
        raise ValueError("it is not pinned to one version")
    if not hashes:
        raise ValueError("it has no hash")
    return Pin(canonicalize_name(wanted.name), versions[0].version, str(wanted.marker or ""), hashes)

"""WIT packages of a project: those that ``wkg.lock`` names, and those under ``wit/deps``.

A component names the ones that it uses itself; a module does not.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from registry.digest import Digest
from registry.errors import InvalidDigest
from wasmbuild.errors import InvalidProject
from wasmbuild.sbom.locks.package import Package
from wasmbuild.sbom.locks.reading import VERSION, Text, as_table, checked, count, read_lock

__all__ = ["FOLDER", "LOCK", "read", "read_folder"]

LOCK = "wkg.lock"
FOLDER = "wit/deps"

MAX_FILES = 2000
"""Files of WIT below ``wit/deps``."""

_LABEL = r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*"
_NAME = re.compile(rf"{_LABEL}:{_LABEL}", re.ASCII)
_HEADER = re.compile(
    rf"^[ \t]*+package\s++({_LABEL}:{_LABEL})(?:@([0-9A-Za-z.+-]{{1,100}}))?\s*+;", re.ASCII | re.MULTILINE
)
_REMARK = re.compile(r"//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")  # an open one takes all, or it would take long


def read(lock: Text) -> tuple[Package, ...]:
    """The packages of ``wkg.lock``, with the digests of what was fetched. Raises InvalidProject."""
    found = []
    for each in as_table(lock).tables("packages"):
        name = checked(each, "name", _NAME)
        for version in each.tables("versions"):
            try:
                archives = (Digest.parse(version.text("digest") or ""),)
            except InvalidDigest as error:
                raise version.invalid("digest", "is not a digest") from error
            found.append(Package("wit", name, checked(version, "version", VERSION), lock.file, archives=archives))
    count(lock.file, found)
    return tuple(found)


def read_folder(folder: Path) -> tuple[Package, ...]:
    """The packages whose WIT is under ``wit/deps`` of a project, by the files' own headers.

    Raises InvalidProject for a file that cannot be read.
    """
    return tuple(_packages(folder))


def _packages(folder: Path) -> Iterator[Package]:
    try:
        files = sorted(islice((folder / FOLDER).rglob("*.wit"), MAX_FILES + 1))
    except OSError:
        return
    if len(files) > MAX_FILES:
        raise InvalidProject(f"{FOLDER} has more than {MAX_FILES} files of WIT")
    for file in files:
        name = file.relative_to(folder).as_posix()
        text = read_lock(folder, name)
        header = _HEADER.search(_REMARK.sub("", text.text)) if text else None
        if header is not None:
            yield Package("wit", header[1], header[2] or "", name)

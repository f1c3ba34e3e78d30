"""Files that a person named: described and read as content, or written whole or not at all."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from registry.content import Opener, VerifyingReader
from registry.digest import Digest
from registry.errors import ContentNotFound, DigestMismatch, SizeMismatch, StorageFailed
from registry.files import open_regular, replacing, storage_errors
from registry.model import Descriptor
from wasmbuild.errors import TargetExists, UsageFailed

__all__ = ["Contents", "FileContent", "behind_links", "described", "steady", "write_file"]


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file held when it was described, and how to read it."""

    descriptor: Descriptor
    opener: Opener


def described(
    path: Path, media_type: str, *, algorithm: str = "sha256", annotations: Mapping[str, str] | None = None
) -> FileContent:
    """Read a file once, to describe it; never whole in memory.

    Raises UsageFailed when it cannot be read, or is no regular file.
    """
    try:
        with open_regular(path) as file:
            encoded = hashlib.file_digest(file, algorithm).hexdigest()
            size = file.tell()
    except OSError as error:
        raise UsageFailed(f"{path} cannot be read", cause=error.strerror) from error
    descriptor = Descriptor(media_type, Digest(algorithm, encoded), size, annotations=dict(annotations or {}))
    return FileContent(descriptor, partial(open_regular, path))


class Contents:
    """Things to copy from that are in no store: files, and bytes that we made."""

    def __init__(self, openers: Mapping[Digest, Opener]) -> None:
        self._openers = openers

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content.

        Raises ContentNotFound; StorageFailed for a file that cannot be opened any more.
        """
        if descriptor.digest not in self._openers:
            raise ContentNotFound(f"{descriptor.digest} is not among what is sent")
        try:
            return VerifyingReader(self._openers[descriptor.digest](), descriptor)
        except OSError as error:
            raise StorageFailed(f"{error.filename} can no longer be read", cause=error.strerror) from error


@contextmanager
def steady() -> Iterator[None]:
    """Say about a file that changed after it was described that this is what has happened."""
    try:
        yield
    except (DigestMismatch, SizeMismatch) as failure:
        if failure.side == "source":
            failure.hint = "a file changed while it was being sent: run the command again"
        raise


def behind_links(output: Path) -> Path:
    """The file that a path to be written leads to.

    Raises TargetExists for what is no file, such as a device; StorageFailed.
    """
    with storage_errors(f"{output} could not be written"):
        target = Path(os.path.realpath(output))
        if target.exists() and not target.is_file():
            raise TargetExists(f"{output} is not a file, and is not replaced by one")
    return target


def write_file(output: Path, chunks: Iterable[bytes]) -> None:
    """Write a file, which gets its name when all chunks are there. A symbolic link is followed.

    Who may read a file that was there already may read the new one.

    Raises TargetExists for what is no file, such as a device; StorageFailed; what the chunks raise.
    """
    if not output.name:
        raise UsageFailed("--output names no file")
    target = behind_links(output)
    with replacing(target, mode=_mode(target)) as file:
        for chunk in chunks:
            file.write(chunk)


def _mode(target: Path) -> int:
    with storage_errors(f"{target} could not be written"):
        return stat.S_IMODE(target.stat().st_mode) & 0o777 if target.exists() else 0o644

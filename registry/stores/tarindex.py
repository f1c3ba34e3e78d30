"""Where the members of a tar file are: its headers are read once, by ``tarfile``, and nothing is extracted.

Headers are untrusted: how many there are, how long each is, and what kinds count, is bounded here.
What the members hold is not known here.
"""

import io
import os
import posixpath
import re
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from io import FileIO

from registry.errors import ContentTooLarge, InvalidDocument

__all__ = ["MOST_MEMBERS", "Member", "find_members"]

MOST_MEMBERS = 50_000
_LONGEST_HEADER = 16 * 1024
_ALL_HEADERS = MOST_MEMBERS * 4 * tarfile.BLOCKSIZE
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
}
_OF_ONE_MEMBER = frozenset({"path", "linkpath", "size"})
"""What a global header of pax may not say (POSIX.1, pax, "g"): some readers take it for all members, others do not."""
_MALFORMED = (tarfile.TarError, ValueError, LookupError, TypeError, ArithmeticError, AttributeError, RecursionError)
"""What ``tarfile`` raises for headers that make no sense."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where a regular file begins in the tar file, and its size, in bytes."""

    start: int
    size: int


def find_members(file: FileIO, wanted: re.Pattern[str], folders: Collection[str] = ()) -> Mapping[str, Member]:
    """The regular files whose paths ``wanted`` matches; others are passed over.

    Paths are as whoever unpacks makes them: without a leading slash, ``.`` and ``..``. Raises InvalidDocument for what
    is no tar file, damaged or compressed, for a wanted path that comes twice or is a link, a sparse file or anything
    but a regular file, and for one of ``folders`` that is none; ContentTooLarge.
    """
    path = file.name
    _refuse_compressed(file)
    end = os.fstat(file.fileno()).st_size
    found: dict[str, Member] = {}
    for info in _headers(file):
        name = posixpath.normpath(f"/{info.name}").lstrip("/")
        if name in folders and not info.isdir():
            raise InvalidDocument(f"{path} is not an archive of a layout", cause=f"{name} is not a folder in it")
        if not wanted.fullmatch(name):
            continue
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse():
            raise InvalidDocument(f"{path} is not an archive of a layout", cause=f"{name} is not a regular file in it")
        if name in found:
            raise InvalidDocument(f"{path} is not an archive of a layout", cause=f"{name} is in it twice")
        if info.size < 0 or info.offset_data + info.size > end:
            raise InvalidDocument(f"{path} is damaged", cause=f"it ends inside {name}")
        found[name] = Member(info.offset_data, info.size)
    return found


def _refuse_compressed(file: FileIO) -> None:
    start = os.pread(file.fileno(), 8, 0)
    for magic, tool in _COMPRESSED.items():
        if start.startswith(magic):
            raise InvalidDocument(
                f"{file.name} is compressed with {tool}",
                hint=f"decompress it first: {tool} -dc {file.name} > archive.tar",
            )


def _headers(file: FileIO) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(fileobj=_Headers(file), mode="r:") as tar:
            count = 0
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # it would keep them all
                count += 1
                if count > MOST_MEMBERS:
                    raise ContentTooLarge(f"{file.name} has more than {MOST_MEMBERS} members")
                if tar.pax_headers.keys() & _OF_ONE_MEMBER:
                    raise InvalidDocument(f"{file.name} is damaged", cause="it has one name or size for all members")
                yield info
            _check_end(file, tar.offset)
    except _MALFORMED as error:
        raise InvalidDocument(f"{file.name} is not a tar file, or damaged", cause=str(error)[:200] or None) from error


def _check_end(file: FileIO, offset: int) -> None:
    """A header that makes no sense ends a tar file for ``tarfile``; for us only zeros or nothing do."""
    if os.pread(file.fileno(), tarfile.BLOCKSIZE, offset).strip(b"\0"):
        raise InvalidDocument(f"{file.name} is damaged", cause=f"there is no header at byte {offset}")


class _Headers(io.RawIOBase):
    """The tar file as ``tarfile`` sees it while it reads headers: it gets no more than headers have."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._at = 0
        self._read = 0

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise ContentTooLarge(f"{self._file.name} has a header of more than {_LONGEST_HEADER} bytes")
        data = os.pread(self._file.fileno(), size, self._at)
        self._at += len(data)
        self._read += len(data)
        if self._read > _ALL_HEADERS:
            raise ContentTooLarge(f"{self._file.name} has more than {_ALL_HEADERS} bytes of headers")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence != os.SEEK_SET or not 0 <= offset < 2**63:
            raise ValueError("a member is outside of the file")
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

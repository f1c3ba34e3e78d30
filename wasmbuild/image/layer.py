"""A layer of one file, as tar (POSIX.1, ustar) in gzip (RFC 1952): the same bytes wherever it is written.

It is made while it is read, and never held whole. Nothing is compressed: what a compressor makes of the same bytes
differs between its versions, and the digest would with it, while there is one way to write stored blocks.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from registry.content import CHUNK
from registry.digest import Digest
from registry.model import Descriptor

__all__ = ["FileLayer", "Wrapped"]

_BLOCK = 512
_STORED = 0xFFFF
"""Bytes of a stored block (RFC 1951, section 3.2.4)."""
_GZIP = bytes.fromhex("1f8b08000000000000ff")
"""Deflate, no name, no time, an unknown system."""

Chunks = Generator[bytes, None, None]
Reading = Callable[[], Chunks]
"""Reads a file from its start, each time it is called."""


@dataclass(frozen=True, slots=True)
class FileLayer:
    """A layer with one executable file; ``modified`` is in seconds since 1970, ``size`` in bytes."""

    name: str
    size: int
    modified: int
    reading: Reading

    def open(self) -> "Wrapped":
        """The bytes of the layer. Reading raises what reading the file does."""
        return Wrapped(self._gzip())

    def measured(self, media_type: str) -> tuple[Descriptor, Digest]:
        """What the layer is, and the digest of the tar file in it, which an image's config names.

        Reads the file once.
        """
        inner, outer, size = hashlib.sha256(), hashlib.sha256(), 0
        for chunk in self._gzip(inner.update):
            outer.update(chunk)
            size += len(chunk)
        return Descriptor(media_type, Digest("sha256", outer.hexdigest()), size), Digest("sha256", inner.hexdigest())

    def _tar(self) -> Chunks:
        entry = tarfile.TarInfo(self.name)
        entry.size, entry.mtime, entry.mode = self.size, self.modified, 0o755
        yield entry.tobuf(tarfile.GNU_FORMAT)
        yield from self.reading()
        yield bytes(-self.size % _BLOCK + 2 * _BLOCK)

    def _gzip(self, seen: Callable[[bytes], object] = len) -> Chunks:
        yield _GZIP
        checksum = size = 0
        for block in _evenly(self._tar()):
            seen(block)
            checksum = zlib.crc32(block, checksum)
            size += len(block)
            yield b"".join((b"\0", _lengths(len(block)), block))
        yield b"".join((b"\1", _lengths(0), checksum.to_bytes(4, "little"), (size % 2**32).to_bytes(4, "little")))


class Wrapped:
    """What is yielded, as a source of bytes."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        held = [self._rest] if self._rest else []
        count = len(self._rest)
        while count < size and (chunk := next(self._chunks, b"")):
            held.append(chunk)
            count += len(chunk)
        data = b"".join(held)
        self._rest = data[size:]
        return data[:size]

    def close(self) -> None:
        """Let go of the file."""
        self._chunks.close()


def _evenly(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one length, but for the last, however they come."""
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        whole = len(rest) - len(rest) % _STORED
        for start in range(0, whole, _STORED):
            yield bytes(rest[start : start + _STORED])
        del rest[:whole]
    if rest:
        yield bytes(rest)


def _lengths(size: int) -> bytes:
    return size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")

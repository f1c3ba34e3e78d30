"""Stores with one fault each, around real ones."""

import threading
import time
from collections.abc import Callable

from registry.content import ContentStore, Fetcher, Opener, Readable, VerifyingReader
from registry.digest import Digest
from registry.errors import Unreachable
from registry.model import Descriptor

__all__ = ["FAULTS", "Faulty", "PushFailsOnce", "breaks", "ends_early", "goes_on", "lies", "short", "slow"]

Fault = Callable[[Readable, Descriptor], Readable]


class Faulty:
    """A source whose blobs and documents come through a reader with a fault."""

    def __init__(self, store: Fetcher, fault: Fault) -> None:
        self._store = store
        self._fault = fault

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        return VerifyingReader(self._fault(self._store.fetch(descriptor), descriptor), descriptor)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class PushFailsOnce:
    """A destination that takes half of each content the first time, and loses it."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._failed: set[Digest] = set()
        self._guard = threading.Lock()

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        with self._guard:
            first = descriptor.digest not in self._failed
            self._failed.add(descriptor.digest)
        if not first:
            self._store.push(descriptor, body)
            return
        with VerifyingReader(body(), descriptor) as reader:
            reader.read(descriptor.size // 2)
        raise Unreachable("the destination went away")

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class _Changed:
    """A reader that asks ``change`` what becomes of what was read, and how much was read before it."""

    def __init__(self, reader: Readable, change: Callable[[bytes, int], bytes], most: int = 1 << 20) -> None:
        self._reader = reader
        self._change = change
        self._most = most
        self._seen = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._reader.read(self._most if size < 0 else min(size, self._most))
        changed = self._change(data, self._seen)
        self._seen += len(data)
        return changed

    def close(self) -> None:
        self._reader.close()


def breaks(reader: Readable, descriptor: Descriptor) -> Readable:
    """The connection breaks in the middle."""

    def change(data: bytes, seen: int) -> bytes:
        if seen + len(data) > descriptor.size // 2 or not data:
            raise Unreachable("the connection broke")
        return data

    return _Changed(reader, change, max(1, descriptor.size // 5))


def lies(reader: Readable, descriptor: Descriptor) -> Readable:
    """One bit is another."""
    return _Changed(reader, lambda data, seen: bytes([data[0] ^ 1]) + data[1:] if data and not seen else data)


def ends_early(reader: Readable, descriptor: Descriptor) -> Readable:
    """The last byte is missing."""
    return _Changed(reader, lambda data, seen: data[:-1] if seen + len(data) == descriptor.size else data)


def goes_on(reader: Readable, descriptor: Descriptor) -> Readable:
    """There is one byte more."""
    return _Changed(reader, lambda data, seen: data + b"!" if data and seen + len(data) == descriptor.size else data)


def short(most: int) -> Fault:
    """No read gives more than so many bytes; more of them are given when the content is long."""
    return lambda reader, descriptor: _Changed(reader, lambda data, seen: data, max(most, descriptor.size // 2000))


def slow(reader: Readable, descriptor: Descriptor) -> Readable:
    """Every read takes a while."""

    def change(data: bytes, seen: int) -> bytes:
        time.sleep(0.002)
        return data

    return _Changed(reader, change, max(1, descriptor.size // 4))


FAULTS: dict[str, Fault] = {
    "breaks": breaks,
    "lies": lies,
    "ends early": ends_early,
    "goes on": goes_on,
    "1 byte": short(1),
    "2 bytes": short(2),
    "3 bytes": short(3),
    "7 bytes": short(7),
    "slow": slow,
}

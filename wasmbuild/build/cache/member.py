"""Member: one of several caches, and whether it is still worth asking.

A cache that cannot be used is a warning, once, and is left alone for the rest of the build. One that
gives something damaged is not believed, and is left alone when it does so again and again.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from threading import Lock
from typing import Literal, TypeVar

from registry.content import Opener, Readable
from registry.digest import Digest
from registry.errors import ContentNotFound, ContentTooLarge, DigestMismatch, Failure, InvalidDocument, SizeMismatch
from registry.model import Descriptor
from wasmbuild.build.action import ActionKey
from wasmbuild.build.cache.result import ActionResult, OutputBlob
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.errors import InvalidSignature, Unsigned
from wasmbuild.events import Note, Sink

__all__ = ["MAX_DAMAGED", "Member", "contents_of"]

MAX_DAMAGED = 5
"""Things that do not hold after which a cache is left alone."""

_Answer = TypeVar("_Answer")
_DAMAGED = (InvalidDocument, DigestMismatch, SizeMismatch, ContentTooLarge, InvalidSignature)


class Member:
    """A cache among others; for several threads. None of its methods raises."""

    def __init__(self, cache: ActionCache, sink: Sink) -> None:
        self.cache = cache
        self.reading = cache.readable
        self.writing = cache.writable
        self._sink = sink
        self._kept: set[ActionKey] = set()
        self._said: set[str] = set()
        self._damaged = 0
        self._lock = Lock()

    def find(self, key: ActionKey, outputs: Collection[str]) -> ActionResult | None:
        """What the cache says that an action gave, when it says so credibly."""

        def look() -> ActionResult | None:
            result = self.cache.find(key)
            if result is not None and not result.has(outputs):
                raise InvalidDocument("it has not the outputs of this action")
            return result

        result = self._read(look, lambda: self.cache.drop(key))
        if result is not None:
            self._remember(key)
        return result

    def fetch(self, result: ActionResult, output: OutputBlob, destination: Path) -> bool:
        """Whether the cache gave an output, which is in its place now."""

        def get() -> bool:
            self.cache.fetch(output, destination)
            return True

        return self._read(get, lambda: self._forget(result)) or False

    def keeps(self, key: ActionKey) -> bool:
        """Whether the cache has a result, or is not to be asked again to take it."""
        with self._lock:
            if key in self._kept:
                return True
        try:
            return self.cache.has(key)
        except _DAMAGED:
            return False
        except (Failure, OSError) as failure:
            self._stop("writing", failure)
            return True

    def write(self, key: ActionKey, work: Callable[[ActionCache], object]) -> None:
        """Write a result, if that can be."""
        try:
            work(self.cache)
        except _SourceFailed:
            return  # another cache's fault, which shows when that is asked next
        except _DAMAGED as failure:  # too large, or changed while it was read: the next one may be better
            self._say("warning", f"cache {self.cache.name}: a result is not kept: {failure}")
        except (Failure, OSError) as failure:
            self._stop("writing", failure)
        self._remember(key)

    def _read(self, work: Callable[[], _Answer], forget: Callable[[], object]) -> _Answer | None:
        try:
            return work()
        except ContentNotFound:  # it was removed, or never whole
            return None
        except Unsigned as failure:
            self._say("info", f"{failure}; they are not used")
        except _DAMAGED as failure:
            self._say("warning", f"cache {self.cache.name}: a result does not hold and is not used: {failure}")
            self._count_damaged(failure)
            forget()
        except (Failure, OSError) as failure:
            self._stop("reading", failure)
        return None

    def _forget(self, result: ActionResult) -> None:
        contents = [result.manifest, result.description, *(blob.descriptor for blob in result.outputs)]
        self.cache.drop(result.key, *contents)
        with self._lock:
            self._kept.discard(result.key)

    def _remember(self, key: ActionKey) -> None:
        with self._lock:
            self._kept.add(key)

    def _count_damaged(self, failure: Failure) -> None:
        with self._lock:
            self._damaged += 1
            enough = self._damaged >= MAX_DAMAGED
        if enough and self.cache.shared:
            self._stop("reading", failure)

    def _stop(self, what: Literal["reading", "writing"], failure: Failure | OSError) -> None:
        """Leave the cache alone; what cannot be read is not written to either."""
        self.writing = False
        if what == "reading":
            self.reading = False
        done = "used" if what == "reading" else "written to"
        self._say("warning", f"cache {self.cache.name} is not {done} any more in this build: {failure}")

    def _say(self, level: Literal["info", "warning"], text: str) -> None:
        with self._lock:
            new = text not in self._said
            self._said.add(text)
        if new:
            self._sink(Note(level, text))


class _SourceFailed(Exception):
    """The cache that content comes from failed, and not the one it goes to."""


class _Passing(Readable):
    """Content on its way from one cache to another."""

    def __init__(self, source: Readable) -> None:
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._source.read(size)
        except (Failure, OSError) as failure:
            raise _SourceFailed from failure

    def close(self) -> None:
        self._source.close()


def contents_of(result: ActionResult, cache: ActionCache) -> dict[Digest, Opener]:
    """How to open everything that belongs to a result, out of a cache that has it."""

    def opener(descriptor: Descriptor) -> Opener:
        def open_it() -> Readable:
            try:
                return _Passing(cache.store.fetch(descriptor))
            except (Failure, OSError) as failure:
                raise _SourceFailed from failure

        return open_it

    return {each.digest: opener(each) for each in (result.description, *(blob.descriptor for blob in result.outputs))}

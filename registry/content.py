"""What a store of content can do: protocols of one to three methods, and the verifying reader.

Memory, OCI layout, remote repository and the server's storage all pass the same contract tests.
Content is named by a descriptor. Bytes travel as readers, never as one string, except documents
(manifests and indexes), which are bounded by ``MAX_MANIFEST``.
"""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from registry.digest import Digest
from registry.errors import ContentTooLarge, DigestMismatch, SizeMismatch
from registry.model import MAX_MANIFEST, Descriptor

__all__ = [
    "CHUNK",
    "ContentStore",
    "Fetcher",
    "Mounter",
    "Opener",
    "Pusher",
    "Readable",
    "Referred",
    "ReferrerIndex",
    "Skippable",
    "Store",
    "TagStore",
    "VerifyingReader",
    "read_all",
    "read_past",
    "verifying",
]

CHUNK = 1024 * 1024
"""Bytes moved at a time."""


class Readable(Protocol):
    """A source of bytes that can be closed."""

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; empty at the end."""

    def close(self) -> None:
        """Let go of what is behind it; more than once is fine."""


@runtime_checkable
class Skippable(Readable, Protocol):
    """A source that can begin later than at its start."""

    def skip(self, count: int, /) -> bool:
        """Leave out the first ``count`` bytes, before anything was read; False when that cannot be."""


Opener = Callable[[], Readable]
"""Opens the same bytes from the start, each time it is called: a retry needs them again."""


class Fetcher(Protocol):
    """Gives content."""

    def fetch(self, descriptor: Descriptor, /) -> "VerifyingReader":
        """A reader of the content, which the caller closes.

        Raises ContentNotFound when the store does not have it.
        """


class Pusher(Protocol):
    """Takes content."""

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Store the content, whole and verified, or not at all; doing it twice is fine.

        Raises DigestMismatch or SizeMismatch when the bytes are not the ones described.
        """


class ContentStore(Fetcher, Pusher, Protocol):
    """Gives and takes content."""

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether the store has the content, whole."""


@runtime_checkable
class Mounter(Protocol):
    """Takes over content that is next door already."""

    def mount(self, descriptor: Descriptor, source: Fetcher, /) -> bool:
        """Take a blob over from a neighbour, without its bytes passing through here.

        False when ``source`` is no neighbour, or the registry would not; then it is to be pushed.
        """


class TagStore(Protocol):
    """Names for content."""

    def resolve(self, name: str, /) -> Descriptor:
        """The manifest or index behind a tag or a digest.

        Raises ContentNotFound.
        """

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let ``name`` mean this manifest or index, which the store must already have."""

    def tags(self) -> list[str]:
        """All tags, sorted by their characters."""


class ReferrerIndex(Protocol):
    """The way from a manifest to those that have it as their subject."""

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        """Their descriptors, with ``artifactType`` and annotations, in a stable order.

        An empty list means that there are none; a store that cannot tell raises instead.
        """


class Referred(Fetcher, ReferrerIndex, Protocol):
    """Content that can be asked what refers to it."""


class Store(ContentStore, TagStore, ReferrerIndex, Protocol):
    """All of it: what a repository is, wherever it lives."""


class VerifyingReader:
    """A reader that checks size and digest of what passes through it.

    The check is complete when ``read`` has returned the empty end; until then the bytes are a
    promise. Raises SizeMismatch as soon as there are too many bytes, or at the end when there are
    too few, and DigestMismatch at the end.
    """

    def __init__(self, source: Readable, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self._source = source
        self._hasher = descriptor.digest.hasher()
        self._seen = 0
        self._checked = False

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes; empty at the end, once all of it is verified."""
        if size < 0:
            return b"".join(self)
        data = self._source.read(size)
        self._seen += len(data)
        if self._seen > self.descriptor.size:
            raise SizeMismatch(
                f"{self.descriptor.digest} is larger than promised",
                cause=f"the descriptor says {self.descriptor.size} bytes, {self._seen} have arrived",
            )
        self._hasher.update(data)
        if not data and size != 0:
            self._check()
        return data

    def resume(self, have: Iterable[bytes], count: int) -> bool:
        """Count ``have``, the first ``count`` bytes from an earlier time, as read; before anything was.

        False, and ``have`` is not touched, when the source cannot begin later.
        """
        if not isinstance(self._source, Skippable) or not self._source.skip(count):
            return False
        for chunk in have:
            self._seen += len(chunk)
            self._hasher.update(chunk)
        return True

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(CHUNK):
            yield chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what it reads from; does not verify."""
        self._source.close()

    def _check(self) -> None:
        if self._checked:
            return
        expected = self.descriptor
        if self._seen != expected.size:
            raise SizeMismatch(
                f"{expected.digest} is shorter than promised",
                cause=f"the descriptor says {expected.size} bytes, {self._seen} have arrived",
            )
        found = Digest(expected.digest.algorithm, self._hasher.hexdigest())
        if found != expected.digest:
            raise DigestMismatch(
                f"the content of {expected.digest} does not match its digest",
                cause=f"the bytes that arrived are {found}",
            )
        self._checked = True


def read_past(reader: Readable, count: int) -> None:
    """Read bytes, and forget them; fewer when there are no more."""
    while count > 0 and (data := reader.read(min(count, CHUNK))):
        count -= len(data)


def verifying(reader: Readable, descriptor: Descriptor) -> VerifyingReader:
    """The reader itself, when it checks this very content already; else one that does, around it."""
    if isinstance(reader, VerifyingReader) and reader.descriptor.plain() == descriptor.plain():
        return reader
    return VerifyingReader(reader, descriptor)


def read_all(store: Fetcher, descriptor: Descriptor, limit: int = MAX_MANIFEST) -> bytes:
    """The verified bytes of content that is small enough to hold.

    Raises ContentTooLarge, before anything is read, when the descriptor promises more than
    ``limit`` bytes.
    """
    if descriptor.size > limit:
        raise ContentTooLarge(
            f"{descriptor.digest} has {descriptor.size} bytes", cause=f"at most {limit} are read here"
        )
    with store.fetch(descriptor) as reader:
        return reader.read()

"""A repository, as whoever decides about its tags sees it: from another thread, to read, and not for ever."""

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from io import BytesIO
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection

from registry.content import Opener, VerifyingReader
from registry.digest import Digest
from registry.errors import ContentNotFound, ContentTooLarge, GraphTooLarge, StorageFailed
from registry.model import Descriptor, is_document
from registry.server.database import Database
from registry.server.metadata.blobs import find_blob
from registry.server.metadata.manifests import StoredManifest, find_manifest, referrers
from registry.server.metadata.tags import tag_names
from registry.server.storage.protocol import BlobStorage
from registry.strictjson import canonical_json

__all__ = ["MAX_CALLS", "MAX_REFERRERS", "RepositoryView"]

MAX_CALLS = 10_000
"""Look-ups for one answer."""

MAX_REFERRERS = 1000
"""What refers to one manifest, as it is listed here."""

_MAX_TAGS = 10_000

Result = TypeVar("Result")


class RepositoryView:
    """A ``registry.content.Store`` that can only be read.

    Every method is for threads other than the event loop's, several at once. All raise StorageFailed once it is
    closed, ContentTooLarge when more was read than is allowed; ``failure`` is what the database or the
    storage could not do, which is then raised as well.
    """

    def __init__(
        self,
        database: Database,
        storage: BlobStorage,
        repository: str,
        pushed: Descriptor,
        content: bytes,
        *,
        limit: int,
        patience: float,
    ) -> None:
        """``pushed`` is a manifest that may not be kept yet, with its bytes; for the event loop's thread.

        ``limit`` is in bytes, ``patience`` in seconds for each look-up.
        """
        self.failure: OSError | None = None
        self._database, self._storage, self._repository = database, storage, repository
        self._pushed, self._content = pushed, content
        self._left, self._calls, self._patience = limit, MAX_CALLS, patience
        self._counting = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def close(self) -> None:
        """Give nothing any more."""
        self._closed = True

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of a manifest or a blob of the repository. Raises ContentNotFound."""
        digest = descriptor.digest
        if digest == self._pushed.digest:
            return VerifyingReader(BytesIO(self._content), descriptor)
        if is_document(descriptor.media_type):
            found = self._manifest(digest)
            if found is not None:
                self._take(len(found.content))
                return VerifyingReader(BytesIO(found.content), descriptor)
        blob = self._read(partial(find_blob, repository=self._repository, digest=digest))
        if blob is None:
            raise ContentNotFound(f"{self._repository} has no {digest}")
        chunks = self._storage.chunks(digest, blob.key)
        return VerifyingReader(_Chunks(chunks, self._chunk), descriptor)

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether the repository has it, or is about to."""
        digest = descriptor.digest
        if digest == self._pushed.digest or self._manifest(digest) is not None:
            return True
        return self._read(partial(find_blob, repository=self._repository, digest=digest)) is not None

    def resolve(self, name: str, /) -> Descriptor:
        """What a tag means so far, or a manifest by its digest. Raises ContentNotFound."""
        reference = Digest.parse(name) if ":" in name else name
        if reference == self._pushed.digest:
            return self._pushed
        found = self._manifest(reference)
        if found is None:
            raise ContentNotFound(f"{self._repository} has no {name}")
        return Descriptor(found.media_type, Digest.parse(found.digest), found.size)

    def tags(self) -> list[str]:
        """All tags. Raises GraphTooLarge for more than 10000."""
        names = self._read(partial(tag_names, repository=self._repository, after="", limit=_MAX_TAGS + 1)) or []
        if len(names) > _MAX_TAGS:
            raise GraphTooLarge(f"{self._repository} has more than {_MAX_TAGS} tags")
        return sorted(names)

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        """What refers to a manifest, by digest. Raises GraphTooLarge for more than 1000."""

        def find(connection: Connection) -> list[Descriptor]:
            found = list[Descriptor]()
            for entry in referrers(connection, self._repository, subject.digest, artifact_type, ""):
                self._take(len(canonical_json(entry.to_json())))
                found.append(entry)
                if len(found) > MAX_REFERRERS:
                    raise GraphTooLarge(f"more than {MAX_REFERRERS} manifests refer to {subject.digest}")
            return found

        return self._read(find)

    def push(self, descriptor: Descriptor, body: Opener, /) -> NoReturn:  # noqa: ARG002 - the shape of a store
        """Whoever decides changes nothing: raises StorageFailed."""
        raise StorageFailed(f"{descriptor.digest} cannot be put here: this is for reading")

    def tag(self, descriptor: Descriptor, name: str, /) -> NoReturn:  # noqa: ARG002
        """Whoever decides changes nothing: raises StorageFailed."""
        raise StorageFailed(f"{name} cannot be a tag here: this is for reading")

    def _manifest(self, reference: Digest | str) -> StoredManifest | None:
        return self._read(partial(find_manifest, repository=self._repository, reference=reference))

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        return self._wait(partial(self._database.read, work))

    def _chunk(self, chunks: AsyncIterator[bytes]) -> bytes:
        try:
            data = self._wait(partial(_next, chunks))
        except FileNotFoundError as error:
            raise ContentNotFound(f"{self._repository} has lost a content") from error
        self._take(len(data))
        return data

    def _wait(self, begin: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Have something done on the event loop, which is the only one who speaks to database and storage."""
        with self._counting:
            self._calls -= 1
        if self._closed or self._calls < 0:
            raise StorageFailed("this look at a repository has ended", cause="it took too long, or too many look-ups")
        future = asyncio.run_coroutine_threadsafe(begin(), self._loop)
        try:
            return future.result(self._patience)
        except concurrent.futures.TimeoutError as error:
            future.cancel()
            raise StorageFailed("the registry did not answer itself in time") from error
        except FileNotFoundError:
            raise
        except OSError as error:
            self.failure = error
            raise

    def _take(self, count: int) -> None:
        with self._counting:
            self._left -= count
        if self._left < 0:
            raise ContentTooLarge(f"too much of {self._repository} is needed to decide about a tag")


class _Chunks:
    """A blob, a chunk at a time."""

    def __init__(self, chunks: AsyncIterator[bytes], take: Callable[[AsyncIterator[bytes]], bytes]) -> None:
        self._chunks, self._take, self._held, self._ended = chunks, take, b"", False

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes."""
        while not self._ended and (size < 0 or not self._held):
            data = self._take(self._chunks)
            self._held, self._ended = self._held + data, not data
        taken = self._held if size < 0 else self._held[:size]
        self._held = self._held[len(taken) :]
        return taken

    def close(self) -> None:
        """Nothing more is asked for: what is behind it goes with it."""
        self._ended, self._held = True, b""


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    """The next bytes that are not empty; empty at the end."""
    async for data in chunks:
        if data:
            return data
    return b""

"""What a storage of blobs can do, whichever it is.

The storage keeps bytes under keys of its own; which repository may read which digest, and which key
a digest has, the rows say. All waiting is done off the event loop.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy import Connection
from starlette.responses import Response

from registry.digest import Digest
from registry.server.metadata.uploads import KnownUpload
from registry.server.ranges import Span

__all__ = ["BlobStorage", "Incoming", "Known", "StorageDown", "UploadBusy", "WrongDigest"]


class StorageDown(OSError):  # no Failure: the application turns it into an answer
    """The storage does not answer, or not as it should; the same may work in a while."""


class UploadBusy(Exception):  # no Failure: the route turns it into an answer
    """Another request is writing to this upload."""


class WrongDigest(Exception):  # no Failure: the route turns it into an answer
    """The bytes that arrived have another digest; ``found`` says which."""

    def __init__(self, found: Digest) -> None:
        super().__init__(str(found))
        self.found = found


class Incoming(Protocol):
    """One upload, held by one request, which ends with one of ``suspend``, ``seal`` and ``discard``."""

    @property
    def id(self) -> str:
        """The upload's id."""

    @property
    def size(self) -> int:
        """Bytes that have arrived so far."""

    async def append(self, batch: Iterable[bytes]) -> None:
        """Take more bytes. Raises FileNotFoundError when those before are gone."""

    async def rewind(self, size: int) -> None:
        """Forget what came after the first ``size`` bytes, which were there when the request began."""

    async def suspend(self) -> str | None:
        """Let go of it, to go on later: what to remember in the row's ``state``; None: nothing.

        When it is something, the row's ``size`` is to be this ``size`` too.
        """

    def holds(self, connection: Connection) -> bool:
        """Whether nobody else has taken the upload over; asked in each transaction that changes its row."""

    def seal(self, digest: Digest) -> AbstractAsyncContextManager[str]:
        """Make the bytes a blob, safe on the disk: entering gives its key.

        Rows are committed inside: until it is left, nobody deletes bytes of that digest. When it
        is left by an exception, the blob is left to be collected. Raises WrongDigest, and then
        nothing is left; FileNotFoundError when the bytes are gone.
        """

    async def discard(self) -> None:
        """Delete it; also after ``seal``, when the same bytes were there already."""


class BlobStorage(Protocol):
    """Bytes, by key. Whatever waits for a storage elsewhere raises StorageDown when that does not answer."""

    min_chunk: int
    """Chunks of an upload, but for the last, should have as many bytes (``OCI-Chunk-Min-Length``); 0: any."""

    async def check(self) -> None:
        """Find out, before anything is served, whether it can be used. Raises StorageFailed."""

    async def begin(self, upload: str, algorithm: str) -> tuple[Incoming, str]:
        """A new, empty upload, and the ``state`` to remember with it."""

    async def resume(self, upload: KnownUpload) -> Incoming:
        """Go on with an upload. Raises FileNotFoundError when there is none, UploadBusy."""

    async def size(self, upload: KnownUpload) -> int:
        """How many bytes of an upload have arrived. Raises FileNotFoundError."""

    async def idle(self, before: float) -> list[str]:
        """Uploads that last grew before a time, as far as the storage knows without rows."""

    async def abandon(self, upload: KnownUpload, before: float) -> bool:
        """Delete what there is of an upload; False when it grew after ``before``, or somebody is at it."""

    async def response(
        self, digest: Digest, key: str, size: int, span: Span | None, headers: Mapping[str, str], method: str
    ) -> Response:
        """An answer with the bytes, or ``span`` of them. Raises FileNotFoundError when they are gone."""

    async def exists(self, digest: Digest, key: str) -> bool:
        """Whether the bytes are there."""

    def chunks(self, digest: Digest, key: str) -> AsyncIterator[bytes]:
        """The bytes, for reading them back. Raises FileNotFoundError."""

    def removing(self, digest: Digest, key: str) -> AbstractAsyncContextManager[None]:
        """Nobody seals the same digest while this is held; raises UploadBusy when somebody does."""

    async def remove(self, digest: Digest, key: str) -> None:
        """Delete bytes, if they are there; inside ``removing``."""

    async def quarantine(self, digest: Digest, key: str) -> None:
        """Put damaged bytes where nobody reads them, for a person to look at; inside ``removing``."""

    def orphans(self, known: "Known") -> AsyncIterator[tuple[Digest, str]]:
        """Bytes that no row knows, which a crash left; empty where rows know all of them.

        Each may be removed, without ``removing``, until the next is asked for.
        """

    async def close(self) -> None:
        """Let go of everything."""


class Known(Protocol):
    """Asks the rows."""

    async def __call__(self, digests: list[Digest]) -> set[Digest]:
        """Which of these have a row."""

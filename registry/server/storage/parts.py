"""An upload to a bucket: parts of one size, and whatever is too little for a part as an object of its own.

What is there, the row of the upload says, so that any replica may go on. Objects for what is too
little are never written twice, and parts are named by what is in them: a request that slept while
another went on changes nothing.
"""

import asyncio
import contextlib
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from sqlalchemy import Connection

from registry.digest import ALGORITHMS, Digest, Hasher
from registry.server.metadata.uploads import KnownUpload
from registry.server.storage.bucket import Bucket
from registry.server.storage.buffer import Budget, PartBuffer
from registry.server.storage.hashers import Hashers
from registry.server.storage.lease import Lease
from registry.server.storage.protocol import WrongDigest

__all__ = ["PartedUpload", "UploadState", "Workshop"]


@dataclass(frozen=True, slots=True)
class UploadState:
    """``uploads.state``: where the bytes of an upload are.

    ``key`` is of the blob to be, ``part`` how many bytes each part has, ``multipart`` the id of the
    multipart upload (empty: none yet), ``tags`` the entity tags of its parts, ``tail`` the key of the
    object with the bytes after those (empty: there are none), ``old`` the key of the tail before.
    """

    key: str
    part: int
    multipart: str = ""
    tags: tuple[str, ...] = ()
    tail: str = ""
    old: str = ""

    def encode(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what ``encode`` wrote."""
        fields = json.loads(text)
        return cls(**{**fields, "tags": tuple(fields["tags"])})

    @property
    def parted(self) -> int:
        """How many bytes are in parts."""
        return len(self.tags) * self.part


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all uploads share: the bucket, the beginning of the keys of tails, memory, a folder, and hashes."""

    bucket: Bucket
    tails: str
    budget: Budget
    folder: Path
    hashers: Hashers

    def buffer(self, part: int) -> PartBuffer:
        """A new, empty one for so many bytes."""
        return PartBuffer(self.budget, self.folder, part)

    async def erase(self, upload: str, state: UploadState) -> None:
        """Delete whatever there is of an upload, also what its row does not know yet."""
        self.hashers.forget(upload)
        await self.bucket.delete(state.key)
        await self.tidy(upload, state.key)

    async def tidy(self, upload: str, key: str) -> None:
        """Delete what there is of an upload beside its object; requests that were cut off may have left more."""
        await asyncio.gather(self.bucket.abort_parts(key), self._erase_tails(upload))

    async def _erase_tails(self, upload: str) -> None:
        for key in await self.bucket.keys(f"{self.tails}{upload}/"):
            await self.bucket.delete(key)


class PartedUpload:
    """One upload, held by one request. At most two parts of it wait: one that grows and one that leaves."""

    def __init__(self, workshop: Workshop, known: KnownUpload, lease: Lease, *, new: bool = False) -> None:
        self.id = known.id
        self.size = known.size
        self._workshop = workshop
        self._algorithm = known.algorithm
        self._state = UploadState.decode(known.state)
        self._begun = (self.size, self._state)
        self._new = new
        self._lease = lease
        self._hasher = self._fresh() or workshop.hashers.take(known.id, known.state)
        self._buffer: PartBuffer | None = None
        self._leaving: asyncio.Task[str] | None = None

    # -- growing --------------------------------------------------------------------------------------

    async def append(self, batch: Iterable[bytes]) -> None:
        """Hash it, and send a part whenever there is one. Raises FileNotFoundError, StorageDown."""
        buffer = await self._filled()
        pieces: deque[memoryview] = deque()
        await asyncio.to_thread(self._take, buffer, batch, pieces)
        while pieces:
            buffer = await self._send(buffer)
            await asyncio.to_thread(self._fill, buffer, pieces)

    def _take(self, buffer: PartBuffer, batch: Iterable[bytes], pieces: deque[memoryview]) -> None:
        for data in batch:
            self.size += len(data)
            if self._hasher is not None:
                self._hasher.update(data)
            pieces.append(memoryview(data))
        self._fill(buffer, pieces)

    def _fill(self, buffer: PartBuffer, pieces: deque[memoryview]) -> None:
        while pieces and (room := self._state.part - buffer.size):
            piece = pieces.popleft()
            buffer.write(piece[:room])
            if len(piece) > room:
                pieces.appendleft(piece[room:])

    async def _filled(self) -> PartBuffer:
        """The buffer, with the bytes that were too few for a part the last time."""
        if self._buffer is None:
            self._lease.keep()
            buffer = self._workshop.buffer(self._state.part)
            try:
                if self._state.tail:
                    await self._load(buffer)
            except BaseException:
                buffer.close()
                raise
            self._buffer = buffer
        return self._buffer

    async def _load(self, buffer: PartBuffer) -> None:
        reader = await self._workshop.bucket.open(self._state.tail, self.size - self._state.parted)
        async with contextlib.aclosing(reader.chunks()) as chunks:  # type: ignore[type-var]
            async for data in chunks:
                await asyncio.to_thread(buffer.write, data)

    async def _send(self, full: PartBuffer) -> PartBuffer:
        """Let a part leave, once the one before has left; the buffer that is filled next."""
        await self._settle()
        if not self._state.multipart:
            multipart = await self._workshop.bucket.begin_parts(self._state.key)
            self._state = replace(self._state, multipart=multipart)
        self._leaving = asyncio.create_task(self._put(full, len(self._state.tags) + 1))
        self._buffer = self._workshop.buffer(self._state.part)
        return self._buffer

    async def _put(self, part: PartBuffer, number: int) -> str:
        try:
            content = await asyncio.to_thread(part.sealed)
            return await self._workshop.bucket.put_part(self._state.key, self._state.multipart, number, content)
        finally:
            part.close()

    async def _settle(self) -> None:
        if self._leaving is not None:
            leaving, self._leaving = self._leaving, None
            self._state = replace(self._state, tags=(*self._state.tags, await leaving))

    # -- pausing --------------------------------------------------------------------------------------

    async def rewind(self, size: int) -> None:
        """Go back to what the row says; hashes cannot, so that the bytes will be read once more."""
        if size == self.size:
            return
        assert size == self._begun[0]
        await self._drop()
        self.size, state = self._begun
        # A multipart upload that began meanwhile goes on: its parts will be written over.
        self._state = replace(state, multipart=self._state.multipart)
        self._new = False
        self._hasher = self._fresh()

    def _fresh(self) -> Hasher | None:
        return ALGORITHMS[self._algorithm][0]() if self.size == 0 else None

    async def _drop(self) -> None:
        """Forget what is in memory, and what is leaving it."""
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving.cancel()
            await asyncio.wait({leaving})
            if not leaving.cancelled():
                leaving.exception()
        if self._buffer is not None:
            self._buffer.close()
            self._buffer = None

    async def suspend(self) -> str:
        """Keep what is too little for a part as an object."""
        try:
            if self.size != self._begun[0]:
                await self._store_tail()
        except BaseException:
            await self.release()
            raise
        await self._drop()
        await self._lease.end()
        state = self._state.encode()
        self._workshop.hashers.keep(self.id, state, self._hasher)
        return state

    async def _store_tail(self) -> None:
        await self._settle()
        bucket, before, buffer = self._workshop.bucket, self._begun[1], await self._filled()
        tail = ""
        if buffer.size:
            tail = f"{self._workshop.tails}{self.id}/{self._state.parted}-{uuid.uuid4().hex}"
            await bucket.put(tail, await asyncio.to_thread(buffer.sealed))
        if before.old:
            await bucket.delete(before.old)  # the row has known a newer one for long
        self._state = replace(self._state, tail=tail, old=before.tail)

    async def release(self) -> None:
        """Let go of it, as the row says it is."""
        await self._drop()
        await self._lease.release()

    def holds(self, connection: Connection) -> bool:
        """Whether it has the lease."""
        return self._lease.holds(connection)

    # -- ending ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def seal(self, digest: Digest) -> AsyncIterator[str]:
        """Make an object of it. Raises WrongDigest, FileNotFoundError, StorageDown."""
        try:
            await self._finish(digest)
            await self._lease.end()
            yield self._state.key
        except WrongDigest:
            await self.discard()
            raise
        except BaseException:
            await self.release()
            raise
        finally:
            await self._drop()

    async def _finish(self, digest: Digest) -> None:
        buffer = await self._filled()
        await self._settle()
        if digest.algorithm != self._algorithm:
            self._hasher = None
        if self._state.tags:
            await self._finish_parts(buffer, digest)
        else:
            await self._finish_alone(buffer, digest)
        if not self._new:
            await self._workshop.tidy(self.id, self._state.key)

    async def _finish_alone(self, buffer: PartBuffer, digest: Digest) -> None:
        hasher = self._hasher or digest.hasher()
        if self._hasher is None:
            await asyncio.to_thread(buffer.feed, hasher)
        _compare(digest, hasher)
        await self._workshop.bucket.put(self._state.key, await asyncio.to_thread(buffer.sealed))

    async def _finish_parts(self, buffer: PartBuffer, digest: Digest) -> None:
        if self._hasher is not None:
            _compare(digest, self._hasher)
        if buffer.size:
            await self._send(buffer)
            await self._settle()
        bucket, key = self._workshop.bucket, self._state.key
        try:
            await bucket.finish_parts(key, self._state.multipart, self._state.tags)
        except FileNotFoundError:
            # It may have been finished before, by a request that was cut off: then there is an object.
            self._hasher = None
        if self._hasher is None:
            _compare(digest, await self._read_back(digest.hasher()))

    async def _read_back(self, hasher: Hasher) -> Hasher:
        reader = await self._workshop.bucket.open(self._state.key, self.size)
        async with contextlib.aclosing(reader.chunks()) as chunks:  # type: ignore[type-var]
            async for data in chunks:
                await asyncio.to_thread(hasher.update, data)
        return hasher

    async def discard(self) -> None:
        """Delete all that there is of it."""
        await self._drop()
        await self._lease.end()
        if self.size == 0 and self._new:
            return  # nothing was ever asked of the bucket
        await self._workshop.erase(self.id, self._state)


def _compare(digest: Digest, hasher: Hasher) -> None:
    found = Digest(digest.algorithm, hasher.hexdigest())
    if found != digest:
        raise WrongDigest(found)

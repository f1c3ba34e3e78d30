"""Bodies of requests, read in bounded pieces from clients that may stand still or send too much."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import IO

from starlette.requests import ClientDisconnect, Request

from registry.server.refusal import Refusal

__all__ = ["BATCH", "HELD", "batches", "declared_length", "write_body"]

BATCH = 512 * 1024
"""Bytes that are worth a change of threads."""

HELD = 64 * 1024
"""Bytes of a manifest that wait in memory for the rest of it."""

_SLOWEST = 1024
"""Bytes a second; who sends fewer holds a connection and a file for nothing."""

_SMALLEST = 16 * 1024
_HELD_TOGETHER = 16 * 1024**2


class _Memory:
    """Bytes of bodies that wait in memory, of all requests: when these are many, each holds few."""

    def __init__(self) -> None:
        self._held = 0
        self._changing = threading.Lock()

    def change(self, count: int) -> None:
        """Count more, or fewer."""
        with self._changing:
            self._held += count

    @property
    def scarce(self) -> bool:
        """Whether requests should hold as little as they can."""
        return self._held > _HELD_TOGETHER


_MEMORY = _Memory()


class _Pace:
    """How long a client was waited for, and how much came: it may be slow, but neither stand still nor drip."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._waited = 0.0
        self._came = 0

    async def receive(self, request: Request) -> tuple[bytes, bool]:
        """The next piece, and whether there are more. Raises Refusal (408), ClientDisconnect."""
        began = time.perf_counter()
        data, more = await _receive(request, self._patience)
        self._waited += time.perf_counter() - began
        self._came += len(data)
        if self._waited >= self._patience:
            if more and self._came < _SLOWEST * self._waited:
                raise Refusal(408, "BLOB_UPLOAD_INVALID", "the request's body comes too slowly")
            self._waited, self._came = 0.0, 0
        return data, more


def declared_length(request: Request) -> int | None:
    """What ``Content-Length`` says; None without one."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


async def batches(request: Request, limit: int, patience: float, least: int = BATCH) -> AsyncIterator[list[bytes]]:
    """The body in lists of at least ``least`` bytes, or fewer when there are many bodies; the last one excepted.

    Raises Refusal (413) when it has, or says it has, more than ``limit`` bytes, and (408) when
    nothing comes for ``patience`` seconds, or hardly anything; ClientDisconnect when the client goes
    away.
    """
    if (declared_length(request) or 0) > limit:
        raise _too_large(limit)
    pace, counted = _Pace(patience), 0
    seen = held = 0
    batch: list[bytes] = []
    more = True
    try:
        while more:
            try:
                data, more = await pace.receive(request)
            except ClientDisconnect:
                yield batch  # what has arrived is worth keeping: an upload can go on from there
                raise
            seen += len(data)
            held += len(data)
            if seen > limit:
                raise _too_large(limit)
            batch.append(data)
            _MEMORY.change(len(data))
            counted += len(data)
            if held >= (_SMALLEST if _MEMORY.scarce else least):
                yield batch
                batch, before, held = [], held, 0
                if _MEMORY.scarce:
                    before = 0
                    yield []  # whoever takes a batch holds it until the next one comes
                _MEMORY.change(before - counted)
                counted = before
        if held:
            yield batch
    finally:
        _MEMORY.change(-counted)


async def _receive(request: Request, patience: float) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(patience):
            message = await request.receive()
    except TimeoutError as error:
        raise Refusal(408, "BLOB_UPLOAD_INVALID", "nothing more came of the request's body") from error
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


async def write_body(request: Request, file: IO[bytes], limit: int, patience: float) -> None:
    """Write the whole body of at most ``limit`` bytes; no more than ``HELD`` are in memory before."""
    async for batch in batches(request, limit, patience, HELD):
        await asyncio.to_thread(file.writelines, batch)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "SIZE_INVALID", f"the body is larger than the {limit} bytes that are taken here")

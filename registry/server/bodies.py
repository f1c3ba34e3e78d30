"""Bodies of requests, read in bounded pieces from clients that may stand still or send too much."""

import asyncio
from collections.abc import AsyncIterator
from typing import IO

from starlette.requests import ClientDisconnect, Request

from registry.server.refusal import Refusal

__all__ = ["BATCH", "HELD", "batches", "declared_length", "write_body"]

BATCH = 256 * 1024
"""Bytes that are worth a change of threads."""

HELD = 64 * 1024
"""Bytes of a manifest that wait in memory for the rest of it."""


def declared_length(request: Request) -> int | None:
    """What ``Content-Length`` says; None without one."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


async def batches(request: Request, limit: int, patience: float, least: int = BATCH) -> AsyncIterator[list[bytes]]:
    """The body in lists of at least ``least`` bytes, the last one excepted.

    Raises Refusal (413) when it has, or says it has, more than ``limit`` bytes, and (408) when
    nothing comes for ``patience`` seconds; ClientDisconnect when the client goes away.
    """
    if (declared_length(request) or 0) > limit:
        raise _too_large(limit)
    seen = held = 0
    batch: list[bytes] = []
    more = True
    while more:
        try:
            data, more = await _receive(request, patience)
        except ClientDisconnect:
            yield batch  # what has arrived is worth keeping: an upload can go on from there
            raise
        seen += len(data)
        held += len(data)
        if seen > limit:
            raise _too_large(limit)
        batch.append(data)
        if held >= least:
            yield batch
            batch, held = [], 0
    if held:
        yield batch


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

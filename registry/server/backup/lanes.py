"""Several blobs at once, and none still on its way when one of them has failed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from registry.server.backup.rows import KnownBlob

__all__ = ["in_lanes"]


async def in_lanes(blobs: Sequence[KnownBlob], lanes: int, copy: Callable[[KnownBlob], Awaitable[bool]]) -> list[str]:
    """Copy blobs, ``lanes`` of them at a time: the digests of those for which ``copy`` says that they are damaged."""

    async def one_after_another(lane: Sequence[KnownBlob]) -> list[str]:
        return [blob.digest for blob in lane if not await copy(blob)]

    tasks = [asyncio.create_task(one_after_another(blobs[number::lanes])) for number in range(lanes)]
    try:
        return [digest for found in await asyncio.gather(*tasks) for digest in found]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

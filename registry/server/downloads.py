"""Bytes that leave: files, whole or a range of them, to clients that may stand still.

A whole file is handed to the protocol server (ASGI's ``pathsend``), which reads it without Python: a
third of the processor time. It never tells of a reader that stalls; the operating system ends those
connections (``runtime.listen``), and their number is bounded. Where it does not, and for ranges and
files without a name, chunks are sent, each with a time-out.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from io import FileIO
from typing import IO

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from registry.server.ranges import Span

__all__ = ["STALLS_END", "FileResponse"]

_CHUNK = 128 * 1024
"""Bytes of one reader that are in memory at a time, or twice that: there may be many readers."""

STALLS_END = hasattr(socket, "TCP_USER_TIMEOUT")
"""The operating system ends connections whose other side does not take what is sent."""

_PATHSEND = "http.response.pathsend"
_READ_INLINE = 64 * 1024
"""Bytes that are read faster than threads are changed."""


class FileResponse(Response):
    """``span`` of an open file, which this closes. Each chunk has ``patience`` seconds to leave."""

    def __init__(
        self, file: IO[bytes] | FileIO, span: Span, status: int, headers: Mapping[str, str], patience: float
    ) -> None:
        super().__init__(None, status, {**headers, "content-length": str(span.size)}, "application/octet-stream")
        self._file = file
        self._span = span
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it. Raises TimeoutError, which breaks the connection, when the client stands still."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            elif STALLS_END and _PATHSEND in scope.get("extensions", ()) and self._whole():
                await send({"type": _PATHSEND, "path": str(self._file.name)})
            else:
                await self._send_body(send)
        finally:
            self._file.close()

    def _whole(self) -> bool:
        """Whether this is all of a file that has a name, and worth handing over."""
        named = isinstance(self._file, FileIO) and isinstance(self._file.name, str | os.PathLike)
        return named and self._span.size > _READ_INLINE and self._span == Span(0, os.fstat(self._file.fileno()).st_size)

    async def _send_body(self, send: Send) -> None:
        self._file.seek(self._span.start)
        left = self._span.size
        while left:
            data = await self._read(min(left, _CHUNK))
            if not data:
                raise OSError("the file of a blob became shorter while it was read")
            left -= len(data)
            async with asyncio.timeout(self._patience):
                await send({"type": "http.response.body", "body": data, "more_body": left > 0})
        if not self._span.size:
            await send({"type": "http.response.body", "body": b""})

    async def _read(self, size: int) -> bytes:
        if size <= _READ_INLINE:
            return self._file.read(size) or b""
        return await asyncio.to_thread(self._file.read, size) or b""

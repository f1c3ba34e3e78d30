"""A deadline for the head of an answer: status line and headers, and whatever comes before them.

A time-out holds between two packets; a server that sends one byte in each would be waited for for
ever. Bodies have a least speed instead (``registry.client.bodies``).
"""

import http.client
import io
import socket
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["POOLS"]

_PATIENCE = 90.0
"""Seconds until the head of an answer must be there."""


class _Timed(io.RawIOBase):
    """The bytes of a socket; before ``deadline``, when there is one."""

    def __init__(self, source: Any) -> None:  # noqa: ANN401 - a raw reader of a socket
        self._source = source
        self.deadline: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401 - any buffer
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TimeoutError(f"its answer had not begun after {_PATIENCE:.0f} seconds")
        count: int | None = self._source.readinto(buffer)
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self._timed = _Timed(sock.makefile("rb", buffering=0))
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        self._timed.deadline = time.monotonic() + _PATIENCE
        super().begin()
        self._timed.deadline = None


class _PlainConnection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS = {"http": _PlainPool, "https": _TlsPool}
"""Pools of connections by scheme, for a pool manager of urllib3."""

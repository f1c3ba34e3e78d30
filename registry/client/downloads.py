"""A blob on its way from a registry, which survives broken connections (RFC 9110 section 14, ranges)."""

import re
from dataclasses import replace

from registry.client.bodies import Incoming
from registry.client.transport import Request, Transport
from registry.content import CHUNK, Readable
from registry.errors import UnexpectedAnswer, Unreachable

__all__ = ["Download"]

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-\d+/(?:\d+|\*)")


class Download(Readable):
    """The body behind a GET; when the connection breaks, the rest is asked for."""

    def __init__(self, transport: Transport, request: Request) -> None:
        """Send the request. Raises what :meth:`Transport.send` raises."""
        self._transport = transport
        self._request = request
        self._patience = transport.patience()
        self._position = self._steady = self._behind = 0
        self._reader = Incoming(transport.send(request, 200))

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes. Raises Unreachable when there is no more patience."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        while True:
            try:
                self._catch_up()
                data = self._reader.read(size)
            except Unreachable as failure:
                self._patience.wait(failure)
                self._behind = 0 if self._reopen() else self._position
                continue
            self._position += len(data)
            if self._position - self._steady >= CHUNK:  # a few bytes a try are not progress
                self._steady = self._position
                self._patience.renew()
            return data

    def skip(self, count: int, /) -> bool:
        """Begin ``count`` bytes later, before anything was read; False when the registry gives no ranges."""
        self._position = self._steady = count
        if self._reopen():
            return True
        self._position = self._steady = 0
        return False

    def close(self) -> None:
        """Give the connection back, or drop it when there is more to come."""
        self._reader.close()

    def _catch_up(self) -> None:
        """Read what was read before, where the registry sends all of it again."""
        while self._behind:
            data = self._reader.read(min(self._behind, CHUNK))
            if not data:
                raise UnexpectedAnswer(self._request.what, cause="the second time it is shorter than the first")
            self._behind -= len(data)

    def _reopen(self) -> bool:
        """Ask for the rest; whether the answer is that. Otherwise it is all of it, from the start."""
        self._reader.close()
        headers = {**self._request.headers, "Range": f"bytes={self._position}-"}
        response = self._transport.send(replace(self._request, headers=headers), 200, 206)
        self._reader = Incoming(response)
        if response.status_code == 200:
            return False
        given = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if given is None or int(given[1]) != self._position:
            response.close()
            raise UnexpectedAnswer(self._request.what, cause="it gives another range than it was asked for")
        return True

"""One answer on its way through a server (ASGI 2.3), and what there is to tell of it."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from registry.words import printable
from wasmbuild.run.http.exchange import Head
from wasmbuild.run.http.printing import Answered

__all__ = ["Answer", "CutOff", "Receive", "Scope", "Send"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SHOWN = 200
_PLAIN: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"text/plain; charset=utf-8"),)
_WORDS = {
    400: b"the request is not understood\n",
    413: b"the request's body is too large\n",
    500: b"the program that answers requests here failed\n",
    503: b"no more requests are answered just now\n",
    504: b"the program that answers requests here took too long\n",
}


class CutOff(Exception):
    """An answer that was begun cannot be completed: whoever runs the application ends the connection."""


class Answer:
    """One answer on its way, and what there is to tell of it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._began = time.monotonic()
        self._status = 0
        self._size = 0
        self._complete = False

    async def part(self, head: Head, data: bytes, *, last: bool) -> None:
        """Send a part of the body, and the head before the first; to a HEAD, no body."""
        if not self._status:
            self._status = head.status
            headers = [(name.lower().encode(), value) for name, value in head.headers]
            await self._send({"type": "http.response.start", "status": head.status, "headers": headers})
        await self._body(b"" if self._scope["method"] == "HEAD" else data, last=last)

    async def cut_off(self, status: int) -> None:
        """Say that it failed while that can still be said. Raises CutOff when it cannot."""
        if self._status:
            raise CutOff("the guest ended before its answer did")
        await self.plain(status)

    async def _body(self, data: bytes, *, last: bool) -> None:
        if data or last:
            self._size += len(data)
            await self._send({"type": "http.response.body", "body": data, "more_body": not last})
            self._complete = last

    async def plain(self, status: int) -> None:
        """Answer in our own words."""
        words = _WORDS[status]
        length = (b"content-length", str(len(words)).encode())
        again = ((b"retry-after", b"1"),) if status == 503 else ()
        self._status = status
        await self._send({"type": "http.response.start", "status": status, "headers": [*_PLAIN, length, *again]})
        await self._body(words, last=True)

    def told(self) -> Answered:
        """What happened."""
        client = self._scope.get("client") or ("-", 0)
        query = self._scope["query_string"]
        target = self._scope["path"] + ("?" + query.decode("latin-1") if query else "")
        return Answered(
            client=printable(str(client[0]), _SHOWN),
            method=printable(self._scope["method"], _SHOWN),
            target=printable(target, _SHOWN),
            status=self._status,
            size=self._size,
            seconds=time.monotonic() - self._began,
            complete=self._complete,
        )

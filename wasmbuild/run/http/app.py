"""The server's side of answers: an ASGI application (spec version 2.3) whose requests guests answer, in threads.

Not here: the protocol, which is the server's that runs this, and what a guest sees, which is ``handler``'s.
"""

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from registry.words import printable
from wasmbuild.errors import GuestFailed, GuestTimedOut
from wasmbuild.run.http.exchange import Exchange, Head, Request
from wasmbuild.run.http.handler import Handler
from wasmbuild.run.http.printing import Answered, Lines, Teller, Troubled

__all__ = ["Application", "CutOff", "Serving"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_WAITING = 8
"""How many requests may wait for each guest that runs at once."""

_PAGE = 4096
_HOST_STACK = 4 * 1024**2
"""Bytes of a thread's stack beside the guest's own."""

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


@dataclass(frozen=True, slots=True)
class Serving:
    """How many guests run at once, and how many bytes the body of a request may have."""

    guests: int = 16
    body_bytes: int = 64 * 1024 * 1024


class Application:
    """Answers HTTP requests with guests. ``tell`` is called from any thread.

    Until ``open`` is set, every answer is 503, and not told: servers ask themselves whether they are there.
    """

    def __init__(self, handler: Handler, serving: Serving, tell: Teller) -> None:
        self.open = False
        self._stopping = False
        self._handler = handler
        self._serving = serving
        self._tell = tell
        self._pool = _threads(serving.guests, handler.guest.limits.stack_bytes)
        self._running: set[Exchange] = set()
        self._idle = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises CutOff."""
        if scope["type"] != "http":
            return
        answer = _Answer(scope, send)
        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._serve(scope, receive, answer)
            else:
                await answer.plain(refusal)
        finally:
            if self.open:
                self._tell(answer.told())

    async def stop(self, grace: float) -> None:
        """Give guests ``grace`` seconds, then stop them all."""
        self._stopping = True
        self._idle.clear()
        if self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)
        for exchange in tuple(self._running):
            exchange.abandon()
        self._handler.interrupt()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _refusal(self, scope: Scope) -> int | None:
        if not self.open or self._stopping or len(self._running) >= self._serving.guests * (1 + _WAITING):
            return 503
        length = _header(scope, b"content-length")
        if length is not None and length.isdigit() and int(length[:20]) > self._serving.body_bytes:
            return 413
        return None

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        request = _request(scope)
        if request is None:
            await answer.plain(400)
            return
        wakes = _Wakes(asyncio.get_running_loop())
        exchange = Exchange(request, self._serving.body_bytes, wakes.wake)
        self._running.add(exchange)
        loop = asyncio.get_running_loop()
        done = functools.partial(self._ended, exchange)
        self._pool.submit(self._guest, exchange).add_done_callback(lambda _: loop.call_soon_threadsafe(done))
        feeding = asyncio.create_task(_feed(exchange, receive, wakes.room))
        try:
            await _answer(exchange, answer, wakes.news)
        except BaseException:
            exchange.abandon()
            raise
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding
            exchange.discard()

    def _ended(self, exchange: Exchange) -> None:
        if not exchange.ended:  # it waited for a thread, and was never begun
            exchange.end(None)
        self._running.discard(exchange)
        if not self._running:
            self._idle.set()

    def _guest(self, exchange: Exchange) -> None:
        lines = Lines(self._tell)
        try:
            failure = self._handler.answer(exchange, lines)
        except Exception as error:  # noqa: BLE001 - a mistake of ours ends one answer, not the server
            what = f"the host of {self._handler.guest.name} made a mistake"
            failure = GuestFailed(what, cause=printable(f"{type(error).__name__}: {error}", _SHOWN))
        lines.end()
        if failure is not None:
            self._tell(Troubled(failure))


def _threads(number: int, stack_bytes: int) -> ThreadPoolExecutor:
    """So many threads, all of them begun, with stacks for guests and for what these call."""
    pool = ThreadPoolExecutor(number, thread_name_prefix="guest")
    everybody = threading.Barrier(number)
    before = threading.stack_size(-(-(stack_bytes + _HOST_STACK) // _PAGE) * _PAGE)
    try:
        for each in [pool.submit(everybody.wait) for _ in range(number)]:
            each.result()
    finally:
        threading.stack_size(before)
    return pool


class _Wakes:
    """What wakes the two tasks of a request, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.news = asyncio.Event()
        self.room = asyncio.Event()

    def wake(self) -> None:
        """Let both look at the exchange again."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        self.news.set()
        self.room.set()


class _Answer:
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


async def _feed(exchange: Exchange, receive: Receive, room: asyncio.Event) -> None:
    """Hand the request's body to the guest as it has room; after the end, watch for the client's leaving."""
    while True:
        room.clear()
        while not exchange.room():
            await room.wait()
            room.clear()
        message = await receive()
        if message["type"] == "http.disconnect":
            exchange.abandon()
            return
        exchange.receive(message.get("body", b""), last=not message.get("more_body", False))


async def _answer(exchange: Exchange, answer: _Answer, news: asyncio.Event) -> None:
    """Send what the guest answers as it comes. Raises CutOff."""
    while not (exchange.head or exchange.refused or exchange.broken or exchange.ended):
        await news.wait()
        news.clear()
    if exchange.head is None:
        await answer.plain(_failing(exchange))
        return
    while True:
        news.clear()
        ended = exchange.broken or exchange.ended
        data, last = exchange.take()
        if data or last:
            await answer.part(exchange.head, data, last=last)
        if last:
            return
        if ended and not data:
            await answer.cut_off(_failing(exchange))
            return
        if not data:
            await news.wait()


def _failing(exchange: Exchange) -> int:
    if exchange.abandoned:
        return 503
    return 504 if isinstance(exchange.failure, GuestTimedOut) else 500


def _request(scope: Scope) -> Request | None:
    """The head of a request; None when it is not text where text belongs."""
    raw = scope.get("raw_path") or scope["path"].encode()
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    host = _header(scope, b"host")
    try:
        target = (raw.partition(b"?")[0] + query).decode("ascii")
        headers = tuple((name.decode("ascii"), value) for name, value in scope["headers"])
        authority = host.decode("ascii") if host is not None else None
    except UnicodeDecodeError:
        return None
    return Request(scope["method"], target, scope.get("scheme", "http"), authority, headers)


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)

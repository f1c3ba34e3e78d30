"""The server's side of answers: an ASGI application (spec version 2.3) whose requests guests answer, in threads.

Not here: the protocol, which is the server's that runs this, and what a guest sees, which is ``handler``'s.
"""

import asyncio
import contextlib
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from registry.words import printable
from wasmbuild.errors import GuestFailed, GuestTimedOut
from wasmbuild.run.http.answer import Answer, Receive, Scope, Send
from wasmbuild.run.http.exchange import Exchange, Request
from wasmbuild.run.http.handler import Handler
from wasmbuild.run.http.printing import Lines, Teller, Troubled

__all__ = ["Application", "Serving"]

_WAITING = 8
"""How many requests may wait for each guest that runs at once."""

_PAGE = 4096
_HOST_STACK = 4 * 1024**2
"""Bytes of a thread's stack beside the guest's own."""

_SHOWN = 200


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
        answer = Answer(scope, send)
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
        if length is not None and length.isdigit() and int(length.lstrip(b"0")[:20] or b"0") > self._serving.body_bytes:
            return 413
        return None

    async def _serve(self, scope: Scope, receive: Receive, answer: Answer) -> None:
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


async def _feed(exchange: Exchange, receive: Receive, room: asyncio.Event) -> None:
    """Hand the request's body to the guest as it has room; after the end, watch for the client's leaving.

    A body that breaks HTTP's framing is such a leaving, too: servers end the connection then.
    """
    while True:
        room.clear()
        while not exchange.room():
            await room.wait()
            room.clear()
        message = await receive()
        if message["type"] == "http.disconnect":
            exchange.leave()
            return
        exchange.receive(message.get("body", b""), last=not message.get("more_body", False))


async def _answer(exchange: Exchange, answer: Answer, news: asyncio.Event) -> None:
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
        return 400 if exchange.left else 503
    return 504 if isinstance(exchange.failure, GuestTimedOut) else 500


def _request(scope: Scope) -> Request | None:
    """The head of a request; None when it is not text where text belongs, or not said who is asked."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) > 1 or (not hosts and scope.get("http_version") == "1.1"):  # RFC 9112 §3.2
        return None
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    try:
        raw = scope.get("raw_path") or scope["path"].encode()
        target = (raw.partition(b"?")[0] + query).decode("ascii")
        headers = tuple((name.decode("ascii"), value) for name, value in scope["headers"])
        authority = hosts[0].decode("ascii") if hosts else None
    except UnicodeError:
        return None
    return Request(scope["method"], target, scope.get("scheme", "http"), authority, headers)


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)

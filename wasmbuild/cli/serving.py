"""The server that ``serve-http`` is: its signals, its end, and what it tells on stderr.

Apart from the verb, whose ``--help`` shall not wait for an event loop to be imported.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.run.http.app import Application
    from wasmbuild.run.http.printing import Happening

__all__ = ["serve", "teller"]

_GRACE = 5.0
"""Seconds that requests have when the server ends."""


def serve(console: Console, app: "Application", listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; for the main thread. Raises ServerStopped when it ends by itself."""
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        runner.run(_serve(console, app, listener))


async def _serve(console: Console, app: "Application", listener: socket.socket) -> None:
    from registry.errors import ServerStopped
    from registry.server.config.tls import TlsConfig
    from registry.server.embedded import GRANIAN, Front

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    front = Front(app, listener, TlsConfig())
    try:
        await front.start()
        # It tells of each answer that was cut off, with a traceback; so do we, without.
        GRANIAN.setLevel(logging.CRITICAL + 1)
        app.open = True
        console.result("serve-http", f"http://{front.address}", {"address": front.address})
        stopped, ended = asyncio.create_task(stop.wait()), asyncio.create_task(front.ended())
        await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        ended.cancel()
        if not stop.is_set():
            raise ServerStopped("the server stopped on its own")
    finally:
        # No more connections from here on; those that are open last until their guests are stopped, and a bit.
        leaving = asyncio.create_task(front.stop(_GRACE + 1))
        await app.stop(_GRACE)
        if not await leaving:
            asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    if os.name == "nt":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def teller(console: Console) -> "Callable[[Happening], None]":
    """Write what happens to stderr, as a line each: of JSON where progress is."""
    lock = threading.Lock()
    words = _json if console.progress == "json" else _words
    if console.progress == "quiet":
        return lambda _: None

    def tell(happening: "Happening") -> None:
        with lock, contextlib.suppress(OSError):
            sys.stderr.write(words(happening) + "\n")
            sys.stderr.flush()

    return tell


def _words(happening: "Happening") -> str:
    from wasmbuild.run.http.printing import Answered, Printed
    from wasmbuild.ui.failure import failure_lines

    if isinstance(happening, Printed):
        return f"{happening.stream}: {happening.line}"
    if isinstance(happening, Answered):
        cut = "" if happening.complete else ", cut off"
        asked = f"{happening.client} {happening.method} {happening.target}"
        return f"{asked}: {happening.status}, {happening.size} bytes, {happening.seconds * 1000:.1f} ms{cut}"
    return "\n".join(failure_lines(happening.failure))


def _json(happening: "Happening") -> str:
    from wasmbuild.run.http.printing import Troubled

    if isinstance(happening, Troubled):
        failure = happening.failure
        said = {"code": failure.code, "what": failure.what, "cause": failure.cause, "hint": failure.hint}
    else:
        said = dataclasses.asdict(happening)
    return json.dumps({"event": type(happening).__name__, **said})

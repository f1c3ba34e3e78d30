"""Running a server: the socket, Granian, signals, and the end.

Granian is embedded: the application runs on this process's event loop, and the protocol on a
thread of Granian's. There is no worker process, so none that could be orphaned.
"""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.types import ASGIApp

from registry.errors import InvalidConfiguration, ServerStopped
from registry.server.app import create_app
from registry.server.config import ServerConfig
from registry.server.limits import connections

__all__ = ["listen", "new_event_loop", "running", "serve"]

_BACKLOG = 1024
_BUFFER = 64 * 1024
_READY_SECONDS = 30.0
_IDLE_MILLISECONDS = 10_000
_GRANIAN = logging.getLogger("_granian")
# Only a level is set: whoever embeds the server keeps their own logging.
_LOGGING: dict[str, Any] = {"version": 1, "incremental": True, "formatters": {}, "handlers": {}, "loggers": {}}


class _Embedded(Server):
    """Granian on a socket that is already bound, so that its port is known and nobody shares it."""

    def __init__(self, app: ASGIApp, listener: socket.socket, connections: int) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=_BACKLOG,
            # More connections than this wait to be accepted, until others end.
            backpressure=connections,
            # Also how long a connection may be idle before, between and after requests.
            http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MILLISECONDS, max_buffer_size=_BUFFER),
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        # Granian closes the descriptor on its own.
        holder: Any = SocketHolder  # its stub does not know how it is made
        self._shd: Any = holder(self._listener.detach(), False, _BACKLOG)


def listen(config: ServerConfig) -> socket.socket:
    """A socket that listens where the settings say.

    Raises InvalidConfiguration when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise InvalidConfiguration(
            f"cannot listen on {_address(config.host, config.port)}",
            cause="another program listens there" if taken else error.strerror,
            hint="choose another port, or 0 for any free one",
        ) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Granian keeps a connection while anything is left to send, so that the system must end those
        # of readers that stand still. Connections inherit this from the socket that accepts them.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(config.patience * 1000)))
    return listener


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.asynccontextmanager
async def running(config: ServerConfig) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """A server on this event loop: its address, once it answers, and the task that ends if it fails.

    Leaving stops it: new connections are refused, and requests in flight have ``config.grace``
    seconds. Raises InvalidConfiguration and StorageFailed.
    """
    with contextlib.closing(listen(config)) as listener:
        host, port = listener.getsockname()[:2]
        app = create_app(config)
        # Granian's own handling of the lifespan would not end when a request does not.
        async with app.router.lifespan_context(app):
            server = _Embedded(app, listener, connections())
            task = asyncio.create_task(server.serve())
            try:
                await _until_it_answers(host, port, task)
                yield _address(host, port), task
            finally:
                await _stop(server, task, config.grace)


async def _stop(server: _Embedded, task: asyncio.Task[None], grace: float) -> None:
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait({task}, timeout=grace)
    if task.done():
        task.result()
        return
    _GRANIAN.error("some clients did not finish in %g seconds and were cut off", grace)
    # What comes from here on is about those, and says no more than that.
    _GRANIAN.setLevel(logging.CRITICAL + 1)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)


async def _until_it_answers(host: str, port: int, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(_READY_SECONDS):
        while not task.done():
            with contextlib.suppress(OSError):
                if await _answers(host, port):
                    return
            await asyncio.sleep(0.01)
    raise ServerStopped("the server stopped while it was starting")


async def _answers(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET /v2/ HTTP/1.1\r\nHost: {_address(host, port)}\r\nConnection: close\r\n\r\n".encode())
        return (await reader.read(64)).startswith(b"HTTP/1.1 200 ")
    finally:
        writer.close()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop that there is here."""
    if os.name == "nt":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415  not for Windows

    return uvloop.new_event_loop()


def serve(config: ServerConfig, ready: Callable[[str], None], log: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; for the main thread.

    ``ready`` is called once, with ``host:port``, when requests are answered; ``log`` takes lines for
    a person. Raises InvalidConfiguration when the address cannot be had, StorageFailed when the data
    cannot be used.
    """
    with _log_to(log), asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(config, ready, log))


async def _serve(config: ServerConfig, ready: Callable[[str], None], log: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(config) as (address, task):
        log(f"no users are set up: every program on this machine may pull, push and delete at {address}")
        ready(address)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, task}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            raise ServerStopped("the server stopped on its own", hint="its last messages say why")
        log("stopping")


@contextlib.contextmanager
def _log_to(log: Callable[[str], None]) -> Iterator[None]:
    handler = _Lines(log)
    loggers = (_GRANIAN, logging.getLogger("registry.server"))
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.propagate = propagate
            logger.removeHandler(handler)


class _Lines(logging.Handler):
    """Gives each record to a function as text."""

    def __init__(self, log: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Give one record away."""
        self._log(self.format(record))

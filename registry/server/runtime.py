"""Running a server: its sockets, signals, and the end.

SIGTERM and SIGINT end it: it first says that it is not ready, then takes no more connections, and
gives requests in flight their time. SIGHUP lets it read its certificates again, and begin its logs
anew where they were renamed. Not in here: the protocol (``embedded``).
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from registry.errors import Failure, InvalidConfiguration, ServerStopped
from registry.server.app import create_app
from registry.server.config import ServerConfig, split_listen
from registry.server.config.tls import TlsConfig
from registry.server.embedded import GRANIAN, Front, listen_at
from registry.server.routes.health import create_health_app
from registry.server.services import Services

__all__ = ["Running", "listen", "new_event_loop", "running", "serve"]

_CLEANUP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. ``metrics`` is what serves metrics and health on an address of their own."""

    services: Services
    front: Front
    metrics: Front | None = None

    async def ended(self) -> None:
        """Returns when it stops serving although nobody asked for it."""
        await self.front.ended()

    async def reload(self) -> str:
        """Read certificates again and begin logs anew: what was done, for a person. Raises InvalidConfiguration."""
        self.services.observing.reopen()
        renewed = await self.front.reload(self.services.config.grace)
        return "certificates were read again" if renewed else "logs were opened again"

    async def stop(self) -> None:
        """Say that it ends, wait for those who look at that, and then for requests in flight."""
        observing, config = self.services.observing, self.services.config
        observing.draining = True
        await asyncio.sleep(config.drain if self.front.serving else 0)
        observing.refusing = True
        finished = await self.front.stop(config.grace)
        if self.metrics is not None:
            finished = await self.metrics.stop(1.0) and finished
        if not finished:
            GRANIAN.error("some clients did not finish in %g seconds and were cut off", config.grace)
            # What comes from here on is about those, and says no more than that.
            GRANIAN.setLevel(logging.CRITICAL + 1)
            asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
            await observing.cut_off(_CLEANUP_SECONDS)


def listen(config: ServerConfig) -> socket.socket:
    """A socket that listens where the settings say. Raises InvalidConfiguration when it cannot be had."""
    return listen_at(config.host, config.port, config.patience)


@contextlib.asynccontextmanager
async def running(config: ServerConfig, shared: socket.socket | None = None) -> AsyncIterator[tuple[str, Running]]:
    """A server on this event loop: its address, once it answers, and what can be done with it.

    ``shared`` is a socket on which other processes listen as well. Leaving stops it: new connections
    are refused, and requests in flight have ``config.grace`` seconds. Raises InvalidConfiguration and
    StorageFailed.
    """
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(contextlib.closing(shared or listen(config)))
        beside = _listen_beside(config)
        if beside is not None:
            sockets.enter_context(contextlib.closing(beside))
        app = create_app(config)
        services: Services = app.state.services
        # Granian's own handling of the lifespan would not end when a request does not.
        async with app.router.lifespan_context(app):
            front = Front(app, listener, config.tls)
            metrics = Front(create_health_app(services), beside, TlsConfig()) if beside is not None else None
            server = Running(services, front, metrics)
            try:
                # Where others listen as well, any of them may answer: it is one's own turn that counts.
                # Without a client's certificate, what asks does not come as far as to the application.
                alone = shared is None or config.tls.client_ca is not None
                await front.start(lambda: alone or bool(services.observing.meter.requests))
                if metrics is not None:
                    await metrics.start()
                yield front.address, server
            finally:
                await server.stop()


def _listen_beside(config: ServerConfig) -> socket.socket | None:
    """The socket for metrics; each of several processes takes the next port that is free."""
    if config.observing.metrics_listen is None:
        return None
    host, port = split_listen(config.observing.metrics_listen)
    for more in range(config.workers - 1 if port else 0):
        with contextlib.suppress(InvalidConfiguration):
            return listen_at(host, port + more, config.patience)
    return listen_at(host, port + config.workers - 1 if port else 0, config.patience)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop that there is here."""
    if os.name == "nt":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415  not for Windows

    return uvloop.new_event_loop()


def serve(
    config: ServerConfig, ready: Callable[[str], None], log: Callable[[str], None], shared: socket.socket | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; for the main thread. ``shared`` is as for ``running``.

    ``ready`` is called once, with ``host:port``, when requests are answered; ``log`` takes lines for
    a person. Raises InvalidConfiguration when the address cannot be had, StorageFailed when the data
    cannot be used.
    """
    if config.workers > 1 and shared is None:
        from registry.server.supervisor import supervise  # noqa: PLC0415  most servers are one process

        supervise(config, listen(config), ready, log)
        return
    with _log_to(log), asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(config, ready, log, shared))


async def _serve(
    config: ServerConfig, ready: Callable[[str], None], log: Callable[[str], None], shared: socket.socket | None
) -> None:
    stop, renew = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, renew.set)
    async with running(config, shared) as (address, server):
        log(await server.services.access.describe(address))
        if server.metrics is not None:
            log(f"metrics and health at {server.metrics.address}")
        ready(address)
        renewing = asyncio.create_task(_renew(server, renew, log))
        stopped, ended = asyncio.create_task(stop.wait()), asyncio.create_task(server.ended())
        await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        for task in (renewing, stopped, ended):
            task.cancel()
        if not stop.is_set():
            raise ServerStopped("the server stopped on its own", hint="its last messages say why")
        log("stopping")


async def _renew(server: Running, renew: asyncio.Event, log: Callable[[str], None]) -> None:
    while True:
        await renew.wait()
        renew.clear()
        try:
            log(await server.reload())
        except Failure as failure:
            log(f"{failure}; the old certificate stays in use")


@contextlib.contextmanager
def _log_to(log: Callable[[str], None]) -> Iterator[None]:
    handler = _Lines(log)
    loggers = (GRANIAN, logging.getLogger("registry.server"))
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

"""A real server for tests: a real socket, in this process, on a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from registry.server.config import ServerConfig
from registry.server.runtime import new_event_loop, running

__all__ = ["running_server"]


@contextmanager
def running_server(data: Path, config: ServerConfig | None = None) -> Iterator[str]:
    """Serve a folder on loopback, on a port that the system chooses: yields ``127.0.0.1:port``.

    ``config`` is for settings other than these. Raises what starting a server raises.
    """
    settings = replace(config or ServerConfig(data), data=data, host="127.0.0.1", port=0)
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=_run, args=(settings, started), name="registry-server", daemon=True)
    thread.start()
    address, loop, stop = started.result(timeout=60)
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=settings.grace + 10)


def _run(settings: ServerConfig, started: "Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    async def main() -> None:
        stop = asyncio.Event()
        async with running(settings) as (address, _):
            started.set_result((address, asyncio.get_running_loop(), stop))
            await stop.wait()

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)

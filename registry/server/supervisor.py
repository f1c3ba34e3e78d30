"""Several processes that serve on one socket: starts them, replaces those that die, and ends them.

The socket is bound here, so that a worker that dies takes no waiting connection with it. The workers
share nothing else but the database and the storage (``worker`` says how they are spoken to). None
outlives the supervisor: each ends when its standard input does.
"""

import asyncio
import json
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

from registry.errors import Failure, InvalidConfiguration, ServerStopped, StorageFailed
from registry.server.config import ServerConfig
from registry.server.config.values import encode

__all__ = ["supervise"]

_TRIES = 8
"""How often in a row a worker may end before it has lived for a while."""

_A_WHILE = 60.0
_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_READY_SECONDS = 120.0
_STOP_SECONDS = 10.0
_MAX_MESSAGE = 1024 * 1024
_KINDS = {kind.code: kind for kind in (InvalidConfiguration, StorageFailed, ServerStopped)}


def supervise(
    config: ServerConfig, listener: socket.socket, ready: Callable[[str], None], log: Callable[[str], None]
) -> None:
    """Serve with ``config.workers`` processes until SIGINT or SIGTERM; for the main thread.

    ``ready`` is called once, with ``host:port``, when all of them answer. Raises what a worker could
    not start for, and ServerStopped when one ends again and again.
    """
    with listener:
        asyncio.run(_Supervisor(config, listener, ready, log).run())


class _Supervisor:
    """All workers of one server."""

    def __init__(
        self, config: ServerConfig, listener: socket.socket, ready: Callable[[str], None], log: Callable[[str], None]
    ) -> None:
        self._config = config
        self._listener = listener
        self._ready = ready
        self._log = log
        self._stop = asyncio.Event()
        self._workers: set[_Worker] = set()
        self._starting = config.workers
        self._said: set[str] = set()

    async def run(self) -> None:
        """Until told to stop, or until a worker cannot be had."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        stopped = asyncio.create_task(self._stop.wait())
        slots = [asyncio.create_task(self._keep_one()) for _ in range(self._config.workers)]
        try:
            done, _ = await asyncio.wait({stopped, *slots}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stop.set()
            self._listener.close()  # who comes now is refused, and does not wait for nobody
            self._pass_on(signal.SIGTERM)
            await self._finish(slots)
        for task in done - {stopped}:
            task.result()

    async def _finish(self, slots: "list[asyncio.Task[None]]") -> None:
        _, late = await asyncio.wait(slots, timeout=self._config.drain + self._config.grace + _STOP_SECONDS)
        if late:
            self._pass_on(signal.SIGKILL)
            await asyncio.wait(late)
        for task in slots:
            if not task.cancelled():
                task.exception()  # the first is raised; the others are probably the same

    def _pass_on(self, number: signal.Signals) -> None:
        for worker in self._workers:
            worker.send(number)

    async def _keep_one(self) -> None:
        """Have one worker, and another one when it dies."""
        tries, ever = 0, False
        while not self._stop.is_set():
            began = time.monotonic()
            worker = await self._start()
            try:
                await worker.follow(_READY_SECONDS)
            finally:
                self._workers.discard(worker)
            if self._stop.is_set():
                return
            ever = ever or worker.ready
            tries = 0 if time.monotonic() - began > _A_WHILE else tries + 1
            if tries >= _TRIES or not ever:
                raise worker.failure()
            self._log(f"a worker ended ({worker.end()}); another takes its place")
            await self._pause(min(_PAUSE * 2**tries, _LONGEST_PAUSE))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    async def _start(self) -> "_Worker":
        descriptor = self._listener.fileno()
        process = await asyncio.create_subprocess_exec(
            # Without -P, a file in the current folder could stand in for a module.
            *(sys.executable, "-P", "-m", "registry.server.worker", str(descriptor)),
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=(descriptor,),
            limit=_MAX_MESSAGE,
            # Signals of the terminal come from here, once.
            start_new_session=True,
        )
        worker = _Worker(process, self._hear)
        self._workers.add(worker)
        worker.tell(json.dumps(encode(self._config)).encode())
        if self._stop.is_set():
            worker.send(signal.SIGTERM)
        return worker

    def _hear(self, worker: "_Worker", kind: str, text: str) -> None:
        if kind == "ready" and self._starting > 0:
            self._starting -= 1
            if self._starting == 0:
                self._ready(text)
        elif kind == "log":
            # What each of them says while it starts or ends is said once.
            if worker.ready and not self._stop.is_set():
                self._log(text)
            elif text not in self._said:
                self._said.add(text)
                self._log(text)


class _Worker:
    """One process."""

    def __init__(self, process: Process, hear: "Callable[[_Worker, str, str], None]") -> None:
        self._process = process
        self._hear = hear
        self._failure: Failure | None = None
        self.ready = False

    def tell(self, settings: bytes) -> None:
        """Give it its settings; the pipe stays open for as long as this process lives."""
        assert self._process.stdin is not None
        self._process.stdin.write(settings + b"\n")

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def follow(self, patience: float) -> None:
        """Pass on what it says until it has ended; ``patience`` is how long it may take to be ready."""
        assert self._process.stdout is not None
        impatient = asyncio.get_running_loop().call_later(patience, self._give_up)
        try:
            while line := await self._process.stdout.readline():
                self._take(line)
        except ValueError:
            self.send(signal.SIGKILL)  # no message is that long
        await self._process.wait()
        impatient.cancel()

    def _take(self, line: bytes) -> None:
        message = json.loads(line)
        kind = message.pop("kind")
        if kind == "failure":
            failure = _KINDS.get(message.pop("code"), ServerStopped)
            self._failure = failure(message["what"], cause=message["cause"], hint=message["hint"])
            return
        self._hear(self, kind, next(iter(message.values())))
        self.ready = self.ready or kind == "ready"

    def _give_up(self) -> None:
        if not self.ready:
            self.send(signal.SIGKILL)

    def end(self) -> str:
        """How it ended, in words."""
        if self._failure is not None:
            return str(self._failure)
        code = self._process.returncode or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def failure(self) -> Failure:
        """Why it is of no use to start it again."""
        return self._failure or ServerStopped(
            f"a worker of the server ended ({self.end()})", hint="its last messages say why"
        )

"""A TCP proxy on loopback that breaks connections after so many bytes, in front of a real registry."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Literal

Direction = Literal["up", "down"]


class Flaky:
    """``address`` is what to speak to; ``breaks`` are bytes in one direction after which to cut, one after another."""

    def __init__(self, upstream: str, direction: Direction, breaks: list[int], port: int = 0) -> None:
        host, _, upstream_port = upstream.rpartition(":")
        self._upstream = (host, int(upstream_port))
        self._direction = direction
        self._breaks = list(breaks)
        self._passed = 0
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._open: list[socket.socket] = []
        self.connections = 0
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    @property
    def passed(self) -> int:
        """Bytes that went in the direction since the last cut."""
        return self._passed

    @property
    def left(self) -> int:
        """Cuts that have not happened."""
        return len(self._breaks)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # whoever waits for connections holds it otherwise
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._upstream)
                self.connections += 1
                self._open += [client, server]
                for source, target, direction in ((client, server, "up"), (server, client, "down")):
                    Thread(target=self._carry, args=(source, target, direction), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, direction: Direction) -> None:
        cut = False
        with contextlib.suppress(OSError):
            while not cut and (data := source.recv(16 * 1024)):
                allowed = self._allowed(len(data)) if direction == self._direction else len(data)
                cut = allowed < len(data)
                target.sendall(data[:allowed])
        with contextlib.suppress(OSError):  # what was carried arrives: only whoever sent it is cut off
            target.shutdown(socket.SHUT_RDWR)
            if cut:  # a reset on the other side would discard what it has not read yet
                source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        source.close()

    def _allowed(self, count: int) -> int:
        with self._lock:
            if self._breaks and self._passed + count >= self._breaks[0]:
                allowed = self._breaks.pop(0) - self._passed
                self._passed = 0
                return min(allowed, count - 1)
            self._passed += count
            return count


@contextmanager
def flaky(upstream: str, direction: Direction, *breaks: int, port: int = 0) -> Iterator[Flaky]:
    """Serve a flaky way to a real registry, on some port or a given one."""
    proxy = Flaky(upstream, direction, list(breaks), port)
    try:
        yield proxy
    finally:
        proxy.close()

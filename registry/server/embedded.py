"""One socket and the Granian that serves it; another Granian takes over when certificates are new.

Granian is embedded: the application runs on this process's event loop, and the protocol on a thread
of Granian's. There is no worker process, so none that could be orphaned. Not in here: signals, and
what is served (``runtime``).
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.types import ASGIApp

from registry.errors import InvalidConfiguration, ServerStopped
from registry.server.config.tls import TlsConfig
from registry.server.limits import connections

__all__ = ["GRANIAN", "Front", "listen_at", "written"]

GRANIAN = logging.getLogger("_granian")

_BACKLOG = 1024
_BUFFER = 256 * 1024
_READY_SECONDS = 30.0
_SETTLED_SECONDS = 0.3
_HANDSHAKE_SECONDS = 1.0
_IDLE_MILLISECONDS = 10_000
# Only a level is set: whoever embeds the server keeps their own logging.
_LOGGING: dict[str, Any] = {"version": 1, "incremental": True, "formatters": {}, "handlers": {}, "loggers": {}}
_VERSIONS = {"1.2": SSLProtocols.tls12, "1.3": SSLProtocols.tls13}


class _Embedded(Server):
    """Granian on a socket that is already bound, so that its port is known and nobody shares it."""

    def __init__(self, app: ASGIApp, listener: socket.socket, tls: TlsConfig) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=_BACKLOG,
            # More connections than this wait to be accepted, until others end.
            backpressure=connections(),
            # Also how long a connection may be idle before, between and after requests.
            http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MILLISECONDS, max_buffer_size=_BUFFER),
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
            ssl_cert=tls.certificate,
            ssl_key=tls.key,
            ssl_protocol_min=_VERSIONS[tls.minimum],
            ssl_ca=tls.client_ca,
            ssl_client_verify=tls.client_ca is not None,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        # Granian closes the descriptor on its own. Not socket.dup: it sets whether the socket blocks, and
        # so for everybody who listens on it; another server's thread could then wait in accept for ever.
        holder: Any = SocketHolder  # its stub does not know how it is made
        self._shd: Any = holder(os.dup(self._listener.fileno()), False, _BACKLOG)


def listen_at(host: str, port: int, patience: float) -> socket.socket:
    """A socket that listens; who does not read what is sent for ``patience`` seconds is given up.

    Raises InvalidConfiguration when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise InvalidConfiguration(
            f"cannot listen on {written(host, port)}",
            cause="another program listens there" if taken else error.strerror,
            hint="choose another port, or 0 for any free one",
        ) from error
    listener.setblocking(False)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Granian keeps a connection while anything is left to send, so that the system must end those
        # of readers that stand still. Connections inherit this from the socket that accepts them.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(patience * 1000)))
    return listener


def written(host: str, port: int) -> str:
    """``host:port`` as it stands in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Front:
    """An application on a listening socket, over TLS when the settings have a certificate."""

    def __init__(self, app: ASGIApp, listener: socket.socket, tls: TlsConfig) -> None:
        self._app, self._listener, self._tls = app, listener, tls
        self._host, self._port = listener.getsockname()[:2]
        self._server: _Embedded | None = None
        self._task: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """``host:port``."""
        return written(self._host, self._port)

    @property
    def serving(self) -> bool:
        """Whether it was started."""
        return self._server is not None

    async def start(self, mine: Callable[[], bool] = lambda: True) -> None:
        """Serve; returns once requests are answered, and ``mine`` says that it was here.

        Raises InvalidConfiguration, ServerStopped.
        """
        self._server = self._embed()
        self._task = asyncio.create_task(self._server.serve())
        async with asyncio.timeout(_READY_SECONDS):
            while not self._task.done():
                if await self._answers() and mine():
                    return
                await asyncio.sleep(0.01)
        raise ServerStopped("the server stopped while it was starting")

    async def reload(self, grace: float) -> bool:
        """Take new connections with the certificates that are there now; False when nothing is encrypted.

        Requests in flight have ``grace`` seconds. Raises InvalidConfiguration when the new ones cannot
        be used, and goes on with the old.
        """
        if self._tls.certificate is None:
            return False
        new = self._embed()
        olds = _descriptors(self._listener)
        task = asyncio.create_task(new.serve())
        await asyncio.wait({task}, timeout=_SETTLED_SECONDS)
        if task.done():
            raise InvalidConfiguration("the new certificate cannot be used", hint="the old one is still in use")
        old, gone = self._server, self._task
        self._server, self._task = new, task
        if old is not None and gone is not None:
            nobody = _replace(olds - {self._listener.fileno()})
            leaving = asyncio.create_task(_hand_over(old, gone, nobody, grace))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        return True

    async def ended(self) -> None:
        """Returns when serving ends although nobody asked for it."""
        while (task := self._task) is not None:
            await asyncio.wait({task})
            if task is self._task:
                return

    async def stop(self, grace: float) -> bool:
        """Refuse new connections, and give requests in flight ``grace`` seconds; False when some were cut off."""
        self._listener.close()
        server, task = self._server, self._task
        if server is None or task is None:
            return True
        await asyncio.wait({asyncio.create_task(_leave(server, task, grace)), *self._leaving}, timeout=grace + 1)
        if task.done() and not task.cancelled():
            task.result()
        return task.done()

    def _embed(self) -> _Embedded:
        try:
            return _Embedded(self._app, self._listener, self._tls)
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
            raise InvalidConfiguration(
                f"the certificate {self._tls.certificate} cannot be used with its key",
                cause=str(reason).replace("_", " ").lower(),
                hint="both are PEM files; the certificate comes first, then those between it and its authority",
            ) from error

    async def _answers(self) -> bool:
        """Whether a request gets any answer; a refusal for want of a certificate of ours is one."""
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._context())
        except ssl.SSLError:
            return True
        except OSError:
            return False
        try:
            writer.write(f"GET /healthz HTTP/1.1\r\nHost: {self.address}\r\nConnection: close\r\n\r\n".encode())
            return (await reader.read(64)).startswith(b"HTTP/1.1 ") or self._tls.client_ca is not None
        except OSError:
            return self._tls.client_ca is not None
        finally:
            writer.close()

    def _context(self) -> ssl.SSLContext | None:
        if self._tls.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # It asks itself whether it is there, and nothing else.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def _descriptors(listener: socket.socket) -> set[int]:
    """All descriptors that this process has of a socket, whoever made them."""
    here, found = os.fstat(listener.fileno()), set[int]()
    for path in Path("/dev/fd").iterdir():
        with contextlib.suppress(OSError):  # it was that of the listing itself
            there = os.fstat(int(path.name))
            if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
                found.add(int(path.name))
    return found


def _replace(descriptors: set[int]) -> socket.socket:
    """Let a server accept nothing more from these.

    Granian stops to accept only when it also drops those who have not asked anything yet. So what it
    accepts from becomes a socket that nobody knows, which is returned.
    """
    nobody = socket.create_server(("127.0.0.1", 0), backlog=1)
    nobody.setblocking(False)
    for descriptor in descriptors:
        os.dup2(nobody.fileno(), descriptor, inheritable=False)
    return nobody


async def _hand_over(server: _Embedded, task: asyncio.Task[None], nobody: socket.socket, grace: float) -> None:
    """Let a server that accepts nothing more finish what it has accepted, and go."""
    with nobody:
        await asyncio.sleep(_HANDSHAKE_SECONDS)
        await _leave(server, task, grace)


async def _leave(server: _Embedded, task: asyncio.Task[None], grace: float) -> None:
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait({task}, timeout=grace)

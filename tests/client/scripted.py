"""A real HTTP server that answers as a test tells it to, and remembers what it was asked."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Asked:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What to send back; ``cut`` ends the connection after so many bytes of the body.

    With ``drip``, the body is sent byte by byte, that many seconds apart.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0


Script = Callable[[Asked], Answer]


class Scripted(ThreadingHTTPServer):
    """``address`` is its host and port, ``asked`` every request so far."""

    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.asked: list[Asked] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        # The inherited one looks up our name, and a machine may have no /etc/hosts.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.server.asked.append(asked)
        answer = self.server.script(asked)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.drip:
            self._drip(answer)
        elif self.command != "HEAD":
            self.wfile.write(answer.body if answer.cut is None else answer.body[: answer.cut])
        self.close_connection = answer.cut is not None

    def _drip(self, answer: Answer) -> None:
        with contextlib.suppress(OSError):  # the client need not stay to the end
            for number in range(len(answer.body)):
                self.wfile.write(answer.body[number : number + 1])
                time.sleep(answer.drip)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """Serve a script on loopback."""
    server = Scripted(script)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

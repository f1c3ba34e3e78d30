"""A proxy in front of an S3 server that fails as it is told."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>later</Message></Error>"
Fault = str
"""``busy``: 503; ``slow``: no answer for a while; ``cut``: no answer at all; ``short``: half of the body."""

Plan = Callable[[str, str], Fault | None]
"""By method and path with query; None: all is well."""


class Trouble:
    """``plan`` decides about each request; ``seen`` are those that came: method and path."""

    def __init__(self, port: int) -> None:
        self.backend = port
        self.plan: Plan = lambda method, path: None
        self.seen: list[str] = []
        self.delay = 3.0
        self.address = ""

    def always(self, fault: Fault, *, method: str = "", part: str = "", times: int = 1_000_000) -> None:
        """Do something to all requests of a kind, or to the first few."""
        left = [times]

        def plan(found: str, path: str) -> Fault | None:
            if (method and found != method) or part not in path or left[0] == 0:
                return None
            left[0] -= 1
            return fault

        self.plan = plan

    def calm(self) -> None:
        """Fail no more."""
        self.plan = lambda method, path: None

    @classmethod
    @contextmanager
    def started(cls, port: int) -> Iterator["Trouble"]:
        """Listen until the end of the block."""
        trouble = cls(port)
        server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"trouble": trouble}))
        trouble.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield trouble
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what is wanted here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    trouble: Trouble

    def _any(self) -> None:
        trouble = self.trouble
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        trouble.seen.append(f"{self.command} {self.path}")
        fault = trouble.plan(self.command, self.path)
        if fault == "slow":
            time.sleep(trouble.delay)
        if fault in ("slow", "cut"):
            self.close_connection = True
        elif fault == "busy":
            self._answer(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
        else:
            self._pass_on(body, short=fault == "short")

    def _pass_on(self, body: bytes, *, short: bool) -> None:
        backend = http.client.HTTPConnection("127.0.0.1", self.trouble.backend, timeout=30)
        try:
            backend.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    backend.putheader(name, value)
            backend.endheaders(body or None)
            answer = backend.getresponse()
            content = answer.read()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in ("transfer-encoding", "connection")
            }
            if short:
                self.close_connection = True
                self._answer(answer.status, kept, content[: len(content) // 2])
            else:
                self._answer(answer.status, kept, content)
        finally:
            backend.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers and status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Say nothing."""

"""A server that looks at itself in every way, and somebody for it to talk to."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest


@dataclass
class Listener:
    """An HTTP server that keeps what it is sent, and answers with the next of ``statuses``, else 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def wait(self, count: int, seconds: float = 20) -> list[tuple[str, dict[str, str], bytes]]:
        until(lambda: len(self.got) >= count, seconds)
        return self.got

    def events(self) -> list[dict[str, Any]]:
        return [event for _, _, body in self.got for event in json.loads(body)["events"]]


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = found.statuses.pop(0) if found.statuses else 200
            found.got.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds; fails when it does not."""
    deadline = monotonic() + seconds
    while not holds():
        assert monotonic() < deadline, "it never came to be"
        sleep(0.02)


@pytest.fixture(name="until")
def _until() -> Callable[..., None]:
    return until


@pytest.fixture
def lines() -> Callable[[Path], list[dict[str, Any]]]:
    """The lines of a log."""
    return lambda path: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

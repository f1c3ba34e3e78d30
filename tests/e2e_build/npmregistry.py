"""A registry of npm on loopback, for a few packages that tests make."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.unit.build.locks import integrity

__all__ = ["NpmRegistry", "running_registry"]


@dataclass
class NpmRegistry:
    """Packages by name and version; ``token`` must be shown by clients, ``stalled`` packages never arrive."""

    token: str | None = None
    stalled: threading.Event | None = None
    address: str = ""
    asked: list[str] = field(default_factory=list)
    tarballs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def add(self, name: str, version: str, **manifest: Any) -> str:
        """Publish a package; its integrity."""
        said = {"name": name, "version": version, **manifest}
        data = _tarball({"package.json": json.dumps(said), "index.js": f"module.exports = {name!r}\n"})
        file = f"{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self.tarballs[file] = data
        dist = {"tarball": f"{self.address}/{file}", "integrity": integrity(data)}
        self.manifests.setdefault(name, {})[version] = {**said, "dist": dist}
        return integrity(data)

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body for a GET."""
        name = unquote(path).lstrip("/")
        self.asked.append(name)
        if self.token is not None and authorization != f"Bearer {self.token}":
            return 401, b"{}"
        if name in self.tarballs:
            if self.stalled is not None:
                self.stalled.wait(60)
            return 200, self.tarballs[name]
        if name in self.manifests:
            versions = self.manifests[name]
            latest = {"latest": list(versions)[-1]}
            return 200, json.dumps({"name": name, "dist-tags": latest, "versions": versions}).encode()
        return 404, b"{}"


@contextmanager
def running_registry(**settings: Any) -> Iterator[NpmRegistry]:
    """Serve an empty registry."""
    registry = NpmRegistry(**settings)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = registry.answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.address = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def _tarball(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()

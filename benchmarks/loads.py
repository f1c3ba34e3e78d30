"""Load for ``server.py``: many small requests by ``wrk`` and ``ab``, large bodies by threads of our own.

Any answer but 2xx makes a measurement void.
"""

import hashlib
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from registries import Running

ACCEPT = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
CONNECTIONS = 16
MEGABYTE = 1_000_000
_BUFFER = 1024 * 1024


class Void(Exception):
    """A measurement that says nothing, and why."""


@dataclass(frozen=True)
class Rate:
    """Requests per second, and milliseconds that 50 and 99 of 100 took at most."""

    requests: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Flow:
    """Megabytes (10^6 bytes) per second, the server's seconds of processor per GB, its peak of memory."""

    rate: float
    cpu: float
    peak: int


def get(server: Running, path: str, seconds: int, numbers: int = 0) -> Rate:
    """GET one path, over and over; or, with ``numbers``, that path and a random number below it."""
    url = f"http://{server.address}{path}"
    options = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency", "-H", f"Accept: {ACCEPT}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if numbers:
            script.write(
                f'request = function() return wrk.format("GET", "{path}" .. math.random(0, {numbers - 1})) end'
            )
            script.flush()
            options += ["-s", script.name]
        said = _run([*options, url], seconds)
    if "Non-2xx" in said or "Socket errors" in said:
        raise Void(re.search(r"(Non-2xx.*|Socket errors.*)", said)[1])  # type: ignore[index]
    return Rate(_number(r"Requests/sec:\s+([\d.]+)", said), _latency("50%", said), _latency("99%", said))


def head(server: Running, path: str, seconds: int) -> Rate:
    """HEAD one path, over and over; ``wrk`` would wait for bodies."""
    url = f"http://{server.address}{path}"
    command = [
        "ab",
        "-q",
        "-k",
        "-i",
        "-t",
        str(seconds),
        "-n",
        "10000000",
        "-c",
        str(CONNECTIONS),
        "-H",
        f"Accept: {ACCEPT}",
        url,
    ]
    said = _run(command, seconds)
    if "Non-2xx" in said or _number(r"Failed requests:\s+(\d+)", said):
        raise Void("some answers were not 2xx")
    return Rate(
        _number(r"Requests per second:\s+([\d.]+)", said),
        _number(r"\s50%\s+(\d+)", said),
        _number(r"\s99%\s+(\d+)", said),
    )


def zb(server: Running, program: str, folder: Path) -> Iterator[tuple[str, Rate]]:
    """Measure with zot's own benchmark: whole images pushed and pulled, 8 at a time, 40 of each kind."""
    tests = "^(Push Monolith 10?MB|Push Chunk Streamed 1MB|Pull 10?MB|Pull 75% and Push 25% Mixed 1MB)$"
    folder.mkdir(exist_ok=True)
    command = [program, "-c", "8", "-n", "40", "-d", str(folder), "-t", tests, f"http://{server.address}"]
    said = _run(command, 600)
    for report in said.split("Test name:")[1:]:
        name = report.partition("\n")[0].strip()
        if _number(r"Failed requests:\s+(\d+)", report):
            raise Void(f"{name}: some requests failed")
        rate = _number(r"Requests per second:\s+([\d.]+)", report)
        yield f"zb: {name}", Rate(rate, _latency("p50:", report), _latency("p99:", report))


def _run(command: list[str], seconds: int) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    if match is None:
        raise Void(f"no {pattern} in the report:\n{text}")
    return float(match[1])


def _latency(which: str, text: str) -> float:
    match = re.search(rf"\s{which}\s+([\d.]+)(us|µs|ms|s)\b", text)
    if match is None:
        raise Void(f"no latency in the report:\n{text}")
    return float(match[1]) * {"us": 0.001, "µs": 0.001, "ms": 1.0, "s": 1000.0}[match[2]]


def make_files(folder: Path, count: int, size: int) -> list[tuple[Path, str]]:
    """New files of ``size`` bytes, no two alike, and their digests."""
    folder.mkdir(exist_ok=True)
    body = os.urandom(min(size, MEGABYTE)) * (size // min(size, MEGABYTE))
    made = []
    for number in range(count):
        content = os.urandom(32) + body[32:]
        path = folder / f"{size}-{number}"
        path.write_bytes(content)
        made.append((path, f"sha256:{hashlib.sha256(content).hexdigest()}"))
    return made


def push(server: Running, repository: str, files: list[tuple[Path, str]], connections: int) -> Flow:
    """Push files as blobs, in two requests each, over so many connections."""

    def one(connection: socket.socket, work: tuple[Path, str]) -> None:
        path, digest = work
        _, headers = _ask(connection, server, "POST", f"/v2/{repository}/blobs/uploads/", 0)
        place = re.sub(r"^https?://[^/]+", "", headers["location"])
        place += ("&" if "?" in place else "?") + f"digest={digest}"
        with path.open("rb") as file:
            _ask(connection, server, "PUT", place, path.stat().st_size, file)

    return _move(server, files, one, connections)


def pull(server: Running, repository: str, files: list[tuple[Path, str]], connections: int) -> Flow:
    """Get blobs, over so many connections."""

    def one(connection: socket.socket, work: tuple[Path, str]) -> None:
        _ask(connection, server, "GET", f"/v2/{repository}/blobs/{work[1]}", 0)

    return _move(server, files, one, connections)


def _move(
    server: Running,
    files: list[tuple[Path, str]],
    one: Callable[[socket.socket, tuple[Path, str]], None],
    connections: int,
) -> Flow:
    size = sum(path.stat().st_size for path, _ in files)
    left, lock = iter(files), threading.Lock()

    def worker() -> None:
        with _connected(server) as connection:
            while True:
                with lock:
                    work = next(left, None)
                if work is None:
                    return
                one(connection, work)

    os.sync()
    server.forget_peak()
    cpu, began = server.cpu(), time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        for done in [pool.submit(worker) for _ in range(connections)]:
            done.result()
    seconds = time.perf_counter() - began
    return Flow(size / MEGABYTE / seconds, (server.cpu() - cpu) / (size / 1e9), server.peak())


@contextmanager
def _connected(server: Running) -> Iterator[socket.socket]:
    host, _, port = server.address.partition(":")
    with closing(socket.create_connection((host, int(port)), timeout=120)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def _ask(
    connection: socket.socket, server: Running, method: str, target: str, length: int, body: object = None
) -> tuple[int, dict[str, str]]:
    head = f"{method} {target} HTTP/1.1\r\nHost: {server.address}\r\nAccept: */*\r\nContent-Length: {length}\r\n"
    if body is not None:
        head += "Content-Type: application/octet-stream\r\n"
    connection.sendall(head.encode() + b"\r\n")
    if body is not None:
        connection.sendfile(body)  # type: ignore[arg-type]
    buffer = bytearray(_BUFFER)
    got = 0
    while (end := buffer.find(b"\r\n\r\n", 0, got)) < 0:
        count = connection.recv_into(memoryview(buffer)[got:])
        if not count:
            raise Void(f"{method}: the connection ended")
        got += count
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split()[1])
    left = int(headers.get("content-length", 0)) - (got - end - 4)
    while left > 0:
        count = connection.recv_into(buffer, min(left, _BUFFER))
        if not count:
            raise Void(f"{method}: the connection ended in a body")
        left -= count
    if not 200 <= status < 300:
        raise Void(f"{method} {target}: {status}")
    return status, headers

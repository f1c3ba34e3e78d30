"""A server in a process of its own, what it uses of the machine, and clients that behave badly."""

import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from registry.server.config.toml import load_config
from registry.server.runtime import serve
serve(
    load_config(Path(sys.argv[1])).config,
    lambda address: print(address, flush=True),
    lambda line: print(line, file=sys.stderr, flush=True),
)
"""


@dataclass(frozen=True)
class Served:
    """A server: where it answers, and what the system says about its process. Sizes in bytes."""

    process: "subprocess.Popen[str]"
    address: str
    log: Path

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition(":")
        return host, int(port)

    def memory(self) -> int:
        return self._status("VmRSS:")

    def peak_memory(self) -> int:
        return self._status("VmHWM:")

    def forget_peak(self) -> None:
        """Let the peak begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def files(self, part: str = "") -> list[str]:
        """What its descriptors lead to, where that contains ``part``."""
        found = []
        for path in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed in the meantime
                found.append(str(path.readlink()))
        return [name for name in found if part in name]

    def connections(self) -> int:
        """Connections that this side of its port has, in any state but the last."""
        return sum(row[3] not in ("06", "0A") for row in _rows(self.address))

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition(name)[2].split()[0]) * 1024


def _rows(address: str) -> list[list[str]]:
    """What the system knows of this side of a port (proc(5), /proc/net/tcp): addresses, state, queues."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ending = f":{int(address.rpartition(':')[2]):04X}"
    return [row for row in rows if row[1].endswith(ending)]


def has_read(address: str, connections: int = 1) -> bool:
    """Whether a server has so many connections, and has read whatever its clients sent."""
    established = [row[4] for row in _rows(address) if row[3] == "01"]
    return len(established) >= connections and all(queues.endswith(":00000000") for queues in established)


def refused(address: str) -> bool:
    """Whether a server takes no connections."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return False
    except ConnectionRefusedError:
        return True


@contextmanager
def serving(folder: Path, settings: str = "", prefix: Sequence[str] = (), data: Path | None = None) -> Iterator[Served]:
    """Serve ``data``; ``settings`` are lines of the settings file, ``prefix`` is a command that starts a command.

    Fails when it ends on its own, or says that it met what it did not expect.
    """
    file, log = folder / "registry.toml", folder / "log"
    file.write_text(f'data = "{data or folder / "data"}"\nlisten = "127.0.0.1:0"\n{settings}')
    command = [*prefix, sys.executable, "-W", "error", "-c", PROGRAM, str(file)]
    with log.open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"127\.0\.0\.1:\d+", address), log.read_text()
        yield Served(process, address, log)
        assert process.poll() in (None, -signal.SIGKILL), f"the server ended with {process.poll()}:\n{log.read_text()}"
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.kill()
        process.communicate(timeout=30)


def until(check: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait for something to become true; fails when it does not."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def connect(place: tuple[str, int], *, tls: bool = False, window: int = 0) -> socket.socket:
    """A connection; ``window`` is how many bytes the system takes for a client that does not read."""
    plain = socket.socket()
    if window:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    plain.settimeout(20)
    plain.connect(place)
    if not tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


@dataclass(frozen=True)
class Answer:
    """An answer as it came over a socket; names of headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


def exchange(connection: socket.socket, sent: bytes) -> list[Answer]:
    """Send bytes, and read all answers until the server closes.

    What is sent last is no request wherever a server expects one, so that it need not be waited for.
    """
    with suppress(OSError):  # it may close at the first byte that it does not like
        connection.sendall(sent + b"\r\n\r\nEND\r\n\r\n")
    return answers(drain(connection))


def drain(connection: socket.socket) -> bytes:
    """All bytes until the end of a connection, however that comes."""
    found = bytearray()
    with suppress(ConnectionError):
        while data := connection.recv(1024 * 1024):
            found += data
    return bytes(found)


def answers(data: bytes) -> list[Answer]:
    """What a connection said, as answers, without those that only bid to go on; fails when it is anything else."""
    found: list[Answer] = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        assert end, f"this is no answer: {data[:200]!r}"
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.[01] (\d{3})(?: .*)?", lines[0])
        assert match, f"this is no answer: {data[:200]!r}"
        pairs = [line.partition(":") for line in lines[1:]]
        headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
        answer = Answer(int(match[1]), headers, b"")
        if answer.status < 200:  # RFC 9110 section 15.2
            data = rest
            continue
        size = int(answer.header("content-length") or 0)
        if answer.header("transfer-encoding") == "chunked":
            body, data = _chunked(rest)
        else:
            body, data = rest[:size], rest[size:]
        found.append(replace(answer, body=body))
    return found


def _chunked(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        body, data = body + data[:size], data[size + 2 :]
        if not size:
            return body, data

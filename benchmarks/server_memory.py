"""How much memory the server takes to receive and send a large blob.

``python benchmarks/server_memory.py [megabytes]`` starts a server in a process of its own, pushes one
blob in each of the three ways, pulls it, and prints times and the server's peak (VmHWM of /proc).
"""

import argparse
import hashlib
import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MEGABYTE = 1024 * 1024
SERVER = """
import sys
from pathlib import Path
from registry.server.config import ServerConfig
from registry.server.runtime import serve
serve(ServerConfig.at(Path(sys.argv[1]), "127.0.0.1:0"), lambda address: print(address, flush=True), lambda line: None)
"""


def pieces(count: int, salt: int) -> Iterator[bytes]:
    """As many megabytes that no other salt gives."""
    for number in range(count):
        yield (salt * 1_000_003 + number).to_bytes(16, "big") * (MEGABYTE // 16)


def digest_of(count: int, salt: int) -> str:
    """The digest of those pieces."""
    hasher = hashlib.sha256()
    for piece in pieces(count, salt):
        hasher.update(piece)
    return f"sha256:{hasher.hexdigest()}"


def request(address: str, method: str, path: str, body: Iterator[bytes] | None = None, length: int = 0) -> str:
    """One request; its Location."""
    connection = http.client.HTTPConnection(address)
    headers = {"Content-Length": str(length)} if length or body is None else {}
    connection.request(method, path, body, headers, encode_chunked="Content-Length" not in headers)
    response = connection.getresponse()
    location = response.headers.get("Location", "")
    while response.read(MEGABYTE):
        pass
    connection.close()
    if response.status >= 300:
        raise SystemExit(f"{method} {path}: {response.status}")
    return location


def push_at_once(address: str, count: int) -> None:
    """POST with everything."""
    path = f"/v2/bench/blobs/uploads/?digest={digest_of(count, 1)}"
    request(address, "POST", path, pieces(count, 1), count * MEGABYTE)


def push_with_put(address: str, count: int) -> None:
    """POST, then PUT with everything."""
    location = request(address, "POST", "/v2/bench/blobs/uploads/")
    request(address, "PUT", f"{location}?digest={digest_of(count, 2)}", pieces(count, 2), count * MEGABYTE)


def push_streamed(address: str, count: int) -> None:
    """POST, PATCH of unknown length, then PUT without bytes."""
    location = request(address, "POST", "/v2/bench/blobs/uploads/")
    location = request(address, "PATCH", location, pieces(count, 3))
    request(address, "PUT", f"{location}?digest={digest_of(count, 3)}")


def pull(address: str, count: int) -> None:
    """GET of what was pushed at once."""
    request(address, "GET", f"/v2/bench/blobs/{digest_of(count, 1)}")


def peak(pid: int) -> int:
    """Peak resident bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("megabytes", nargs="?", type=int, default=500)
    count = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as data:
        server = subprocess.Popen([sys.executable, "-c", SERVER, data], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            print(f"at rest: peak {peak(server.pid) / MEGABYTE:.0f} MiB")
            for work in (push_at_once, push_with_put, push_streamed, pull):
                begin = time.perf_counter()
                work(address, count)
                seconds = time.perf_counter() - begin
                print(f"{work.__name__} {count} MiB: {seconds:.2f} s, peak {peak(server.pid) / MEGABYTE:.0f} MiB")
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()

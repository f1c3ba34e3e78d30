"""What a component that answers HTTP requests gives: ours beside ``jco serve``, with the same file.

    python benchmarks/serve_http.py COMPONENT.wasm [--requests N] [--at-once N] [--jco JCO.js] [--node NODE]

Requests per second and latency, one client after the other and some at once, and the memory of the
server. Without ``--jco`` only ours is measured. Clients are threads of this process: the figures compare
servers, and are no measure of what either can do at most.
"""

import argparse
import http.client
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WASMBUILD = str(Path(sys.executable).with_name("wasmbuild"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def serving(words: list[str], port: int) -> Iterator[int]:
    """A server that answers; its process."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    ask(port, 1)
                    break
                except (OSError, http.client.HTTPException):
                    if process.poll() is not None or time.monotonic() > deadline:
                        log.seek(0)
                        sys.exit(f"it does not answer: {log.read().decode(errors='replace')[-2000:]}")
                    time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)


def ask(port: int, times: int) -> list[float]:
    """Ask one after the other; the seconds of each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        connection.request("GET", "/Ada")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        taken.append(time.perf_counter() - began)
    connection.close()
    return taken


def at_once(port: int, clients: int, times: int) -> tuple[float, list[float]]:
    """Ask from several threads: seconds of all, and of each."""
    taken: list[float] = []
    threads = [threading.Thread(target=lambda: taken.extend(ask(port, times))) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, taken


def memory(pid: int) -> str:
    """What is resident of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return f"{kibibytes / 1024:.0f} MiB"


def measure(name: str, words: list[str], port: int, requests: int, clients: int) -> None:
    """Measure one server, and print it."""
    with serving(words, port) as pid:
        ask(port, 20)
        for count in (1, clients):
            seconds, taken = at_once(port, count, max(1, requests // count))
            rate = len(taken) / seconds
            median, worst = statistics.median(taken) * 1000, sorted(taken)[int(len(taken) * 0.99)] * 1000
            print(f"{name:<12} {count:>3} at once: {rate:8.0f} /s, median {median:6.2f} ms, p99 {worst:6.2f} ms")
        print(f"{name:<12} memory after it: {memory(pid)}")


def main() -> None:
    """Measure ours, and theirs where it is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("component", type=Path)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--jco", type=Path)
    parser.add_argument("--node", default="node")
    given = parser.parse_args()
    port = free_port()
    ours = [WASMBUILD, "serve-http", "--listen", f"127.0.0.1:{port}", "--progress", "quiet", str(given.component)]
    measure("serve-http", ours, port, given.requests, given.at_once)
    if given.jco:
        port = free_port()
        theirs = [given.node, str(given.jco), "serve", "--port", str(port), str(given.component.resolve())]
        measure("jco serve", theirs, port, given.requests, given.at_once)


if __name__ == "__main__":
    main()

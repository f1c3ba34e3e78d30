"""Push, pull, lose a replica, go on: through the proxy, by the command line, with nothing lost and no wrong byte."""

import hashlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import wasmtime

from scripts.cluster import Cluster
from tests.e2e_cluster.conftest import PASSWORD, Client

REPLICAS = ("registry-1", "registry-2")
MORE_SECONDS = 60
BIG = 48 * 1024 * 1024
"""Enough that a replica is gone while it is on its way."""


def module(seed: int, size: int = 200_000) -> bytes:
    """A WebAssembly module with so many bytes of data, of which no two have the same."""
    data = hashlib.shake_256(seed.to_bytes(8, "big")).hexdigest(size // 2)
    return bytes(wasmtime.wat2wasm(f'(module (memory 100) (data (i32.const 0) "{data}"))'))


class Work:
    """Pushes and pulls, one after another in each thread, until it is told to end."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.pushed: dict[str, bytes] = {}
        self.pulled = 0
        self.failed: list[str] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def push(self, worker: int) -> None:
        """Push something new."""
        with self._lock:
            number = len(self.pushed) * 10 + worker
        content = module(number + worker * 10_000)
        file = self.folder / f"{worker}.wasm"
        file.write_bytes(content)
        tag = f"{self.client.cluster.address}/team/app-{worker}:v{time.monotonic_ns()}"
        pinned = self.client.call("push", tag, file)
        assert self.client.call("resolve", tag) == pinned
        with self._lock:
            self.pushed[pinned] = content

    def pull(self, worker: int) -> None:
        """Pull something that was pushed."""
        with self._lock:
            known = list(self.pushed.items())
        pinned, content = known[self.pulled % len(known)]
        target = self.folder / f"pulled-{worker}.wasm"
        self.client.call("pull", pinned, "-o", target)
        assert target.read_bytes() == content, pinned
        with self._lock:
            self.pulled += 1

    def again_and_again(self, what: Callable[[int], None], worker: int) -> None:
        """Do it until the end; what goes wrong is kept."""
        while not self._ending.is_set():
            try:
                what(worker)
            except Exception as error:
                self.failed.append(f"{what.__name__}: {error}")
                return

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Two who push and two who pull, for as long as the block runs."""
        self.push(0)
        jobs = [(self.push, 1), (self.push, 2), (self.pull, 3), (self.pull, 4)]
        threads = [threading.Thread(target=self.again_and_again, args=job) for job in jobs]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ending.set()
            for thread in threads:
                thread.join(120)
        assert not any(thread.is_alive() for thread in threads)
        assert self.failed == []

    def wait_for_more(self) -> None:
        """Return when more was pushed and pulled than was on its way; however slow the machine is."""
        pushed, pulled, until = len(self.pushed), self.pulled, time.monotonic() + MORE_SECONDS
        while len(self.pushed) < pushed + 3 or self.pulled < pulled + 3:
            assert time.monotonic() < until, f"{len(self.pushed) - pushed} pushed, {self.pulled - pulled} pulled"
            assert self.failed == []
            time.sleep(0.1)

    def check(self) -> None:
        """All that was pushed is there, byte for byte."""
        for number, (pinned, content) in enumerate(self.pushed.items()):
            target = self.folder / f"checked-{number}.wasm"
            self.client.call("pull", pinned, "-o", target)
            assert target.read_bytes() == content, pinned


@pytest.fixture
def work(client: Client, tmp_path: Path) -> Work:
    return Work(client, tmp_path)


def test_whoever_is_not_logged_in_gets_nothing(cluster: Cluster, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "app.wasm"
    file.write_bytes(module(0))
    pinned = client.call("push", f"{cluster.address}/team/closed:1", file)
    stranger = Client(cluster, tmp_path / "home")
    assert stranger.call("ls", cluster.address) == ""
    for refused in (("pull", pinned, "-o", tmp_path / "got"), ("push", f"{cluster.address}/team/closed:2", file)):
        with stranger.start(*refused) as running:
            said = running.communicate(timeout=60)[1]
        assert (running.returncode, b"error[WB305]" in said) == (5, True), said
    assert not (tmp_path / "got").exists()


def test_what_one_replica_takes_the_other_gives(cluster: Cluster, client: Client, tmp_path: Path) -> None:
    """Each alone, by its own port: nothing is kept in a replica."""
    file = tmp_path / "app.wasm"
    file.write_bytes(module(1))
    pinned = client.call("push", f"{cluster.address}/team/both:1", file)
    for name, other in (REPLICAS, REPLICAS[::-1]):
        cluster.stop(other)
        client.call("pull", pinned, "-o", tmp_path / f"{name}.wasm")
        assert (tmp_path / f"{name}.wasm").read_bytes() == module(1)
        cluster.start(other)
        cluster.wait(other)


@pytest.mark.timeout(400)
def test_a_replica_is_killed_while_many_push_and_pull(cluster: Cluster, work: Work) -> None:
    with work.going_on():
        for name in REPLICAS:
            work.wait_for_more()
            cluster.kill(name)
            work.wait_for_more()
            cluster.start(name)
            cluster.wait(name)
    assert "failed" in cluster.log("proxy"), "the proxy never met the dead replica"
    work.check()


def answering(cluster: Cluster, replica: str) -> float:
    """How many requests a replica is answering; this one, too."""
    address = f"http://127.0.0.1:{cluster.port(replica, 5000)}/metrics"
    text = requests.get(address, auth=("ada", PASSWORD), timeout=10).text
    return float(text.split("\nwasmbuild_registry_requests_active ")[1].split()[0])


def hold(cluster: Cluster, pushing: "subprocess.Popen[bytes]") -> str | None:
    """Stop a client in the middle of sending: who has what came so far. None when it ended before."""
    while pushing.poll() is None:
        if any(answering(cluster, replica) > 1 for replica in REPLICAS):
            pushing.send_signal(signal.SIGSTOP)
            time.sleep(0.2)  # what has come whole is answered
            for replica in REPLICAS:
                if answering(cluster, replica) > 1:
                    return replica
            pushing.send_signal(signal.SIGCONT)
    return None


@pytest.mark.timeout(170)
def test_a_replica_is_killed_in_the_middle_of_a_big_upload(cluster: Cluster, client: Client, tmp_path: Path) -> None:
    """Whichever replica has it; the client begins anew or goes on with the other."""
    name = f"{cluster.address}/team/big"
    proxy_said = len(cluster.log("proxy"))
    for number in range(2):
        content = os.urandom(BIG)
        (tmp_path / "big").write_bytes(content)
        with client.start("blob", "put", name, tmp_path / "big", "--retry-for", "100") as pushing:
            killed = hold(cluster, pushing)
            assert killed, f"upload {number} ended before anybody was killed"
            cluster.kill(killed)
            pushing.send_signal(signal.SIGCONT)
            said = pushing.communicate(timeout=120)[1]
            assert pushing.returncode == 0, said
        cluster.start(killed)
        cluster.wait(killed)
        client.call("blob", "get", f"{name}@sha256:{hashlib.sha256(content).hexdigest()}", "-o", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content
        (tmp_path / "back").unlink()
    assert "upstream" in cluster.log("proxy")[proxy_said:], "no upload met the end of its replica"


@pytest.mark.timeout(170)
def test_a_rolling_restart_is_seen_by_nobody(cluster: Cluster, work: Work) -> None:
    with work.going_on():
        for name in REPLICAS:
            assert cluster.stop(name) == 0
            cluster.start(name)
            cluster.wait(name)
            cluster.run("proxy", "nginx", "-c", "/etc/nginx/registry.conf", "-s", "reload")
    work.check()

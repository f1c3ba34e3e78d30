"""An S3 server of one's own, for tests and for the conformance suite: Versity's gateway over a folder.

``scripts/peers.py versitygw`` gets the program. Each bucket is a folder, so that it is made, and
looked into, without asking the server.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.peers import cache

ACCESS, SECRET = "registry", "correct-horse"
START_SECONDS = 30
STARTS = 5


def find_versity() -> Path | None:
    """The program; None: it is not there."""
    found = shutil.which("versitygw", path=f"{cache() / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    return Path(found) if found else None


@dataclass(frozen=True)
class Versity:
    """One server: where it listens, and the folder with its buckets."""

    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def create(self) -> str:
        """A new, empty bucket: its name."""
        name = f"bucket-{uuid.uuid4().hex}"
        (self.folder / name).mkdir()
        return name

    def drop(self, bucket: str) -> None:
        """Delete a bucket with all that is in it."""
        shutil.rmtree(self.folder / bucket, ignore_errors=True)

    def objects(self, bucket: str) -> dict[str, int]:
        """The sizes of all objects by key, and those of parts that wait in a multipart upload."""
        root = self.folder / bucket
        return {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}


@contextmanager
def running_versity() -> Iterator[Versity]:
    """Start one on a free port, in a folder that is gone at the end."""
    program = find_versity()
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="versity-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        for name in ("buckets", "sidecar"):
            (folder / name).mkdir()
        process, port = _start(program, folder)
        try:
            yield Versity(port, folder / "buckets")
        finally:
            process.kill()
            process.wait()


def _start(program: Path, folder: Path) -> "tuple[subprocess.Popen[bytes], int]":
    for _ in range(STARTS):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        # Attributes in a folder beside it: not every file system has them. Its list of users stays in memory.
        command = [program, "--port", f"127.0.0.1:{port}", "--keep-alive", "--quiet"]
        arguments = ["posix", "--sidecar", folder / "sidecar", folder / "buckets"]
        secrets = {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*command, *arguments], env=os.environ | secrets, stdout=log, stderr=log)
        if _answers(process, port):
            return process, port
        process.kill()  # somebody else has the port
        process.wait()
    raise RuntimeError(f"versitygw did not start:\n{(folder / 'log').read_text()}")


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process.poll() is None
    return False

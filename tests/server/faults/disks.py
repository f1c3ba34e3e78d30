"""Disks of one's own, a few megabytes in memory, that can be full or read-only; no rights are needed for them.

Each is in a mount namespace that one process holds; whoever is to see it is started there.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_MOUNT = 'mount -t tmpfs -o size="$2",mode=755 tmpfs "$1" && echo mounted && exec cat'


@dataclass(frozen=True)
class Disk:
    """``inside`` is where those see it who are in its namespace, ``outside`` where everybody else does."""

    holder: int
    inside: Path

    @property
    def outside(self) -> Path:
        return Path(f"/proc/{self.holder}/root") / self.inside.relative_to("/")

    @property
    def prefix(self) -> list[str]:
        """The beginning of a command that runs in the namespace."""
        # Whoever is root has rights that it would lose in a namespace of users.
        users = ["-U", "--preserve-credentials"] if os.geteuid() else []
        return ["nsenter", "-t", str(self.holder), "-m", *users, f"--wd={self.inside}"]

    def fill(self) -> Path:
        """Leave no room at all; the file that took it."""
        path = self.outside / "filler"
        with path.open("wb", buffering=0) as file:
            for size in (1024 * 1024, 4096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue
        return path

    def remount(self, how: str) -> None:
        """``ro`` or ``rw``."""
        command = [*self.prefix, "mount", "-o", f"remount,{how}", str(self.inside)]
        subprocess.run(command, check=True, capture_output=True, timeout=10)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Disk]:
    """Mount a disk of ``size`` (``16m``) over an empty folder; skips the test when that is not allowed here."""
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        pytest.skip("unshare and nsenter are not installed here")
    users = ["-U", "-r"] if os.geteuid() else []
    command = ["unshare", "-m", *users, "sh", "-c", _MOUNT, "sh", str(folder), size]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "mounted\n":
            assert holder.stderr is not None
            pytest.skip(f"nothing can be mounted here: {holder.stderr.readline().strip()}")
        yield Disk(holder.pid, folder)
    finally:
        # It ends when its input does, and what it has mounted with it.
        holder.communicate(timeout=30)

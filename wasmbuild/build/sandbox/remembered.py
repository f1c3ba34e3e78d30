"""What was found out about sandboxes is remembered for an hour: trying one starts two processes.

Only that one works is remembered, and only for a process like ours: same boot, same namespaces and rights, same
programs. Not here: trying it (``choose``).
"""

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from registry.errors import StorageFailed
from registry.files import open_regular
from wasmbuild.build.cache.arriving import arriving
from wasmbuild.build.command import Command

__all__ = ["Remembered"]

_SECONDS = 3600.0
_SETTINGS = (
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "/proc/self/attr/current",
    "/proc/self/uid_map",
)
_RIGHTS = ("Uid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:")
_MOST = 65536


class Remembered:
    """The sandbox that works, in a file of the cache folder; what cannot be read or written is not remembered."""

    def __init__(self, file: Path, name: str, trial: Command) -> None:
        self._file = file.with_name(f"{file.name}-{name}")
        self._trial = trial

    def works(self) -> bool:
        """Whether it worked a short while ago, for a process like this one."""
        with suppress(OSError), open_regular(self._file) as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            return 0 <= age < _SECONDS and file.read(_MOST) == self._circumstances()
        return False

    def keep(self) -> None:
        """It works."""
        with suppress(OSError, StorageFailed), arriving(self._file) as file:
            file.write(self._circumstances())

    def _circumstances(self) -> bytes:
        hasher = hashlib.sha256()
        for part in (*map(_read, _SETTINGS), *_rights(), *_namespaces(), *self._programs()):
            hasher.update(f"{part}\n".encode())
        return hasher.hexdigest().encode()

    def _programs(self) -> Iterator[str]:
        """What is started, by ``stat``: the launcher or bwrap, and our interpreter."""
        yield repr(self._trial.before)
        for program in (self._trial.before[0], sys.executable, os.path.realpath(sys.executable)):
            with suppress(OSError):
                found = Path(program).stat()
                yield f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mode} {found.st_ctime_ns}"


def _read(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError as error:
        return str(error.errno)


def _rights() -> Iterator[str]:
    return (line for line in _read("/proc/self/status").splitlines() if line.startswith(_RIGHTS))


def _namespaces() -> Iterator[str]:
    for name in ("user", "mnt", "pid", "net"):
        with suppress(OSError):
            yield str(Path(f"/proc/self/ns/{name}").readlink())

"""Where the tools of a user are kept, and the lock of what is made once.

It is asked of every build, so that nothing heavy is imported here. Not here: how they come there
(``provision``), and how they leave (``installed``).
"""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasmbuild.build.tool import ToolPin
from wasmbuild.caches import Caches
from wasmbuild.events import Note, Sink

__all__ = ["is_installed", "is_musl", "leftovers", "lock_file", "locked", "tool_folder"]


_LAYOUT = ""
"""Another one when tools are unpacked in another way, so that those of before are not taken for such."""


def is_installed(pin: ToolPin, caches: Caches) -> bool:
    """Whether the tool is there, whole."""
    return tool_folder(pin, caches).is_dir()


def tool_folder(pin: ToolPin, caches: Caches) -> Path:
    """Where a tool is kept: one folder per pin and platform (home folders are shared between machines)."""
    platform = sysconfig.get_platform() + (" musl" if is_musl() else "")
    identity = hashlib.sha256(f"{pin.digest} {platform}{_LAYOUT}".encode()).hexdigest()
    package = pin.package.lstrip("@").replace("/", "-")
    return caches.tools / f"{package}-{pin.version}-{identity[:12]}"


def lock_file(final: Path) -> Path:
    """The file whose lock is held by whoever installs or removes a tool."""
    return final.with_name(f"{final.name}.lock")


@contextmanager
def locked(final: Path, sink: Sink, doing: str) -> Iterator[None]:
    """Hold the lock of a folder that is made once; who has to wait is told what the other one is ``doing``.

    Raises OSError.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  (what is there needs no lock)

    lock = FileLock(lock_file(final))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        sink(Note("info", f"waiting for another wasmbuild, which {doing}"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def leftovers(final: Path) -> Iterator[Path]:
    """What installations that died left of a tool; whoever holds its lock may remove that."""
    return final.parent.glob(f".{final.name}-*")


def is_musl() -> bool:
    """Whether this is a Linux whose C library is not glibc."""
    if sys.platform != "linux":
        return False
    try:
        return not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError):
        return True

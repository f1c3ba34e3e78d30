"""What is in the cache of tools: a list, what holds a tool while it is used, and how one leaves.

A build holds the tools that it uses; who removes them asks for them alone. Not here: how a tool
comes in (``wasmbuild.build.provision``).
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wasmbuild.build.tool import Tool
from wasmbuild.build.toolfolders import leftovers, lock_file
from wasmbuild.caches import Caches
from wasmbuild.errors import ToolchainMissing

__all__ = ["Installed", "holding", "installed_tools", "remove_tool", "size_on_disk"]


@dataclass(frozen=True, slots=True)
class Installed:
    """A folder of a tool; ``size`` in bytes is what the disk gives for it. ``whole`` is false for a leftover."""

    path: Path
    size: int
    whole: bool


def installed_tools(caches: Caches) -> tuple[Installed, ...]:
    """Everything that is kept as a tool, sorted by name, with what installations that died left behind."""
    try:
        folders = sorted(path for path in caches.tools.iterdir() if path.is_dir() and not path.is_symlink())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(Installed(path, size_on_disk(path), not path.name.startswith(".")) for path in folders)


def size_on_disk(folder: Path) -> int:
    """Bytes that the disk gives for all that is in a folder; what vanishes meanwhile counts nothing."""
    total, waiting = 0, [str(folder)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total


@contextlib.contextmanager
def holding(tools: Iterable[Tool]) -> Iterator[None]:
    """While the block runs, nobody's ``toolchain prune`` removes these tools; others may use them, too.

    Raises ToolchainMissing when one has been removed in this very moment.
    """
    with contextlib.ExitStack() as held:
        for tool in tools:
            if tool.pinned:
                held.enter_context(_hold(tool))
        yield


def remove_tool(tool: Installed) -> bool:
    """Remove a tool, or a leftover, and what installations left of it; False: somebody uses it.

    Raises OSError.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415  (only where tools are removed)

    final = tool.path if tool.whole else tool.path.with_name(tool.path.name[1:].rpartition("-")[0])
    try:
        with FileLock(lock_file(final), timeout=0):
            return (not tool.whole or _set_aside(final)) and _remove_leftovers(final)
    except Timeout:
        return False


@contextlib.contextmanager
def _hold(tool: Tool) -> Iterator[None]:
    try:
        handle = os.open(tool.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise _removed(tool) from error
    try:
        with contextlib.suppress(OSError):  # a file system without locks keeps nobody away
            fcntl.flock(handle, fcntl.LOCK_SH)
        if not _is_still(handle, tool.root):
            raise _removed(tool)
        yield
    finally:
        os.close(handle)


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _removed(tool: Tool) -> ToolchainMissing:
    return ToolchainMissing(f"{tool} was removed while it was about to be used", hint="build again: it is then fetched")


def _set_aside(final: Path) -> bool:
    """Give a tool the name of a leftover, at once; False: somebody uses it."""
    handle = os.open(final, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        final.rename(final.with_name(f".{final.name}-removed"))
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _remove_leftovers(final: Path) -> bool:
    for leftover in leftovers(final):
        shutil.rmtree(leftover)
    return True

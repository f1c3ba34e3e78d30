"""Processes of this machine as ``/proc`` tells them: who descends from whom, and how much memory they hold.

A command's launcher adopts its orphans, and so its tree is whole whatever sessions there are in it.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

__all__ = ["family", "group_lives", "memory"]

_KIB = 1024
_PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """A process and all that descend from it, as far as they are still there."""
    found, ahead = [], [pid]
    children = _children if _PROC.joinpath(f"self/task/{os.getpid()}/children").exists() else _by_parent().__getitem__
    while ahead:
        found.append(ahead.pop())
        ahead.extend(children(found[-1]))
    return found


def memory(pids: list[int], limit: int) -> int:
    """Bytes that processes hold and no file backs; pages that they share count once when that decides about ``limit``.

    The quick sum counts shared pages for each of them; only the slow one divides.
    """
    quick = sum(_sum(pid, "status", ("RssAnon:", "RssShmem:")) or 0 for pid in pids)
    if quick <= limit:
        return quick
    return sum(_divided(pid) for pid in pids)


def group_lives(group: int) -> bool:
    """Whether any process of a process group is there that has not ended; those that nobody has reaped have."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return any(found == group and state not in b"ZX" for _, state, _, found in _everybody())


def _divided(pid: int) -> int:
    slow = _sum(pid, "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))  # since Linux 5.4
    return slow if slow is not None else _sum(pid, "status", ("RssAnon:", "RssShmem:")) or 0


def _sum(pid: int, file: str, names: tuple[str, ...]) -> int | None:
    """The bytes behind some names in one of a process's files; None when it cannot be read, or has none of them."""
    try:
        lines = _PROC.joinpath(str(pid), file).read_text().splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) * _KIB for line in lines if line.startswith(names)]
    return sum(sizes) if sizes else None


def _children(pid: int) -> Iterator[int]:
    try:
        for thread in _PROC.joinpath(str(pid), "task").iterdir():
            yield from map(int, thread.joinpath("children").read_text().split())
    except OSError:
        return  # it has ended


def _by_parent() -> defaultdict[int, list[int]]:
    """For kernels that keep no list of children."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for pid, _, parent, _ in _everybody():
        found[parent].append(pid)
    return found


def _everybody() -> Iterator[tuple[int, bytes, int, int]]:
    """Each process with its state, its parent and its group: proc_pid_stat(5)."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = entry.joinpath("stat").read_bytes()
            except OSError:
                continue
            state, parent, group, *_ = stat.rpartition(b")")[2].split()
            yield int(entry.name), state, int(parent), int(group)

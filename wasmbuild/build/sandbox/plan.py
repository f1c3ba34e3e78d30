"""Plan: what a command sees of a file system, made of pure data. Not here: who makes it so.

``bubblewrap`` and ``namespaces`` each turn the same plan into their own words, so that a command sees
the same under both.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["GROUP", "HOME", "HOST", "TEMPORARY", "USER", "Bind", "Link", "Mount", "Plan", "Scratch", "make_plan"]

USER = GROUP = 1000
HOST = "wasmbuild"
HOME = "/home/build"
TEMPORARY = "/tmp"  # noqa: S108 - inside, where nobody else is
_SHARED = "/dev/shm"  # noqa: S108 - the same

_SCRATCH_SIZE = 1024**3
_OWN_ETC = Path(__file__).parent / "etc"
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives")
_ETC_NETWORK = ("ssl", "pki", "ca-certificates", "resolv.conf", "hosts")
_DEVICES = ("null", "zero", "random", "urandom", "full")
_STREAMS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of this machine, and the absolute path where a command sees it."""

    source: Path
    at: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Bind:
    """Something of this machine, by its real path, that is seen ``at`` another."""

    source: str
    at: str
    mode: Literal["read", "write", "device"] = "read"


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty folder in memory of at most ``size`` bytes."""

    at: str
    size: int = _SCRATCH_SIZE
    mode: str = "755"


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str
    at: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that there is, in the order in which it is put there; the rest stays empty and read-only."""

    scratches: tuple[Scratch, ...]
    binds: tuple[Bind, ...]
    links: tuple[Link, ...]


def make_plan(mounts: Sequence[Mount], own: Sequence[str], *, network: bool) -> Plan:
    """The system's programs, devices and what little of ``/etc`` they need; ``own`` paths as they are; the mounts."""
    taken = {mount.at for mount in mounts}
    empty = (Scratch(HOME), Scratch(TEMPORARY, mode="1777"))
    asked = [
        Bind(os.path.realpath(mount.source), mount.at, "write" if mount.writable else "read")
        for mount in sorted(mounts, key=lambda mount: mount.at.count("/"))
    ]
    kept = [Bind(os.path.realpath(path), path) for path in own]  # last: they may be below one that was asked for
    system, links = _system()
    streams = (Link(f"/proc/self/fd{below}", f"/dev/{name}") for name, below in _STREAMS.items())
    return Plan(
        scratches=(Scratch("/dev"), Scratch(_SHARED, mode="1777"), *(each for each in empty if each.at not in taken)),
        binds=(*system, *_etc(network=network), *_devices(), *asked, *kept),
        links=(*links, *streams),
    )


def _system() -> tuple[list[Bind], list[Link]]:
    here = [Path(path) for path in _SYSTEM if Path(path).is_dir()]
    links = [Link(str(path.readlink()), str(path)) for path in here if path.is_symlink()]
    folders = [str(path) for path in here if not path.is_symlink()]
    return [Bind(path, path) for path in ("/usr", *folders)], links


def _etc(*, network: bool) -> Iterator[Bind]:
    ours = {file.name: file for file in sorted(_OWN_ETC.iterdir())}
    paths = {name: Path("/etc", name).resolve() for name in (*_ETC, *(_ETC_NETWORK if network else ()))}
    for name, source in {**ours, **{name: path for name, path in paths.items() if path.exists()}}.items():
        yield Bind(str(source), f"/etc/{name}")


def _devices() -> Iterator[Bind]:
    for name in _DEVICES:
        yield Bind(f"/dev/{name}", f"/dev/{name}", "device")

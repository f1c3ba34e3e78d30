"""What the launcher asks of the kernel: namespaces, mounts, and to be told when its parent dies.

Constants are those of Linux's own headers. Not here: when these are asked for (``program``).
"""

# pathlib takes longer to import than all that is done here.
# ruff: noqa: PTH102, PTH103, PTH112, PTH120, PTH211

import ctypes
import os
import sys

__all__ = ["adopt_orphans", "die_with_parent", "enter_namespaces", "furnish", "leave"]

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_CLONE_NEWNS, _CLONE_NEWCGROUP, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_SYS_MOUNT_SETATTR = 442  # the same on every architecture
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTRIBUTES = {"read": 1 | 2 | 4, "write": 2 | 4, "device": 1 | 2}
"""Of a mount: 1 cannot be written, 2 gives nobody other rights, 4 has no devices.

A device can be written to all the same, but not changed: its owner may be us.
"""
_AF_INET, _SOCK_DGRAM, _SIOCSIFFLAGS, _IFF_UP_RUNNING = 2, 2, 0x8914, 0x41
_BASE, _OLD, _NEW = "/tmp", "/old", "/new"  # noqa: S108 - the name of a folder that is on every machine

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(number: int) -> None:
    """Get a signal when the parent dies, from now on."""
    _call("prctl", _PR_SET_PDEATHSIG, number, 0, 0, 0)


def enter_namespaces(uid: str, gid: str, host: str, network: str) -> None:
    """Leave the machine's namespaces; the next child is the first process of its own."""
    own_uid, own_gid = os.geteuid(), os.getegid()
    flags = _CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWIPC | _CLONE_NEWUTS | _CLONE_NEWCGROUP
    _call("unshare", flags | (0 if network == "network" else _CLONE_NEWNET))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {own_uid} 1")
    _write("/proc/self/gid_map", f"{gid} {own_gid} 1")
    # With a namespace of one's own come rights, and to the kernel its owner may still be root.
    _write("/proc/sys/user/max_user_namespaces", "0")
    _call("sethostname", host.encode(), len(host))
    if network != "network":
        _start_loopback()


def furnish(steps: list[list[str]]) -> None:
    """Make the file system that the steps describe, and forget the one that was there."""
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", _BASE, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
    for folder in (_OLD, _NEW):
        os.mkdir(_BASE + folder)
    _mount("tmpfs", _BASE + _NEW, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
    _call("pivot_root", _BASE.encode(), (_BASE + _OLD).encode())
    os.chdir("/")
    for name, *arguments in steps:
        _perform(name, arguments)
    _seal("")
    _call("umount2", _OLD.encode(), _MNT_DETACH)
    os.chdir(_NEW)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    # What was opened before still leads to where it came from: our input, and ourselves, by /proc/1.
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.close(null)
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def leave(code: int) -> None:
    """End this process at once: there is nothing that the interpreter would have to clean up."""
    _libc._exit(code)  # noqa: SLF001 - the name that C gives it


def _perform(name: str, arguments: list[str]) -> None:
    if name == "bind":
        _bind(*arguments)
    elif name == "tmpfs":
        _tmpfs(*arguments)
    elif name == "link":
        _link(*arguments)
    elif name == "proc":
        _proc(*arguments)
    else:
        _seal(*arguments)


def _bind(mode: str, source: str, at: str) -> None:
    target = _NEW + at
    if os.path.isdir(_OLD + source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    _mount(_OLD + source, target, None, _MS_BIND | _MS_REC)
    _set_attributes(target, _ATTRIBUTES[mode], _AT_RECURSIVE)


def _tmpfs(size: str, mode: str, at: str) -> None:
    os.makedirs(_NEW + at, exist_ok=True)
    _mount("tmpfs", _NEW + at, "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={size},mode={mode}")


def _link(target: str, at: str) -> None:
    os.makedirs(os.path.dirname(_NEW + at), exist_ok=True)
    os.symlink(target, _NEW + at)


def _proc(at: str) -> None:
    os.makedirs(_NEW + at, exist_ok=True)
    # Read-only: to the kernel we may still be root, who writes its settings.
    _mount("proc", _NEW + at, "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | _MS_RDONLY)


def _seal(at: str) -> None:
    _set_attributes(_NEW + at, _ATTRIBUTES["read"], 0)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    _call("mount", *words[:3], ctypes.c_ulong(flags), words[3], about=target)


def _set_attributes(target: str, attributes: int, recursive: int) -> None:
    """mount_setattr(2): struct mount_attr is attr_set, attr_clr, propagation and userns_fd, of 64 bits each."""
    said = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    where = ctypes.c_char_p(os.fsencode(target))
    size = ctypes.c_size_t(ctypes.sizeof(said))
    number = ctypes.c_long(_SYS_MOUNT_SETATTR)
    _call("syscall", number, _AT_FDCWD, where, recursive, ctypes.byref(said), size, about=target)


def _start_loopback() -> None:
    handle = _libc.socket(_AF_INET, _SOCK_DGRAM, 0)
    request = b"lo".ljust(16, b"\0") + _IFF_UP_RUNNING.to_bytes(2, sys.byteorder) + bytes(22)
    try:
        _call("ioctl", handle, ctypes.c_ulong(_SIOCSIFFLAGS), request)
    finally:
        os.close(handle)


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _call(name: str, *arguments: object, about: str | None = None) -> None:
    """Call a function of libc. Raises OSError when it does not return 0."""
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", None if about is None else about.removeprefix(_NEW))

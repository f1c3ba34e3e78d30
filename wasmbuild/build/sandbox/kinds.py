"""The three sandboxes: by bubblewrap, by namespaces that we make ourselves, and none.

Not here: which one works on this machine (``choose``), and what a command sees in it (``plan``).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wasmbuild.build.command import Command, fixed_environment, launched, supervised
from wasmbuild.build.sandbox.interpreter import interpreter_folders, is_wanted, with_modules
from wasmbuild.build.sandbox.plan import GROUP, HOST, USER, Mount, Plan, make_plan

__all__ = ["Bubblewrap", "Namespaces", "NoSandbox", "Sandbox"]


class Sandbox(Protocol):
    """How a command is kept from what is not its own."""

    @property
    def name(self) -> str:
        """``bubblewrap``, ``namespaces`` or ``none``."""

    @property
    def hides(self) -> str | None:
        """What it does not hold, in a sentence for the person; None when it holds everything that it should."""

    def seen(self, mount: Mount) -> str:
        """The path under which a command sees a mount."""

    def command(
        self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], mounts: Sequence[Mount], network: bool
    ) -> Command:
        """What ``run`` is to start.

        ``cwd`` is a path as the command sees it; ``env`` is all that it sees besides the fixed environment.
        """


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """By the program bwrap, which is also allowed to where the system keeps namespaces from us."""

    program: str
    name: str = "bubblewrap"

    @property
    def hides(self) -> str | None:
        """As root, devices are root's own."""
        if os.geteuid() == 0:
            return "run by root, bubblewrap lets a build change the permissions of /dev/null and its like"
        return None

    def seen(self, mount: Mount) -> str:
        """Where the mount says."""
        return mount.at

    def command(
        self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], mounts: Sequence[Mount], network: bool
    ) -> Command:
        """A command line of bwrap(1)."""
        env, plan = _prepare(argv, env, mounts, network=network)
        options = [
            "--unshare-user",
            "--disable-userns",
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
        ]
        options += [] if network else ["--unshare-net"]
        options += ["--die-with-parent", "--uid", str(USER), "--gid", str(GROUP), "--hostname", HOST, "--clearenv"]
        for name, value in fixed_environment(env).items():
            options += ["--setenv", name, value]
        options += ["--proc", "/proc", "--remount-ro", "/proc"]
        for each in plan.scratches:
            options += ["--perms", each.mode, "--size", str(each.size), "--tmpfs", each.at]
        for bind in plan.binds:
            options += [_BWRAP[bind.mode], bind.source, bind.at]
        for link in plan.links:
            options += ["--symlink", link.target, link.at]
        options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", cwd]
        return Command((self.program, "--args"), tuple(options), ("--", *argv), "bwrap: ")


_BWRAP = {"read": "--ro-bind", "write": "--bind", "device": "--dev-bind"}


@dataclass(frozen=True, slots=True)
class Namespaces:
    """By namespaces that our own launcher makes, for machines without bwrap."""

    name: str = "namespaces"
    hides: str | None = None

    def seen(self, mount: Mount) -> str:
        """Where the mount says."""
        return mount.at

    def command(
        self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], mounts: Sequence[Mount], network: bool
    ) -> Command:
        """Steps for the launcher."""
        env, plan = _prepare(argv, env, mounts, network=network)
        steps = ["confine", str(USER), str(GROUP), HOST, "network" if network else "offline", "proc", "/proc"]
        for each in plan.scratches:
            steps += ["tmpfs", str(each.size), each.mode, each.at]
        for bind in plan.binds:
            steps += ["bind", bind.mode, bind.source, bind.at]
        for link in plan.links:
            steps += ["link", link.target, link.at]
        return launched([*steps, "seal", "/dev", "chdir", cwd], argv, {**env, "PWD": cwd})


@dataclass(frozen=True, slots=True)
class NoSandbox:
    """Where nothing else works, or was asked for: the command sees what the user sees."""

    reason: str | None = None
    name: str = "none"

    @property
    def hides(self) -> str:
        """Everything."""
        why = f" ({self.reason})" if self.reason else ""
        return f"no sandbox{why}: a build can read your files, write where you may, and use the network"

    def seen(self, mount: Mount) -> str:
        """Where it really is."""
        return str(mount.source)

    def command(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        mounts: Sequence[Mount],  # noqa: ARG002 - they are where they are
        network: bool,  # noqa: ARG002 - it stays open
    ) -> Command:
        """The command itself, with one who adopts its orphans."""
        return supervised(argv, {**(with_modules(env) if is_wanted(argv, env) else env), "PWD": cwd}, cwd)


def _prepare(
    argv: Sequence[str], env: Mapping[str, str], mounts: Sequence[Mount], *, network: bool
) -> tuple[Mapping[str, str], Plan]:
    """The interpreter is there for a command that starts it, and for no other."""
    if not is_wanted(argv, env):
        return env, make_plan(mounts, (), network=network)
    return with_modules(env), make_plan(mounts, interpreter_folders(), network=network)

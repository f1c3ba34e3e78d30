"""Workspace: the projects that are built together, and in which order their targets come.

A project alone is a workspace of one. The lock of the tools is at the workspace's root.
"""

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wasmbuild.errors import Failure, InvalidProject, UsageFailed
from wasmbuild.project.model import Project, Target
from wasmbuild.project.parsing import PROJECT_FILE, load
from wasmbuild.tables import closest

__all__ = ["MAX_MEMBERS", "Part", "Workspace", "enclosing", "gather"]

MAX_MEMBERS = 500
_MAX_PARENTS = 16


@dataclass(frozen=True, slots=True)
class Part:
    """One target of one project of a workspace; ``label`` is what people call it, unique in the workspace."""

    project: Project
    target: Target
    label: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """Projects, and their parts in the order in which they can be built."""

    root: Path
    projects: tuple[Project, ...]
    parts: tuple[Part, ...]
    needs: dict[str, tuple[str, ...]]
    """For each label the labels of what it depends on."""

    @classmethod
    def of(cls, root: Path, projects: Sequence[Project]) -> "Workspace":
        """Order the targets of some projects. Raises InvalidProject for a name twice, a missing target or a circle."""
        parts = _parts(projects)
        needs = {
            label: tuple(_label(parts, part, name) for name in part.target.depends) for label, part in parts.items()
        }
        return cls(root, tuple(projects), tuple(parts[label] for label in _ordered(needs)), needs)

    def selected(self, names: Iterable[str]) -> frozenset[str]:
        """The labels that some names mean, with everything that these depend on; all when there are no names.

        Raises UsageFailed for a name that is none.
        """
        wanted = [self._named(name) for name in names] or [part.label for part in self.parts]
        found: set[str] = set()
        while wanted:
            label = wanted.pop()
            if label not in found:
                found.add(label)
                wanted.extend(self.needs[label])
        return frozenset(found)

    def _named(self, name: str) -> str:
        labels = [part.label for part in self.parts]
        exact = [label for label in labels if label == name] or [
            part.label for part in self.parts if part.target.name == name
        ]
        if len(exact) == 1:
            return exact[0]
        guess = closest(name, labels)
        raise UsageFailed(
            f"there is no target {name[:60]!r}" if not exact else f"several targets are called {name}",
            cause=f"known: {', '.join(labels[:20])}",
            hint=f"did you mean {guess}?" if guess else None,
        )


def gather(project: Project) -> Workspace:
    """A project with the members that it names. Raises InvalidProject."""
    found = [project] if project.targets else []
    for pattern in project.members:
        folders = sorted(file.parent for file in project.root.glob(f"{pattern}/{PROJECT_FILE}"))
        if not folders:
            raise InvalidProject(
                f"{PROJECT_FILE}: [workspace] members: {pattern!r} names no folder with a {PROJECT_FILE}",
                hint="a member is a folder with a project of its own",
            )
        found.extend(_member(project, folder) for folder in folders if folder != project.root)
        if len(found) > MAX_MEMBERS:
            raise InvalidProject(f"{PROJECT_FILE}: [workspace] has more than {MAX_MEMBERS} members")
    unique = {each.root: each for each in found}
    try:
        return Workspace.of(project.root, list(unique.values()))
    except InvalidProject as error:
        command = None if project.members else _from_above(project)
        if command is None:
            raise
        raise InvalidProject(
            error.what, cause="it is built alone here, and is a member of a workspace", hint=command
        ) from error


def _from_above(project: Project) -> str | None:
    """The command that builds a target of a member which needs other members; None where that would not work."""
    try:
        above = enclosing(project.root)
        parts = gather(load(above)).parts if above else ()
    except Failure:
        return None
    own = {target.name for target in project.targets}
    for part in parts:
        if part.project.root == project.root and not own.issuperset(part.target.depends):
            return shlex.join(["wasmbuild", "build", os.path.relpath(str(above)), "--target", part.label])
    return None


def enclosing(folder: Path) -> Path | None:
    """The root of the workspace that has the project in ``folder`` as a member, if there is one above it."""
    for parent in list(folder.absolute().parents)[:_MAX_PARENTS]:
        if not (parent / PROJECT_FILE).is_file():
            continue
        members = load(parent, str(parent / PROJECT_FILE)).members
        if any(folder.absolute() in parent.glob(pattern) for pattern in members):
            return parent
    return None


def _member(project: Project, folder: Path) -> Project:
    if not folder.resolve().is_relative_to(project.root.resolve()):
        raise InvalidProject(f"{folder.name} is a link out of the workspace", hint="members are folders inside it")
    member = load(folder, (folder / PROJECT_FILE).relative_to(project.root).as_posix())
    if member.members:
        raise InvalidProject(f"{folder.name} is a member of a workspace and a workspace itself")
    return member


def _parts(projects: Sequence[Project]) -> dict[str, Part]:
    names = [target.name for project in projects for target in project.targets]
    parts: dict[str, Part] = {}
    for project in projects:
        for target in project.targets:
            label = target.name if names.count(target.name) == 1 else f"{project.name}:{target.name}"
            if label in parts:
                raise InvalidProject(
                    f"two projects of the workspace are called {project.name}",
                    cause=f"in {parts[label].project.root.name} and in {project.root.name}",
                )
            parts[label] = Part(project, target, label)
    return parts


def _label(parts: dict[str, Part], part: Part, name: str) -> str:
    own = [each.label for each in parts.values() if each.project is part.project and each.target.name == name]
    found = own or [label for label in (name,) if label in parts]
    if not found:
        guess = closest(name, list(parts))
        raise InvalidProject(
            f"{PROJECT_FILE}: [target.{part.target.name}] depends on {name[:60]!r}, which is no target",
            hint=f"did you mean {guess}?" if guess else f"known: {', '.join(list(parts)[:20])}",
        )
    return found[0]


def _ordered(needs: dict[str, tuple[str, ...]]) -> list[str]:
    done: dict[str, None] = {}
    path: list[str] = []

    def visit(label: str) -> None:
        if label in done:
            return
        if label in path:
            circle = " -> ".join([*path[path.index(label) :], label])
            raise InvalidProject(f"{PROJECT_FILE}: targets depend on each other in a circle", cause=circle)
        path.append(label)
        for needed in needs[label]:
            visit(needed)
        path.pop()
        done[label] = None

    for label in needs:
        visit(label)
    return list(done)

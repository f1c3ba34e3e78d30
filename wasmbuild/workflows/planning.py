"""Planning: from a folder to the chains of actions that build it; nothing is run or written but the lock.

What a plan costs is reading the project, and asking tools of this machine for their version.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from wasmbuild.build.chain import Chain
from wasmbuild.build.statcache import StatCache
from wasmbuild.build.tree import SourceTree
from wasmbuild.caches import Caches
from wasmbuild.errors import NoProject
from wasmbuild.events import Note, Sink
from wasmbuild.lock import LOCK_FILE
from wasmbuild.project import Project, Target, infer, load, no_project
from wasmbuild.project.workspace import Part, Workspace, enclosing, gather
from wasmbuild.toolchains import Detection, Need, Toolchain, check_language, detect, toolchain_for
from wasmbuild.toolchains.finish import all_actions, finishing_needs
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.toolroom import Toolroom

__all__ = ["DEPENDENCIES", "Plan", "Planned", "find_workspace", "plan"]

DEPENDENCIES = "deps"
"""The folder in which a command finds the files of the targets that its own depends on."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """A target with its language and the chain that makes it."""

    part: Part
    toolchain: Toolchain
    found: Detection
    chain: Chain

    @property
    def label(self) -> str:
        """What people call it."""
        return self.part.label

    @property
    def root(self) -> Path:
        """The folder of its project."""
        return self.part.project.root


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be built of a workspace, in an order that works, and with which tools."""

    workspace: Workspace
    planned: tuple[Planned, ...]
    tools: Toolroom
    digests: StatCache


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A target whose language is known."""

    part: Part
    toolchain: Toolchain
    found: Detection
    needs: tuple[Need, ...]


def find_workspace(root: Path, language: str | None = None) -> Workspace:
    """The project in a folder with its members; inferred from its sources when there is no project file.

    ``language`` is the one that such sources are in, where somebody said so.
    A project that is a member of a workspace above it is built alone, with that one's lock.
    Raises NoProject when there is neither, InvalidProject, UsageFailed.
    """
    root = root.absolute()
    if language is not None:
        check_language(language)
    try:
        project = load(root)
    except NoProject:
        if not root.is_dir():
            raise
        if language is None:
            found = detect(SourceTree.of(root), Target(""))
            if found is None:
                raise
            language = found[1].language
        project = infer(root, language)
    workspace = gather(project)
    return workspace if project.members else replace(workspace, root=enclosing(root) or root)


def plan(
    folder: Path,
    options: BuildOptions,
    *,
    caches: Caches,
    environment: Mapping[str, str],
    sink: Sink,
    looking: bool = False,
) -> Plan:
    """Decide how each wanted target is built; whoever is only ``looking`` leaves the lock as it is.

    Raises NoProject, InvalidProject, UsageFailed, ToolchainMissing for a tool that this machine must have.
    """
    if not looking:
        caches.tag()  # before anything is in it, which a project around it would see
    workspace = find_workspace(folder, options.language)
    wanted = workspace.selected(options.targets)
    digests = StatCache(caches.root / "inputs" / sha256(os.fsencode(workspace.root)).hexdigest()[:32])
    tools = Toolroom(workspace.root, caches, digests, environment, sink, locked=options.locked, offline=options.offline)
    tools.looking = looking
    trees: dict[Path, SourceTree] = {}
    chosen = [_choose(part, options, trees) for part in workspace.parts if part.label in wanted]
    _warn(workspace.root, trees, sink)
    if options.since is not None:
        chosen = _changed(chosen, workspace, options.since, environment)
    tools.prepare(need for each in chosen for need in each.needs)
    return Plan(workspace, tuple(_planned(each, tools) for each in chosen), tools, digests)


def _warn(root: Path, trees: Mapping[Path, SourceTree], sink: Sink) -> None:
    """Name the links that nothing is read through, once."""
    links = [os.path.relpath(folder / path, root) for folder, tree in trees.items() for path in tree.left_out]
    if links:
        more = f" and {len(links) - _SHOWN} more" if len(links) > _SHOWN else ""
        reason = "links to folders outside the project, or to some that are never looked into"
        sink(Note("warning", f"left out: {', '.join(links[:_SHOWN])}{more}: {reason}"))


def _changed(
    chosen: list[_Chosen], workspace: Workspace, revision: str, environment: Mapping[str, str]
) -> list[_Chosen]:
    """Those that changed after a revision, with what depends on them and what they need."""
    from wasmbuild.workflows.since import changed_files, touches, with_dependents  # noqa: PLC0415  (seldom asked)

    files = changed_files(workspace.root, revision, environment)
    lock = workspace.root / LOCK_FILE
    changed = {each.part.label for each in chosen if touches(files, each.part.project.root, each.found.inputs, lock)}
    wanted = with_dependents(changed, {each.part.label: workspace.needs[each.part.label] for each in chosen})
    return [each for each in chosen if each.part.label in wanted]


def _choose(part: Part, options: BuildOptions, trees: dict[Path, SourceTree]) -> _Chosen:
    target, root = options.applied(part.target), part.project.root
    if root not in trees:
        trees[root] = SourceTree.of(root)
    toolchain, found = _toolchain(part.project, target, trees[root])
    target = replace(target, language=toolchain.language)
    needs = (*toolchain.needs(target), *finishing_needs(target))
    return _Chosen(replace(part, target=target), toolchain, found, needs)


def _toolchain(project: Project, target: Target, tree: SourceTree) -> tuple[Toolchain, Detection]:
    if target.language is None:
        found = detect(tree, target)
        if found is None:
            raise no_project(project.root)
        return found
    toolchain = toolchain_for(target.language)
    detection = toolchain.detect(tree, target)
    if detection is None:
        raise NoProject(
            f"{target.name} has no sources in {toolchain.language}",
            hint="add one under src/, or name it in wasmbuild.toml: sources",
        )
    return toolchain, detection


def _planned(chosen: _Chosen, tools: Toolroom) -> Planned:
    target, settings = chosen.part.target, chosen.part.project.settings
    toolbox = tools.tools(chosen.needs)
    actions = all_actions(chosen.toolchain, target, chosen.found, toolbox)
    depended = tuple(f"{DEPENDENCIES}/{name.rpartition(':')[2]}.wasm" for name in target.depends)
    if depended:
        actions = tuple(replace(each, inputs=(*each.inputs, *depended)) for each in actions)
    if settings.network:
        actions = tuple(replace(each, network=True) for each in actions)
    chain = Chain(chosen.part.label, actions, toolbox, settings.timeout, settings.memory)
    return Planned(chosen.part, chosen.toolchain, chosen.found, chain)

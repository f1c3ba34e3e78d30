"""From a folder of sources to a wasm file: detect, lock, provision, describe, run, put in place.

Not here: what is done with the file afterwards (checked, packed, stored), nor looking up a result
by its key.
"""

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from registry.errors import StorageFailed
from registry.files import publish
from wasmbuild.build.action import Action, ActionKey, digest_inputs
from wasmbuild.build.drafts import draft_folder
from wasmbuild.build.provision import provision
from wasmbuild.build.runner import run
from wasmbuild.build.tool import Tool
from wasmbuild.caches import Caches
from wasmbuild.errors import CompilationFailed, NoProject, ToolFailed
from wasmbuild.events import Note, Sink, step
from wasmbuild.lock import lock_tool
from wasmbuild.project import Project, Target, no_project
from wasmbuild.toolchains import Detection, Toolchain, detect, toolchain_for

__all__ = ["OUTPUT_FOLDER", "TIMEOUT_SECONDS", "Compiled", "compile_project", "find_project"]

OUTPUT_FOLDER = "dist"
TIMEOUT_SECONDS = 1800.0
_LINES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Compiled:
    """A wasm file under its final name, and what made it."""

    project: Project
    target: Target
    wasm_path: Path
    action_key: ActionKey
    tool: Tool


def find_project(root: Path) -> Project:
    """The project in a folder, inferred from its sources when there is no project file.

    Raises NoProject when there is neither, InvalidProject, UsageFailed.
    """
    try:
        return Project.load(root)
    except NoProject:
        found = detect(root) if root.is_dir() else None
        if found is None:
            raise
        return Project.infer(root, found[1].language)


def compile_project(root: Path, *, sink: Sink, cache: Caches) -> Compiled:
    """Compile the one target of the project in ``root`` to ``dist/<name>.wasm``.

    Raises NoProject, InvalidProject, UsageFailed, ToolchainMissing, CompilationFailed with the
    compiler's own lines, ToolFailed, StorageFailed. Nothing half-done stays.
    """
    root = root.absolute()
    project = find_project(root)
    target = project.target
    toolchain, found = _toolchain(project)
    sink(Note("info", f"{found.language}: {found.why}"))
    tool = provision(lock_tool(root, toolchain.pin()), cache, sink)
    action = toolchain.action(target, found)
    key = ActionKey.of(action, tool.pin.digest, digest_inputs(root, action.inputs))
    try:
        with step(sink, "compile", target.name):
            wasm_path = _execute(action, tool, root, cache, sink)
    except OSError as error:
        raise StorageFailed(
            f"{target.name} could not be compiled", cause=f"{error.filename or ''}: {error.strerror}".lstrip(": ")
        ) from error
    return Compiled(project, target, wasm_path, key, tool)


def _toolchain(project: Project) -> tuple[Toolchain, Detection]:
    target = project.target
    if target.language is None:
        found = detect(project.root, target.sources)
        if found is None:
            raise no_project(project.root)
        return found
    toolchain = toolchain_for(target.language)
    detection = toolchain.detect(project.root, target.sources)
    if detection is None:
        raise NoProject(
            f"{project.name} has no sources in {toolchain.language}",
            hint="add one under src/, or name it in wasmbuild.toml: [build] sources",
        )
    return toolchain, detection


def _execute(action: Action, tool: Tool, root: Path, cache: Caches, sink: Sink) -> Path:
    dist = root / OUTPUT_FOLDER
    dist.mkdir(exist_ok=True)
    warm = _warm_marker(action, tool, cache)
    if action.first_time and not os.path.lexists(warm):
        sink(Note("info", action.first_time))
    with draft_folder(dist) as folder:
        written = folder.relative_to(root)
        env = {**dict(action.env), **_cache_folders(action, cache, folder, sink)}
        argv = action.command(tool.root, written)
        completed = run(argv, cwd=root, env=env, sink=sink, timeout_seconds=TIMEOUT_SECONDS, tool=action.tool)
        _check(completed.exit_code, completed.tail, action, root / written)
        (name,) = action.outputs
        (root / written / name).chmod(0o644)  # a module is data, whatever the linker thinks
        publish(root / written / name, dist / name)
    _mark_warm(warm, sink)
    return dist / name


def _cache_folders(action: Action, cache: Caches, draft: Path, sink: Sink) -> dict[str, str]:
    """Where the command keeps what makes it faster: in the user's cache, or for this once in the draft."""
    folders = {}
    for variable, place in action.caches:
        try:
            folder = _writable(cache.folder(place))
        except OSError as error:
            sink(Note("warning", f"the cache is not used: {error.filename}: {error.strerror}"))
            folder = draft / ".cache" / place
            folder.mkdir(parents=True)
        folders[variable] = str(folder)
    return folders


def _writable(folder: Path) -> Path:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    return folder


def _mark_warm(marker: Path, sink: Sink) -> None:
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:
        sink(Note("warning", f"the cache could not be written: {error.filename}: {error.strerror}"))


def _check(exit_code: int, tail: tuple[str, ...], action: Action, folder: Path) -> None:
    shown = "\n".join(tail[-_LINES_SHOWN:]) or None
    if exit_code < 0:
        raise ToolFailed(f"{action.tool} was ended by signal {-exit_code}", cause=shown)
    if exit_code != 0:
        raise CompilationFailed("the sources do not compile", cause=shown)
    for name in action.outputs:
        if not (folder / name).is_file() or (folder / name).is_symlink():
            raise ToolFailed(f"{action.tool} ended well, but wrote no {name}", cause=shown)


def _warm_marker(action: Action, tool: Tool, cache: Caches) -> Path:
    identity = hashlib.sha256(f"{tool.root.name} {action.first_time}".encode()).hexdigest()
    return cache.root / "warm" / identity[:24]

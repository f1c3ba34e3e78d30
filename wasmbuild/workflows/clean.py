"""``clean``: what builds left in a project's ``dist`` goes, and nothing else that is there.

With it, when asked, what is remembered of its builds in the user's cache. Not here: the caches themselves
(``wasmbuild cache prune``).
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from registry.files import exclusive_folder, open_regular, storage_errors
from wasmbuild.build.drafts import draft_folder
from wasmbuild.caches import Caches
from wasmbuild.errors import NoProject
from wasmbuild.project import Project, infer, load
from wasmbuild.project.workspace import gather
from wasmbuild.workflows.compile import OUTPUT_FOLDER
from wasmbuild.workflows.records import Records

__all__ = ["Cleaned", "clean"]

_OF_A_TARGET = (".wasm", ".cdx.json", ".spdx.json")
_OF_A_RELEASE = ("release.json", "release-journal.json")
_LAYOUT = ("oci-layout", "index.json", ".index.lock")
_MAX_MARKER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Files and folders that went, or would; and those in output folders that nobody knows.

    Of a folder that went with all that was in it, only the folder itself is named.
    """

    removed: tuple[Path, ...]
    left: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """Files that are ours, then the folders around them, which go when they are empty."""

    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()


def clean(folder: Path, *, records: bool = False, dry_run: bool = False, caches: Caches) -> Cleaned:
    """Remove what builds left in a project and its members; with ``records``, what is remembered of them, too.

    Raises InvalidProject, NoProject for what is no folder, StorageFailed.
    """
    projects = _projects(folder)
    found = [_outputs(project) for project in projects]
    if records:
        kept = Records(caches)
        found.append(_Found(tuple(path for project in projects for path in kept.files(project.root))))
    with storage_errors(f"{folder} could not be cleaned"):
        if not dry_run:
            _remove_drafts(projects)
        with ExitStack() as held:  # whoever builds has its file and its artifact in place, or neither
            for project in projects:
                output = project.root / OUTPUT_FOLDER
                if output.is_dir() and not output.is_symlink():
                    held.enter_context(exclusive_folder(output))
            gone = list(_removed(found, dry_run=dry_run))
        left = [path for project in projects for path in _below(project.root / OUTPUT_FOLDER)]
    whole = set(gone)
    outermost = tuple(path for path in gone if path.parent not in whole)
    return Cleaned(outermost, tuple(sorted(set(left) - whole)))


def _projects(folder: Path) -> tuple[Project, ...]:
    root = folder.absolute()
    try:
        project = load(root)
    except NoProject:
        if not root.is_dir():
            raise
        project = infer(root, "")
    found = gather(project).projects
    return found if project in found else (project, *found)  # the root of a workspace may hold others together only


def _outputs(project: Project) -> _Found:
    folder = project.root / OUTPUT_FOLDER
    if folder.is_symlink() or not folder.is_dir():
        return _Found()
    names = [f"{target.name}{suffix}" for target in project.targets for suffix in _OF_A_TARGET]
    own = (folder / name for name in (*names, *_OF_A_RELEASE))
    files = [path for path in own if path.is_file() or path.is_symlink()]
    layout = folder / "oci"
    if not _is_layout(layout):
        return _Found(tuple(files), (folder,))
    blobs = layout / "blobs" / "sha256"
    content = [] if blobs.is_symlink() else sorted(path for path in blobs.glob("*") if _is_content(path))
    files += [layout / name for name in _LAYOUT if (layout / name).is_file()] + content
    return _Found(tuple(files), (blobs, blobs.parent, layout, folder))


def _is_layout(folder: Path) -> bool:
    """Whether it is an OCI image layout (image-spec, image-layout.md)."""
    if folder.is_symlink() or (folder / "blobs").is_symlink() or not (folder / "index.json").is_file():
        return False
    try:
        with open_regular(folder / "oci-layout") as file:
            marker = json.loads(file.read(_MAX_MARKER))
    except (OSError, ValueError):
        return False
    return isinstance(marker, dict) and "imageLayoutVersion" in marker


def _is_content(path: Path) -> bool:
    return len(path.name) == 64 and path.is_file() and not path.is_symlink()


def _removed(found: Iterable[_Found], *, dry_run: bool) -> Iterator[Path]:
    """What goes; a folder only when nothing else is in it."""
    for each in found:
        gone = set(each.files)
        for path in each.files:
            if not dry_run:
                path.unlink(missing_ok=True)
            yield path
        for folder in each.folders:
            if folder.is_dir() and not folder.is_symlink() and set(folder.iterdir()) <= (gone if dry_run else set()):
                if not dry_run:
                    folder.rmdir()
                gone.add(folder)
                yield folder


def _remove_drafts(projects: Iterable[Project]) -> None:
    for project in projects:
        folder = project.root / OUTPUT_FOLDER
        if folder.is_dir() and not folder.is_symlink():
            with draft_folder(folder):
                pass  # whoever makes one removes those that nobody writes any more


def _below(folder: Path) -> Iterator[Path]:
    """What is in an output folder, without looking into folders that are not ours."""
    if folder.is_symlink():
        yield folder
    elif folder.is_dir():
        for path in folder.iterdir():
            inside = [each for each in path.rglob("*") if not each.is_dir()] if path.name == "oci" else []
            yield from inside or [path]

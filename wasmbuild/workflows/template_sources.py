"""Where a template comes from: wasmbuild itself, a folder, or a repository of git.

What others wrote is data: it is listed within bounds, links are followed only inside of it, and nothing
in it is ever run. A repository is fetched without its history, submodules and hooks, into a folder that
is gone afterwards. Not here: what the files become (``wasmbuild.workflows.new``).
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from registry.errors import StorageFailed
from registry.files import open_regular
from wasmbuild.build.tree import IGNORED_FOLDERS
from wasmbuild.errors import UnknownTemplate, UsageFailed
from wasmbuild.events import Sink
from wasmbuild.project import PROJECT_FILE
from wasmbuild.workflows.templates import DESCRIPTION, Template, by_id, read_template, templates

__all__ = ["MAX_BYTES", "MAX_FILES", "TemplateFile", "obtained", "unusable"]

MAX_FILES = 2000
MAX_BYTES = 32 * 1024**2
"""Bytes of all files of a template together."""

_MAX_DEPTH = 16
_NAMES_A_HOST = re.compile(r"[a-z][a-z0-9+.-]*://|[A-Za-z0-9_.-]+@[^/]+:|[a-z]+::", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file of a template: its path in it, what is in it, and whether it may run."""

    path: PurePosixPath
    data: bytes
    executable: bool


@dataclass(frozen=True, slots=True)
class _Listed:
    path: str
    file: Path
    executable: bool


@contextmanager
def obtained(text: str, subfolder: str | None, sink: Sink) -> Iterator[tuple[Template, Iterator[TemplateFile]]]:
    """A template by its id, its folder (a text with ``/``) or the URL of its repository, and its files.

    ``subfolder`` is the place in a folder or repository; a URL may have it after ``#``. Raises
    UnknownTemplate, UsageFailed, InvalidProject, ToolchainMissing, ToolFailed and, with the files,
    StorageFailed.
    """
    if _NAMES_A_HOST.match(text):
        from wasmbuild.workflows.template_repository import fetched  # noqa: PLC0415 - tarfile and the runner

        url, _, after = text.partition("#")
        if after and subfolder:
            raise UsageFailed("--subfolder, and a subfolder after # in the URL: one of them is enough")
        with tempfile.TemporaryDirectory(prefix="wasmbuild-template-") as scratch:
            root = fetched(url, _inside(after or subfolder), Path(scratch), sink)
            yield _foreign(root, text), files_of(root, text)
    elif "/" in text or text in {".", ".."}:
        root = Path(text) / (_inside(subfolder) or "")
        if subfolder and not root.resolve().is_relative_to(Path(text).resolve()):
            raise unusable(text, f"{subfolder} leads out of it")
        yield _foreign(root, text), files_of(root, text)
    else:
        template = by_id(text)
        if subfolder:
            raise UsageFailed("--subfolder is for a folder or a git URL", hint=f"--template {text} alone")
        yield template, files_of(template.root, text)


def unusable(shown: str, cause: str) -> UnknownTemplate:
    """The error for something that cannot be a template."""
    return UnknownTemplate(f"{shown[:200]} cannot be used as a template", cause=cause)


def files_of(root: Path, shown: str) -> Iterator[TemplateFile]:
    """The files of a template, sorted, without its description, outputs and what git keeps.

    Raises UnknownTemplate for too much, for special files and for links that lead out; StorageFailed.
    """
    try:
        inside = root.resolve(strict=True)
        listed: list[_Listed] = []
        for found in _walk(inside, inside, "", 0, shown):
            listed.append(found)
            if len(listed) > MAX_FILES:
                raise unusable(shown, f"there are more than {MAX_FILES} files in it")
        room = MAX_BYTES
        for each in sorted(listed, key=lambda found: found.path):
            with open_regular(each.file) as file:
                data = file.read(room + 1)
            room -= len(data)
            if room < 0:
                raise unusable(shown, f"there are more than {MAX_BYTES // 1024**2} MiB in it")
            yield TemplateFile(PurePosixPath(each.path), data, each.executable)
    except OSError as error:
        raise StorageFailed(f"{shown[:200]} could not be read", cause=error.strerror) from error


def _walk(root: Path, folder: Path, prefix: str, depth: int, shown: str) -> Iterator[_Listed]:
    if depth > _MAX_DEPTH:
        raise unusable(shown, f"its folders are more than {_MAX_DEPTH} deep")
    with os.scandir(folder) as listing:
        entries = list(listing)
    for entry in entries:
        path = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name != ".git" and entry.name not in IGNORED_FOLDERS:
                yield from _walk(root, Path(entry.path), f"{path}/", depth + 1, shown)
        elif path != DESCRIPTION and entry.name != ".git":
            yield _Listed(path, _real(root, entry, path, shown), os.access(entry.path, os.X_OK))


def _real(root: Path, entry: os.DirEntry[str], path: str, shown: str) -> Path:
    """The file that an entry is, or leads to."""
    file = Path(entry.path)
    if entry.is_symlink():
        file = Path(os.path.realpath(file))
        if not file.is_relative_to(root) or not file.exists():
            raise unusable(shown, f"{path} is a link out of it, or to nothing")
    if not file.is_file():
        raise unusable(shown, f"{path} is neither a file nor a folder")
    return file


def _foreign(root: Path, shown: str) -> Template:
    if not root.is_dir():
        names = ", ".join(each.id for each in templates())
        raise UnknownTemplate(f"there is no folder {str(root)[:200]}", hint=f"wasmbuild has {names}")
    # A link or a pipe in their place would be opened before anybody has looked.
    described, project = (_plain(root / name) for name in (DESCRIPTION, PROJECT_FILE))
    if described:
        return read_template(root)
    if project:
        return Template(root.resolve().name or "template", "", root)
    raise unusable(shown, f"there is neither a {DESCRIPTION} nor a {PROJECT_FILE} in it")


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _inside(subfolder: str | None) -> str | None:
    if not subfolder:
        return None
    path = PurePosixPath(subfolder)
    if path.is_absolute() or ".." in path.parts or "\\" in subfolder or not subfolder.isprintable():
        raise UsageFailed(f"{subfolder[:80]!r} is not a subfolder", hint="for example --subfolder templates/c-cli")
    return str(path)

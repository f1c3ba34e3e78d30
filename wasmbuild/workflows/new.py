"""``new``: a project from a template, whole or not at all.

The files of a template are copied, with ``{{name}}`` and ``{{name_snake}}`` replaced in text and in file
names. Not here: which templates there are (``wasmbuild.workflows.templates``), where others come from
(``wasmbuild.workflows.template_sources``), and building what was made.
"""

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from registry.errors import StorageFailed
from wasmbuild.errors import TargetExists, UsageFailed
from wasmbuild.events import Sink, ignore
from wasmbuild.project import MAX_NAME, PROJECT_FILE, make_name, valid_name
from wasmbuild.workflows.template_sources import TemplateFile, obtained, unusable

__all__ = ["new", "snake_name"]

_NAME = "{{name}}"
_SNAKE = "{{name_snake}}"
_RENAMED = {"gitignore": ".gitignore"}


def new(
    template: str, destination: Path, *, name: str, subfolder: str | None = None, sink: Sink = ignore
) -> list[Path]:
    """Make a project called ``name`` in ``destination``; the files written, sorted.

    ``template`` is the id of one, a folder, or the URL of a git repository; ``subfolder`` is where it is
    in those. Raises UsageFailed for an invalid name, TargetExists when something is there (an empty folder
    may be), StorageFailed when the disk refuses, and what ``obtained`` raises.
    """
    if not valid_name(name):
        raise UsageFailed(
            f"{name[:MAX_NAME]!r} cannot be the name of a project",
            cause="lower-case letters and digits, joined by single '.', '_' or '-'",
            hint=f"for example {make_name(name)}",
        )
    _check_free(destination)
    with obtained(template, subfolder, sink) as (_, files):
        try:
            return _create(files, destination, name, template)
        except OSError as error:
            raise StorageFailed(f"{destination} could not be made", cause=error.strerror) from error


def snake_name(name: str) -> str:
    """The name as languages want it that have identifiers: ``my-app`` is ``my_app``, ``3d`` is ``_3d``."""
    snake = re.sub(r"[.-]", "_", name)
    return f"_{snake}" if snake[:1].isdigit() else snake


def _check_free(destination: Path) -> None:
    taken = destination.is_symlink() or destination.exists()
    if taken and not (destination.is_dir() and not any(destination.iterdir())):
        raise TargetExists(
            f"{destination} exists" + (" and is not empty" if destination.is_dir() else ""),
            hint="choose another name or folder",
        )


def _create(files: Iterable[TemplateFile], destination: Path, name: str, template: str) -> list[Path]:
    existed = destination.is_dir()
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination if existed else destination.parent, prefix=".new-") as folder:
        draft = Path(folder, "project")
        written = _write(files, draft, name, template)
        if existed:
            _move_into(draft, destination)
        else:
            draft.rename(destination)
    return [destination / path for path in written]


def _write(files: Iterable[TemplateFile], draft: Path, name: str, template: str) -> list[Path]:
    written = []
    draft.mkdir()
    for file in files:
        path = _path(file.path, name)
        target = draft / path
        if target.exists():
            raise unusable(template, f"two of its files would be called {path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        data = _filled(file.data, name)
        target.write_bytes(_named(data, name) if str(path) == PROJECT_FILE and data == file.data else data)
        if file.executable:
            target.chmod(target.stat().st_mode | 0o111)
        written.append(Path(path))
    return sorted(written)


def _path(path: PurePosixPath, name: str) -> PurePosixPath:
    filled = path.as_posix().replace(_NAME, name).replace(_SNAKE, snake_name(name))
    return PurePosixPath(*(_RENAMED.get(part, part) for part in PurePosixPath(filled).parts))


def _filled(data: bytes, name: str) -> bytes:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    return data.replace(_NAME.encode(), name.encode()).replace(_SNAKE.encode(), snake_name(name).encode())


def _named(data: bytes, name: str) -> bytes:
    """A project file without a place for the name, with the name in it all the same."""
    import tomlkit  # noqa: PLC0415 - seldom needed
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    try:
        document = tomlkit.parse(data.decode("utf-8"))
        project = document.get("project")
        if not isinstance(project, dict) or project.get("name") in (None, name):
            return data
        project["name"] = name
        return tomlkit.dumps(document).encode()
    except (TOMLKitError, UnicodeDecodeError, ValueError, RecursionError):
        return data  # a build will say what is wrong with it, and where


def _move_into(draft: Path, destination: Path) -> None:
    """Into an empty folder that stays the same folder: a shell may be in it."""
    moved: list[str] = []
    try:
        for child in sorted(draft.iterdir()):
            child.rename(destination / child.name)
            moved.append(child.name)
    except BaseException:
        for name in moved:
            (destination / name).rename(draft / name)
        raise

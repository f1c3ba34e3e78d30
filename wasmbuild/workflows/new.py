"""``new``: a project from a template, whole or not at all.

A template is a folder of data: ``template.toml`` says what it is, the rest is copied, with
``{{name}}`` replaced in text and in file names. Not here: building what was made.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import wasmbuild
from registry.errors import StorageFailed
from wasmbuild.errors import InvalidProject, TargetExists, UnknownTemplate, UsageFailed
from wasmbuild.project import MAX_NAME, make_name, valid_name
from wasmbuild.tables import closest, read_table

__all__ = ["Template", "new", "templates", "templates_root"]

_PLACEHOLDER = "{{name}}"
_DESCRIPTION = "template.toml"
_RENAMED = {"gitignore": ".gitignore"}


@dataclass(frozen=True, slots=True)
class Template:
    """A starter project: its id, what it is in a sentence, and the folder it is copied from."""

    id: str
    description: str
    root: Path


def templates_root() -> Path:
    """The folder of templates: inside an installed package, or beside it in a checkout."""
    package = Path(wasmbuild.__file__).parent
    installed = package / "_templates"
    return installed if installed.is_dir() else package.parent / "templates"


def templates() -> tuple[Template, ...]:
    """All templates, by id."""
    return tuple(_template(path.parent) for path in sorted(templates_root().glob(f"*/{_DESCRIPTION}")))


def new(template: str, destination: Path, *, name: str) -> list[Path]:
    """Make a project called ``name`` in ``destination``; the files written, sorted.

    Raises UnknownTemplate, UsageFailed for an invalid name, TargetExists when something is there
    (an empty folder may be), StorageFailed when the disk refuses.
    """
    source = _find(template)
    if not valid_name(name):
        raise UsageFailed(
            f"{name[:MAX_NAME]!r} cannot be the name of a project",
            cause="lower-case letters and digits, joined by single '.', '_' or '-'",
            hint=f"for example {make_name(name)}",
        )
    _check_free(destination)
    try:
        return _create(source, destination, name)
    except OSError as error:
        raise StorageFailed(f"{destination} could not be made", cause=error.strerror) from error


def _find(template: str) -> Template:
    known = {found.id: found for found in templates()}
    if template not in known:
        guess = closest(template, known)
        raise UnknownTemplate(
            f"there is no template {template[:60]!r}",
            cause=f"known: {', '.join(known)}",
            hint=f"did you mean {guess}?" if guess else None,
        )
    return known[template]


def _template(root: Path) -> Template:
    table = read_table(root / _DESCRIPTION)
    table.only(("id", "description"))
    found = Template(table.required_text("id"), table.required_text("description"), root)
    if found.id != root.name:
        raise InvalidProject(f"the template in {root.name} calls itself {found.id}")
    return found


def _check_free(destination: Path) -> None:
    taken = destination.is_symlink() or destination.exists()
    if taken and not (destination.is_dir() and not any(destination.iterdir())):
        raise TargetExists(
            f"{destination} exists" + (" and is not empty" if destination.is_dir() else ""),
            hint="choose another name or folder",
        )


def _create(template: Template, destination: Path, name: str) -> list[Path]:
    existed = destination.is_dir()
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination if existed else destination.parent, prefix=".new-") as folder:
        draft = Path(folder, "project")
        written = _copy(template.root, draft, name)
        if existed:
            _move_into(draft, destination)
        else:
            draft.rename(destination)
    return [destination / path for path in written]


def _copy(source: Path, draft: Path, name: str) -> list[Path]:
    written = []
    draft.mkdir()
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        relative = file.relative_to(source)
        if relative == Path(_DESCRIPTION):
            continue
        parts = [_RENAMED.get(part, part).replace(_PLACEHOLDER, name) for part in relative.parts]
        target = draft.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_filled(file.read_bytes(), name))
        shutil.copymode(file, target)
        target.chmod(target.stat().st_mode | 0o200)  # a package may be installed read-only
        written.append(target.relative_to(draft))
    return sorted(written)


def _filled(data: bytes, name: str) -> bytes:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    return data.replace(_PLACEHOLDER.encode(), name.encode())


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

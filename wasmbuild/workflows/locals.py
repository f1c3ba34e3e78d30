"""Locals: whether a person's word for an artifact is a file of this machine, or a reference.

Imports next to nothing: it is the first step of verbs that are to be quick.
"""

from itertools import islice
from pathlib import Path

from registry.words import printable
from wasmbuild.errors import UsageFailed

__all__ = ["is_local_file", "local_file"]

_LOOKED_AT = 1000
"""How many files of a folder are looked at for one that was meant."""


def local_file(artifact: str) -> Path | None:
    """The file that a text names, if there is one; otherwise it is meant as a reference.

    A reference that names its host stays one even if there is such a file: whoever can put files
    here does not decide what is run. Raises UsageFailed when only a file can have been meant.
    """
    surely = artifact.endswith((".wasm", ".wat")) or artifact.startswith((".", "/"))
    if not surely and _names_a_host(artifact):
        return None
    path = Path(artifact)
    if _is_file(path):
        return path
    if artifact in {"", "-"}:
        raise UsageFailed("there is no name of a file", cause="what is read has to be a file, and stdin is none")
    if surely:
        raise UsageFailed(f"there is no file {artifact}", cause=_instead(path), hint=_meant(path))
    if _is_project(path):
        raise UsageFailed(
            f"{artifact} is the folder of a project, and a file or a reference is needed", hint=_built(path)
        )
    return None


def is_local_file(text: str) -> bool:
    """Whether a text is the path of a file, where only a reference will do; one that names its host is a reference."""
    return not _names_a_host(text) and _is_file(Path(text))


def _names_a_host(artifact: str) -> bool:
    first, slash, _ = artifact.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return False
    from registry.errors import InvalidReference  # noqa: PLC0415  (a file needs none of it)
    from registry.reference import Reference  # noqa: PLC0415

    try:
        Reference.parse(artifact)
    except InvalidReference:
        return False
    return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


def _is_project(path: Path) -> bool:
    return _is_file(path / "wasmbuild.toml")


def _built(project: Path) -> str:
    """The file that a project was built to, or how to build it."""
    files = sorted((project / "dist").glob("*.wasm"))
    return f"give the file {printable(str(files[0]))}" if files else f"wasmbuild build {printable(str(project))}"


def _meant(path: Path) -> str | None:
    """A file beside it that is called nearly so."""
    from difflib import get_close_matches  # noqa: PLC0415  (only a mistake needs it)

    try:
        beside = sorted(each.name for each in islice(path.parent.iterdir(), _LOOKED_AT) if each.suffix == path.suffix)
    except OSError:
        return None
    found = get_close_matches(path.name, beside, n=1)
    return f"did you mean {printable(str(path.with_name(found[0])))}" if found else None


def _instead(path: Path) -> str | None:
    """What is there under the name of a file, if it is something else."""
    try:
        if path.is_dir():
            return "it is a folder"
        return "it is a pipe, a device or the like" if path.exists() else None
    except OSError as error:  # as above, or links that go in a circle
        return error.strerror

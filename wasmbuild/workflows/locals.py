"""Locals: whether a person's word for an artifact is a file of this machine, or a reference.

Imports next to nothing: it is the first step of verbs that are to be quick.
"""

from pathlib import Path

from wasmbuild.errors import UsageFailed

__all__ = ["local_file"]


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
        raise UsageFailed(f"there is no file {artifact}", cause=_instead(path))
    return None


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


def _instead(path: Path) -> str | None:
    """What is there under the name of a file, if it is something else."""
    try:
        if path.is_dir():
            return "it is a folder"
        return "it is a pipe, a device or the like" if path.exists() else None
    except OSError as error:  # as above, or links that go in a circle
        return error.strerror

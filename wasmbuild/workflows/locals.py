"""Locals: whether a person's word for an artifact is a file of this machine, or a reference.

Imports next to nothing: it is the first step of verbs that are to be quick.
"""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from registry.words import pasted, printable
from wasmbuild.errors import UsageFailed

if TYPE_CHECKING:
    from registry.reference import Reference

__all__ = ["in_registry", "local_file", "local_place"]

_LOOKED_AT = 1000
"""How many files of a folder are looked at for one that was meant."""

_LAYOUTS = ("oci:", "oci-archive:")
_MARKER = "oci-layout"
"""The file by which a folder is an OCI image layout (image-spec, "OCI Layout")."""
_COPY = "wasmbuild copy {} HOST/REPOSITORY:TAG"
_OFFLINE = "wasmbuild verify --offline {} --key wasmbuild.pub"


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
    if _is_project(path):
        raise UsageFailed(
            f"{artifact} is the folder of a project, and a file or a reference is needed", hint=_built(path)
        )
    if surely:
        raise _no_file(artifact, path)
    return None


def in_registry(text: str, command: str, *, hint: str | None = None) -> "Reference":
    """Read what a command is given that is for registries alone.

    Raises UsageFailed for a layout or an archive, with ``hint`` or the way into a registry;
    InvalidReference.
    """
    from registry.reference import Reference  # noqa: PLC0415  (a file needs none of it)

    if text.startswith(_LAYOUTS):
        raise UsageFailed(
            f"{command} is for registries",
            cause=f"{text[:120]} is an OCI image layout of yours",
            hint=hint or (_OFFLINE if command == "verify" else _COPY).format(pasted(text[:120])),
        )
    if _is_local_file(text):  # and the name of no repository of a registry that nobody named
        raise UsageFailed(
            f"{command} is for registries",
            cause=f"{printable(text, 120)} is a file",
            hint=hint or _in_file(command, text),
        )
    reference = Reference.parse(text)
    if local_place(text) is not None:
        raise UsageFailed(
            f"{command} is for registries",
            cause=f"{printable(text, 120)} is a folder",
            hint=hint or _in_folder(command, text, reference),
        )
    return reference


def local_place(text: str) -> str | None:
    """The place on this machine that a text names which names no registry: ``oci:FOLDER`` or ``oci-archive:FILE``.

    A folder counts that is there by just this name, and behind a tag only one that is an OCI image layout: an
    image may well be called as a folder is.
    """
    if _names_a_host(text):
        return None
    if _is_file(Path(text)):
        return f"oci-archive:{text}"
    folder = text.rpartition(":")[0]
    return f"oci:{text}" if _is_folder(Path(text)) or (folder and _is_file(Path(folder, _MARKER))) else None


def _in_folder(command: str, text: str, reference: "Reference") -> str:
    """What to do with a folder where a reference is needed."""
    if command == "push" and _is_project(Path(text)):
        return f"wasmbuild push HOST/REPOSITORY:TAG --project {pasted(text)}"
    local = pasted(f"oci:{text}")
    way = (_OFFLINE if command == "verify" else _COPY).format(local)
    return f"if it is an OCI image layout: {way}\nfor a repository of that name: {reference}"


def _in_file(command: str, text: str) -> str:
    """What to do with a file where a reference is needed."""
    archive = text.endswith(".tar")
    if command == "verify" and archive:
        return _OFFLINE.format(pasted(text))
    if command == "verify":
        return f"wasmbuild verify-file {pasted(text)} --against REFERENCE --key wasmbuild.pub"
    if archive:
        return f"wasmbuild load {pasted(text)} HOST/REPOSITORY"
    return f"wasmbuild push HOST/REPOSITORY:TAG {pasted(text)}"


def _is_local_file(text: str) -> bool:
    """Whether a text is the path of a file; a reference that names its host is none."""
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


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # as above
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


def _no_file(artifact: str, path: Path) -> UsageFailed:
    """Why a text that can only be a file is none: nothing is there, or something else."""
    try:
        there = "it is a folder" if path.is_dir() else "it is a pipe, a device or the like" if path.exists() else None
    except OSError as error:  # as above, or links that go in a circle
        return UsageFailed(f"there is no file {artifact}", cause=error.strerror)
    if there is not None:
        return UsageFailed(f"{artifact} is not a file", cause=there)
    return UsageFailed(f"there is no file {artifact}", hint=_meant(path))

"""Parcel: the inputs of a chain as one file, for a machine that has nothing of the project.

It holds contents alone, each once, in the order of their digests. Who unpacks one has names, sizes and
digests from elsewhere: nothing in it is believed, and nothing in it can name a place. Not here: how it
travels (``wasmbuild.workflows.dispatch``).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from registry.content import CHUNK
from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.files import open_regular, storage_errors
from wasmbuild.build.action import InputFile
from wasmbuild.errors import InvalidProject

__all__ = ["contents", "pack", "unpack"]


def contents(files: Sequence[InputFile]) -> Mapping[str, Any]:
    """What is in the parcel of these files, as JSON; parcels of the same contents are the same bytes."""
    return {"parcel": 1, "contents": [[str(file.digest), file.size] for file in _unique(files)]}


def pack(files: Sequence[InputFile], place: Callable[[InputFile], Path], parcel: Path) -> None:
    """Write the parcel of these files, each of which is at its ``place``.

    Raises InvalidProject for a file that is no longer what was hashed, and StorageFailed.
    """
    with storage_errors("the inputs could not be gathered"), parcel.open("xb") as target:
        for file in _unique(files):
            try:
                source = open_regular(place(file))
            except OSError as error:
                raise _changed(file, error.strerror) from error
            with source:
                if _copy(source, target, file.size) != file.digest or source.read(1):
                    raise _changed(file)


def unpack(parcel: Path, files: Sequence[InputFile], root: Path) -> None:
    """Write these files below an empty folder.

    Raises InvalidDocument when the parcel is another one, or a path leads out of the folder; and StorageFailed.
    """
    offsets, end = dict[Digest, int](), 0
    for file in _unique(files):
        offsets[file.digest] = end
        end += file.size
    with storage_errors("the inputs could not be unpacked"), open_regular(parcel) as source:
        if source.seek(0, 2) != end:
            raise InvalidDocument("the inputs that came are not as long as they should be")
        for file in files:
            source.seek(offsets[file.digest])
            target = root / _checked(file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as written:
                if _copy(source, written, file.size) != file.digest:
                    raise InvalidDocument(f"{file.path} did not come as it was sent")


def _unique(files: Sequence[InputFile]) -> list[InputFile]:
    found = {file.digest: file for file in files}
    return [found[digest] for digest in sorted(found, key=str)]


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> Digest:
    hasher = Digest("sha256", "").hasher()
    while size > 0 and (block := source.read(min(CHUNK, size))):
        hasher.update(block)
        target.write(block)
        size -= len(block)
    return Digest("sha256", hasher.hexdigest())


def _checked(path: str) -> str:
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise InvalidDocument(f"{path!r} is not a path inside the project")
    return path


def _changed(file: InputFile, cause: str | None = None) -> InvalidProject:
    return InvalidProject(f"{file.path} changed during the build", cause=cause, hint="build again")

"""Staging: the folder that a command reads, filled with its inputs alone, and the files that it leaves.

What is copied is hashed on the way: a command never sees other bytes than its key was made of. Not
here: where the command runs (``wasmbuild.build.engine``), and where its outputs are kept.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from registry.digest import Digest, Hasher
from registry.files import open_regular, storage_errors
from wasmbuild.build.action import InputFile
from wasmbuild.errors import InvalidProject, ToolFailed

__all__ = ["FOLDER_MODE", "MAX_OUTPUT", "OutputFile", "collect", "discard", "mode_of", "seal", "stage", "written"]

MAX_OUTPUT = 2 * 1024**3
"""Bytes of one output."""

FOLDER_MODE = 0o755
"""The permissions of every folder that a command finds."""

_BLOCK = 1024 * 1024
_FILE, _PROGRAM = 0o644, 0o755
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a command wrote, by its name among the outputs; ``size`` is in bytes."""

    name: str
    path: Path
    digest: Digest
    size: int


def stage(
    root: Path,
    inputs: Sequence[InputFile],
    files: Sequence[tuple[str, str]],
    folder: Path,
    *,
    modified: float,
    elsewhere: Mapping[str, Path] = MappingProxyType({}),
    there: Collection[str] = (),
) -> None:
    """Copy inputs below ``root``, and write ``files`` (path and text), into a folder that has those of ``there`` only.

    Inputs whose paths are in ``elsewhere`` are taken from there. Everything that is new in it, and the folder
    itself, gets the time ``modified`` (seconds since 1970) and fixed permissions.
    Raises InvalidProject for an input that is no longer what was hashed and for two files of one
    name, and StorageFailed when the folder cannot be written.
    """
    with storage_errors("the inputs could not be copied"):
        folders = _make_folders(folder, [*(file.path for file in inputs), *(path for path, _ in files)])
        left = set(there)
        for file in dict.fromkeys(inputs):
            if file.path in left:
                left.remove(file.path)
                continue
            _copy(elsewhere.get(file.path, root / file.path), file, folder / file.path, modified)
        for path, text in files:
            if path in left:
                left.remove(path)
                continue
            _generate(folder / path, path, text, modified)
        for made in folders:
            os.utime(made, (modified, modified))


def written(files: Sequence[tuple[str, str]]) -> tuple[InputFile, ...]:
    """What :func:`stage` writes besides the inputs, described like these."""
    return tuple(InputFile(path, Digest.of(text.encode()), len(text.encode())) for path, text in files)


def mode_of(file: InputFile) -> int:
    """The permissions that a command finds on it."""
    return _PROGRAM if file.executable else _FILE


def collect(folder: Path, names: Sequence[str], *, max_size: int = MAX_OUTPUT) -> tuple[OutputFile, ...]:
    """The outputs of these names, hashed: regular files in the folder, of at most ``max_size`` bytes.

    Raises ToolFailed for one that is missing, a link, or anything else.
    """
    return tuple(_collect(folder, name, max_size) for name in names)


def seal(folder: Path) -> None:
    """Make what is in a folder durable, and its folders read-only. Raises StorageFailed."""
    with storage_errors(f"{folder} could not be sealed"):
        for base, _, names in os.walk(folder, topdown=False, onerror=_raise):
            for name in names:
                _seal_file(f"{base}/{name}")
            Path(base).chmod(0o555)
        os.sync()  # one call for tens of thousands of small files


def discard(folder: Path) -> None:
    """Remove a folder, also one that is sealed; what cannot be removed stays, and one that is gone is fine."""
    for base, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(base).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _make_folders(top: Path, paths: Iterable[str]) -> list[Path]:
    """The folders that these paths need, and the one on top, each after the one that it is in."""
    names = {parent for path in paths for parent in _parents(path)}
    folders = [top, *(top / name for name in sorted(names))]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        folder.chmod(FOLDER_MODE)
    return folders


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise InvalidProject(f"{path} is not a path inside the project")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _copy(origin: Path, file: InputFile, target: Path, modified: float) -> None:
    try:
        source = open_regular(origin)
    except OSError as error:
        raise _changed(file.path, error.strerror) from error
    with source, _new_file(target, file.path, modified, mode=mode_of(file)) as handle:
        hasher = hashlib.sha256()
        if file.size <= _BLOCK or not _clone(source.fileno(), handle, file.size):
            copied = _transfer(source.fileno(), handle, hasher, file.size)
        else:
            copied = _hash(handle, hasher, file.size)
        if copied != file.size or Digest("sha256", hasher.hexdigest()) != file.digest:
            raise _changed(file.path)


def _changed(path: str, cause: str | None = None) -> InvalidProject:
    return InvalidProject(f"{path} changed during the build", cause=cause, hint="build again")


def _generate(target: Path, path: str, text: str, modified: float) -> None:
    with _new_file(target, path, modified, mode=_FILE) as handle:
        _write(handle, text.encode("utf-8"))


@contextmanager
def _new_file(target: Path, path: str, modified: float, *, mode: int) -> Iterator[int]:
    try:
        handle = os.open(target, _NEW, mode)
    except FileExistsError as error:
        raise InvalidProject(
            f"{path} is there twice among what the compiler reads",
            cause="a file of the project has the name of another one, or of one that wasmbuild writes for the compiler",
            hint="rename the file, or leave it out in .wasmbuildignore",
        ) from error
    try:
        yield handle
        os.fchmod(handle, mode)
        os.utime(handle, (modified, modified))
    finally:
        os.close(handle)


def _clone(source: int, target: int, size: int) -> bool:
    """Let the kernel copy a file, which shares its blocks where the file system can; False where it cannot."""
    done = 0
    try:
        while done <= size and (moved := os.copy_file_range(source, target, size + 1 - done, done, done)):
            done += moved
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
            raise
        os.ftruncate(target, 0)
        return False
    return done > 0


def _transfer(source: int, target: int, hasher: Hasher, size: int) -> int:
    """Copy and hash at most one byte more than ``size``, and say how many there were."""
    done = 0
    while block := os.read(source, min(_BLOCK, size + 1 - done)):
        hasher.update(block)
        _write(target, block)
        done += len(block)
    return done


def _hash(handle: int, hasher: Hasher, size: int) -> int:
    """Hash at most one byte more than ``size`` from the start of a file, and say how many there were."""
    done = 0
    while block := os.pread(handle, min(_BLOCK, size + 1 - done), done):
        hasher.update(block)
        done += len(block)
    return done


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _collect(folder: Path, name: str, max_size: int) -> OutputFile:
    try:
        handle = _open_inside(folder, name)
    except FileNotFoundError as error:
        raise ToolFailed(f"the command ended well, but wrote no {name}") from error
    except OSError as error:
        said = "it is a link" if error.errno in {errno.ELOOP, errno.ENOTDIR} else error.strerror
        raise ToolFailed(f"the output {name} cannot be taken", cause=said) from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ToolFailed(f"the output {name} is not a regular file")
        if found.st_size > max_size:
            raise ToolFailed(f"the output {name} has {found.st_size} bytes, at most {max_size} are taken")
        hasher = hashlib.sha256()
        size = _hash(handle, hasher, found.st_size)
        if size != found.st_size:
            raise ToolFailed(f"the output {name} was still being written when the command had ended")
    finally:
        os.close(handle)
    return OutputFile(name, folder / name, Digest("sha256", hasher.hexdigest()), size)


def _open_inside(folder: Path, name: str) -> int:
    """Open a file below a folder without following a link anywhere on the way."""
    *parents, last = name.split("/")
    if not {"", ".", ".."}.isdisjoint([*parents, last]):
        raise ToolFailed(f"the output {name} is not a path inside the folder of outputs")
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parents:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=at)
    finally:
        os.close(at)


def _seal_file(path: str) -> None:
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        # Who may run a file stays; who may read it is not for the umask of some tool to say. It is the folder that
        # cannot be written to: programs that copy a file copy its mode, too, and want to go on with the copy.
        Path(path).chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _raise(error: OSError) -> None:
    raise error

"""The two files of a key pair: ``PREFIX.key`` for its owner alone, ``PREFIX.pub`` for everyone."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from registry.files import open_regular, storage_errors, sync_folder
from wasmbuild.errors import InvalidKey, TargetExists, UsageFailed
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.pem import MAX_PEM

__all__ = ["KeyFiles", "read_key_file", "write_key_pair"]


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the halves of a key pair are."""

    private: Path
    public: Path


def read_key_file(path: Path) -> bytes:
    """The bytes of a key file.

    Raises InvalidKey when it cannot be read, is no regular file, or is too large to be one.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_PEM + 1)
    except OSError as error:
        raise InvalidKey(f"the key {path} cannot be read", cause=error.strerror) from error
    if len(data) > MAX_PEM:
        raise InvalidKey(f"{path} is not a key", cause=f"it is larger than {MAX_PEM} bytes")
    return data


def write_key_pair(prefix: Path, key: PrivateKey, password: bytes) -> KeyFiles:
    """Write both files next to each other, or neither; what is there already is never overwritten.

    Raises UsageFailed for a prefix without a name, such as a folder; TargetExists, StorageFailed.
    """
    files = _names(prefix)
    with storage_errors(f"the key pair {prefix} could not be written"):
        for path in (files.private, files.public):
            if os.path.lexists(path):
                raise _in_the_way(path)
        _write_both(files, key, password)
    return files


def _names(prefix: Path) -> KeyFiles:
    if prefix.name in {"", ".."}:
        raise UsageFailed(
            f"{str(prefix)!r} is a folder, and not the beginning of two file names",
            hint=f"wasmbuild keys generate -o {prefix / 'wasmbuild'}",
        )
    return KeyFiles(prefix.with_name(f"{prefix.name}.key"), prefix.with_name(f"{prefix.name}.pub"))


def _write_both(files: KeyFiles, key: PrivateKey, password: bytes) -> None:
    parent = files.private.parent
    with tempfile.TemporaryDirectory(dir=parent, prefix=".key-") as folder:
        private = _write(Path(folder) / "private", key.encrypt(password), 0o600)
        public = _write(Path(folder) / "public", key.public.pem, 0o644)
        _link_both(((private, files.private), (public, files.public)))
        sync_folder(parent)


def _write(path: Path, data: bytes, mode: int) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    return path


def _link_both(pairs: tuple[tuple[Path, Path], ...]) -> None:
    """Give the files their names; linking, unlike renaming, fails when a name is taken."""
    try:
        for written, final in pairs:
            _link(written, final)
    except BaseException:
        for written, final in pairs:
            if final.exists() and final.samefile(written):
                final.unlink()
        raise


def _link(written: Path, final: Path) -> None:
    try:
        final.hardlink_to(written)
    except FileExistsError as error:
        raise _in_the_way(final) from error


def _in_the_way(path: Path) -> TargetExists:
    return TargetExists(
        f"{path} is already there", hint="choose another name, or move it away; a lost key cannot be made again"
    )

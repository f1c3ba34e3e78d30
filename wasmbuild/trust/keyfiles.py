"""Where keys are: the files ``PREFIX.key`` for its owner alone and ``PREFIX.pub`` for everyone, or a variable.

Whatever takes a key reads it here. Not here: what is in it.
"""

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.files import read_regular, storage_errors, sync_folder
from registry.words import pasted
from wasmbuild.errors import InvalidKey, TargetExists, UsageFailed
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.pem import MAX_PEM

__all__ = ["KeyFiles", "read_key_file", "write_key_pair", "write_private_file", "write_public_file"]

_ENVIRONMENT = "env:"
_PEM = "-----BEGIN"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")
_NO_FILE = "a key that is no file can sign, and what is needed here is a file: docs/signers.md"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the halves of a key pair are."""

    private: Path
    public: Path


def read_key_file(path: Path) -> bytes:
    """The bytes of a key file, or of the environment variable NAME for ``env://NAME``.

    A path has one slash where that has two; a file of such a name is reached as ``$PWD/env:/NAME``.
    Raises InvalidKey when it cannot be read, is no regular file, or is too large to be one, and for a key in
    place of its file; UsageFailed when what follows ``env://`` is no name.
    """
    if path.parts[:1] == (_ENVIRONMENT,):
        return _from_environment("/".join(path.parts[1:]))
    if _PEM in str(path):  # which an error about the path would show
        raise InvalidKey("what is given is a key, and not the name of a file", hint="--key env://COSIGN_PRIVATE_KEY")
    try:
        return read_regular(path, MAX_PEM)
    except OSError as error:
        hint = _NO_FILE if _SCHEME.match(str(path)) else None
        raise InvalidKey(f"the key {path} cannot be read", cause=error.strerror, hint=hint) from error


def write_key_pair(prefix: Path, key: PrivateKey, password: bytes) -> KeyFiles:
    """Write both files next to each other, or neither; what is there already is never overwritten.

    Raises UsageFailed for a prefix without a name, such as a folder; TargetExists, StorageFailed.
    """
    files = _names(prefix)
    with storage_errors(f"the key pair {prefix} could not be written"):
        for path in (files.private, files.public):
            if os.path.lexists(path):
                raise _in_the_way(path)
        contents = [(files.private, key.encrypt(password), 0o600), (files.public, key.public.pem, 0o644)]
        _write_all(prefix.parent, contents)
    return files


def write_private_file(path: Path, data: bytes) -> None:
    """Write a file for its owner alone; what is there already is never overwritten.

    Raises TargetExists, StorageFailed.
    """
    _write_new(path, data, 0o600)


def write_public_file(path: Path, data: bytes) -> None:
    """The same for everyone to read."""
    _write_new(path, data, 0o644)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    with storage_errors(f"{path} could not be written"):
        if os.path.lexists(path):
            raise _in_the_way(path)
        _write_all(path.parent, [(path, data, mode)])


def _from_environment(name: str) -> bytes:
    if not _VARIABLE.fullmatch(name):
        raise UsageFailed("env:// is followed by the name of a variable", hint="--key env://COSIGN_PRIVATE_KEY")
    text = os.environ.get(name)
    if text is None:
        raise InvalidKey(f"the variable {name} is not set, and a key is looked for in it")
    if len(text) > MAX_PEM:
        raise InvalidKey(f"what the variable {name} holds is not a key", cause=f"it is larger than {MAX_PEM} bytes")
    return os.fsencode(text)


def _names(prefix: Path) -> KeyFiles:
    if prefix.name in {"", ".."}:
        raise UsageFailed(
            f"{str(prefix)!r} is a folder, and not the beginning of two file names",
            hint=f"wasmbuild keys generate -o {pasted(prefix / 'wasmbuild')}",
        )
    return KeyFiles(prefix.with_name(f"{prefix.name}.key"), prefix.with_name(f"{prefix.name}.pub"))


def _write_all(parent: Path, contents: Sequence[tuple[Path, bytes, int]]) -> None:
    """All of the files, each with its bytes and its mode, or none."""
    with tempfile.TemporaryDirectory(dir=parent, prefix=".key-") as folder:
        written = [
            (_write(Path(folder) / str(number), data, mode), path) for number, (path, data, mode) in enumerate(contents)
        ]
        _link_all(written)
        sync_folder(parent)


def _write(path: Path, data: bytes, mode: int) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    return path


def _link_all(pairs: Sequence[tuple[Path, Path]]) -> None:
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

"""Compiled code, kept for the next start, in a folder that nobody else can write to.

The engine trusts compiled code blindly, so what is not exactly as we left it (owner, mode, hash) is
not used. A cache that does not work costs time, never a run.
"""

import hashlib
import os
import stat
from pathlib import Path

from registry.errors import Failure
from registry.files import write_atomically

__all__ = ["CodeCache", "CodeCacheFailed"]

_HASH = 32


class CodeCacheFailed(Exception):
    """Why the cache is not used; the text is for a warning."""


class CodeCache:
    """A folder of compiled code by key; each file is the hash of its content, then the content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> bytes | None:
        """The compiled code, or None when there is none, or only a damaged one.

        Raises CodeCacheFailed when the folder cannot be trusted or read.
        """
        self._check_folder()
        try:
            data = (self._folder / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CodeCacheFailed(f"{self._folder} cannot be read: {error.strerror}") from error
        code = data[_HASH:]
        return code if data[:_HASH] == _seal(key, code) else None

    def store(self, key: str, code: bytes) -> None:
        """Keep compiled code; what was there under the key is replaced.

        Raises CodeCacheFailed.
        """
        self._check_folder()
        try:
            write_atomically(self._folder / key, _seal(key, code) + code, mode=0o600)
        except Failure as failure:
            raise CodeCacheFailed(str(failure)) from failure

    def _check_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._folder.lstat()
        except OSError as error:
            raise CodeCacheFailed(f"{self._folder} cannot be used: {error.strerror}") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise CodeCacheFailed(f"{self._folder} is not a folder that only its owner, you, can enter")


def _seal(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + code).digest()

"""The key pairs of a folder. No private key is opened for it: the public half says what there is to say."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.errors import Failure
from registry.files import storage_errors
from wasmbuild.errors import UsageFailed
from wasmbuild.trust.keyfiles import read_key_file
from wasmbuild.trust.keys import PublicKey

__all__ = ["MAX_PAIRS", "KeyPair", "list_keys"]

MAX_PAIRS = 1000
"""Pairs of one folder that are listed."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The files of one prefix; ``public`` is None where there is no sound public file, and ``problem`` says why."""

    name: str
    signs: bool
    public: PublicKey | None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """The entry of the document of the command."""
        return {
            "name": self.name,
            "private": self.signs,
            "algorithm": self.public and self.public.algorithm.value,
            "fingerprint": self.public and self.public.fingerprint,
            "problem": self.problem or None,
        }


def list_keys(folder: Path) -> tuple[KeyPair, ...]:
    """The pairs ``NAME.key`` and ``NAME.pub`` in a folder, not below it, by name; one file is enough.

    Raises UsageFailed when there is no such folder, StorageFailed when it cannot be read.
    """
    with storage_errors(f"{folder} could not be read"):
        if not folder.is_dir():
            raise UsageFailed(f"there is no folder {folder}", hint="wasmbuild keys list FOLDER")
        with os.scandir(folder) as entries:
            files = {entry.name for entry in entries if entry.name.endswith((".key", ".pub"))}
    names = sorted({name.rpartition(".")[0] for name in files} - {""})
    return tuple(_pair(folder, name, files) for name in names[:MAX_PAIRS])


def _pair(folder: Path, name: str, files: set[str]) -> KeyPair:
    signs = f"{name}.key" in files
    if f"{name}.pub" not in files:
        return KeyPair(name, signs, None, "there is no public file")
    try:
        return KeyPair(name, signs, PublicKey.load(read_key_file((folder / f"{name}.pub").absolute())))
    except Failure as failure:
        return KeyPair(name, signs, None, failure.what)

"""``inspect`` of a file: what a WebAssembly file is, read from its bytes.

Artifacts are ``published``'s; how it is shown is ``inspect_json``'s and the command line's.
"""

import hashlib
import io
import mmap
from pathlib import Path

from registry.digest import Digest
from registry.files import open_regular, storage_errors
from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.customs.sections import read_all_customs
from wasmbuild.wasm.examine import examine
from wasmbuild.workflows.inspected import FileContent

__all__ = ["read_content"]


def read_content(file: Path, *, deep: bool = False) -> FileContent:
    """Read a file; nothing of its bytes is kept. ``deep`` looks into the bodies of functions, too.

    Raises InvalidWasm, StorageFailed.
    """
    with storage_errors(f"{file} cannot be read"), open_regular(file) as opened:
        if not opened.seek(0, io.SEEK_END):
            raise InvalidWasm(f"{file.name} is not WebAssembly", cause="it is empty")
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            anatomy = examine(data, deep=deep)
            customs = read_all_customs(data, (part.sections for part in anatomy.parts))
        opened.seek(0)
        digest = Digest("sha256", hashlib.file_digest(opened, "sha256").hexdigest())
    return FileContent(file, digest, anatomy, customs)

"""``inspect`` of a file: what a WebAssembly file is, read from its bytes.

Artifacts are ``published``'s; how it is shown is ``inspect_json``'s and the command line's.
"""

import mmap
from pathlib import Path

from registry.files import storage_errors
from wasmbuild.wasm.anatomy import Anatomy
from wasmbuild.wasm.customs.sections import Customs, read_all_customs
from wasmbuild.wasm.examine import examine
from wasmbuild.wasm.mapped import read_mapped
from wasmbuild.workflows.inspected import FileContent

__all__ = ["read_content"]


def read_content(file: Path, *, deep: bool = False) -> FileContent:
    """Read a file; nothing of its bytes is kept. ``deep`` looks into the bodies of functions, too.

    Raises InvalidWasm, StorageFailed.
    """

    def reading(data: mmap.mmap) -> tuple[Anatomy, tuple[Customs, ...]]:
        anatomy = examine(data, deep=deep)
        return anatomy, read_all_customs(data, (part.sections for part in anatomy.parts))

    with storage_errors(f"{file} cannot be read"):
        (anatomy, customs), digest = read_mapped(file, reading)
    return FileContent(file, digest, anatomy, customs)

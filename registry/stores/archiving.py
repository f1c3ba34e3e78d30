"""Archives, written: an OCI image layout into one tar file, the same bytes for the same content.

What is not reachable from ``index.json`` stays out. How archives are read is in ``registry.stores.archive``.
"""

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from registry.content import Readable
from registry.digest import Digest
from registry.errors import ContentTooLarge, InvalidDocument, StorageFailed
from registry.files import exclusive_folder, publish, replacing, storage_errors
from registry.graph import read_document
from registry.model import OCTETS, Descriptor, is_document
from registry.stores.archive import ArchiveStore
from registry.stores.layout import LayoutStore
from registry.stores.listed import INDEX_FILE, LAYOUT, LAYOUT_FILE, REF_NAME, ListedStore
from registry.stores.tarindex import MOST_MEMBERS
from registry.strictjson import canonical_json

__all__ = ["archive_for_writing", "staging_beside", "write_archive"]

_Stamp = tuple[int, int, int, int]


@contextmanager
def archive_for_writing(path: Path) -> Iterator[LayoutStore]:
    """A layout with what the archive at ``path`` has; when the block ends well, the archive is written from it.

    A new archive is made where there is none, and a symbolic link is followed. Raises InvalidDocument, at
    once, when something else is there; StorageFailed when the folder cannot be written to, or when somebody
    else changed the archive meanwhile.
    """
    target = _target(path)
    before = _stamp(target)
    with staging_beside(target) as staging:
        if before is not None:
            with ArchiveStore(target) as existing:
                _carry_over(existing, staging)
        with staging.gathering():
            yield staging
        written = staging.root / "archive.tar"
        write_archive(staging, written)
        # Between the look and the new name nobody else of us comes.
        with exclusive_folder(target.parent), storage_errors(f"{path} could not be written"):
            if _stamp(target) != before:
                raise StorageFailed(f"{path} was changed by somebody else", hint="run the command again")
            if before is not None:
                written.chmod(target.stat().st_mode & 0o777)
            publish(written, target)


@contextmanager
def staging_beside(path: Path) -> Iterator[LayoutStore]:
    """A layout of its own beside a file that is to be written, for the length of a block. Raises StorageFailed."""
    with storage_errors(f"{path} could not be written"):
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.absolute().parent))
    try:
        yield LayoutStore.create(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_archive(store: ListedStore, path: Path) -> None:
    """Write all that is reachable from ``index.json`` as a tar file, which is there whole or not at all.

    Only the content decides its bytes, and not the order in which it came. What the layout itself lacks, as
    the manifests of other platforms, is not in the archive either. Raises DigestMismatch, SizeMismatch,
    StorageFailed, and ContentTooLarge when there are more members than we would read.
    """
    contents = sorted(_reachable(store).values(), key=lambda each: each.digest)
    target = _target(path)
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    with replacing(target, mode=mode) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in ((LAYOUT_FILE, LAYOUT), (INDEX_FILE, _index(store))):
            _add(tar, name, len(data), io.BytesIO(data))
        for content in contents:
            with store.fetch(content) as reader:
                _add(tar, f"blobs/{content.digest.algorithm}/{content.digest.encoded}", content.size, reader)
                reader.read(1)  # the end, which verifies


def _target(path: Path) -> Path:
    """The file behind symbolic links.

    Raises InvalidDocument for what is there and no file, such as a device.
    """
    with storage_errors(f"{path} could not be written"):
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            raise InvalidDocument(f"{path} is not an archive, and is not replaced by one")
    return target


def _add(tar: tarfile.TarFile, name: str, size: int, body: Readable) -> None:
    # A fresh TarInfo has time 0, owner 0 and mode 0644.
    info = tarfile.TarInfo(name)
    info.size = size
    tar.addfile(info, body)


def _index(store: ListedStore) -> bytes:
    index = store.listing().index
    in_order = sorted(
        index.manifests,
        key=lambda entry: (entry.annotations.get(REF_NAME, ""), entry.digest, canonical_json(entry.to_json())),
    )
    return replace(index, manifests=tuple(in_order)).encode()


def _reachable(store: ListedStore) -> dict[Digest, Descriptor]:
    """What is here and listed, or needed by what is."""
    found: dict[Digest, Descriptor] = {}
    seen: set[tuple[Digest, bool]] = set()
    waiting = list(store.entries())
    while waiting:
        node = waiting.pop()
        key = (node.digest, is_document(node.media_type))
        if key in seen or store.size_of(node.digest) is None:
            continue
        seen.add(key)
        found[node.digest] = node
        if len(found) > MOST_MEMBERS - 2:
            raise ContentTooLarge(f"there are more than {MOST_MEMBERS} contents for one archive")
        if is_document(node.media_type):
            waiting += read_document(store, node)[1].successors
    return found


def _carry_over(existing: ListedStore, staging: LayoutStore) -> None:
    for content in _reachable(existing).values():
        blob = replace(content.plain(), media_type=OCTETS)
        staging.push(blob, partial(existing.fetch, blob))
    staging.replace_entries(existing.entries())


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

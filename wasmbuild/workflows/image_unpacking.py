"""Unpacking: one file out of the file system that a layer of an image is; the layer is anybody's.

What comes out of it is bounded, and is written to a file without a name, which nothing else can open. Not here: which
file of which layer is wanted (``image_file``).
"""

import os
import re
import tempfile
import weakref
import zlib
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import PurePosixPath

from registry.content import CHUNK, Fetcher, VerifyingReader
from registry.digest import Digest
from registry.errors import ContentTooLarge, InvalidDocument
from registry.files import storage_errors, write_all
from registry.model import TITLE, Descriptor
from registry.stores.sections import Section
from registry.stores.tarindex import Member, find_members
from wasmbuild.artifact import WASM_LAYER
from wasmbuild.errors import UnknownArtifact
from wasmbuild.image.names import PLUGIN

__all__ = ["MAX_UNPACKED", "unpacked"]

MAX_UNPACKED = 1024**3
"""Bytes of a layer that is unpacked, before and after."""

_COMPRESSED = "gzip"
_GZIP = 31
"""``zlib`` reads gzip and nothing else."""


def unpacked(store: Fetcher, layer: Descriptor, names: Sequence[str]) -> tuple[Descriptor, Fetcher]:
    """The first of some files that a layer has, by their paths without a leading slash: what it is, and its bytes.

    All of the layer is fetched, and verified, before anything of it is looked at. Raises UnknownArtifact,
    ContentTooLarge, StorageFailed, and what the store raises.
    """
    if layer.size > MAX_UNPACKED:
        raise _too_large(layer)
    with storage_errors("there is no room for the file"):
        file = tempfile.TemporaryFile(prefix="wasmbuild-", buffering=0)  # noqa: SIM115  (it is closed with its reader)
    assert isinstance(file, FileIO)
    try:
        _unpack(store, layer, file)
        name, member = _member(file, layer, names)
        digest = _digest(file, member)
    except BaseException:
        file.close()
        raise
    # The name that Istio asks for says nothing of the file.
    annotations = {} if name == PLUGIN else {TITLE: PurePosixPath(name).name}
    return Descriptor(WASM_LAYER, digest, member.size, annotations=annotations), _Unpacked(file, member)


def _unpack(store: Fetcher, layer: Descriptor, file: FileIO) -> None:
    """Write the file system of a layer, verified. Raises UnknownArtifact, ContentTooLarge, StorageFailed."""
    with store.fetch(layer) as reader, storage_errors("there is no room for the file"):
        size = 0
        for chunk in _inflated(reader, layer) if layer.media_type.endswith(_COMPRESSED) else reader:
            size += len(chunk)
            if size > MAX_UNPACKED:
                raise _too_large(layer)
            write_all(file, chunk)


def _inflated(reader: VerifyingReader, layer: Descriptor) -> Iterator[bytes]:
    """What is in gzip's members, one after the other. Raises UnknownArtifact."""
    inflating = zlib.decompressobj(_GZIP)
    try:
        for chunk in reader:
            data = chunk
            while data:
                if inflating.eof:
                    inflating = zlib.decompressobj(_GZIP)
                yield inflating.decompress(data, CHUNK)
                data = inflating.unconsumed_tail or inflating.unused_data
        yield inflating.flush()
    except zlib.error as error:
        raise UnknownArtifact(f"the layer {layer.digest} cannot be unpacked", cause=str(error)) from error
    if not inflating.eof:
        raise UnknownArtifact(f"the layer {layer.digest} cannot be unpacked", cause="it ends too early")


def _member(file: FileIO, layer: Descriptor, names: Sequence[str]) -> tuple[str, Member]:
    """The first of the names that the file system has as a regular file. Raises UnknownArtifact."""
    try:
        found = find_members(file, re.compile("/?(?:" + "|".join(map(re.escape, names)) + ")"))
    except InvalidDocument as failure:
        raise UnknownArtifact(f"the file system {layer.digest} cannot be read", cause=failure.cause) from failure
    there = {name.lstrip("/"): member for name, member in found.items()}
    for name in names:
        if name in there:
            return name, there[name]
    raise UnknownArtifact(
        "the image has no WebAssembly file where it says", cause=f"its last layer has no {' and no '.join(names)}"
    )


def _digest(file: FileIO, member: Member) -> Digest:
    hasher = Digest.of(b"").hasher()
    section = Section(file, member.start, member.size)
    while chunk := section.read(CHUNK):
        hasher.update(chunk)
    return Digest("sha256", hasher.hexdigest())


def _too_large(layer: Descriptor) -> ContentTooLarge:
    return ContentTooLarge(
        f"the file system {layer.digest} is too large to be unpacked", cause=f"it has more than {MAX_UNPACKED} bytes"
    )


class _Unpacked:
    """One member of a file without a name, which is gone when nobody reads it any more."""

    def __init__(self, file: FileIO, member: Member) -> None:
        self._file = file
        self._member = member
        weakref.finalize(self, file.close)

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the file. Raises StorageFailed."""
        with storage_errors("the file cannot be read"):
            own = FileIO(os.dup(self._file.fileno()))
        return VerifyingReader(Section(own, self._member.start, self._member.size), descriptor)

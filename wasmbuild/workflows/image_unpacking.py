"""Unpacking: one file out of the file system that a layer of an image is; the layer is anybody's.

What comes out of it is bounded, and is written to a file without a name, which nothing else can open. Not here: which
file of which layer is wanted (``image_file``).
"""

import os
import re
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import PurePosixPath

from registry.content import CHUNK, Fetcher, VerifyingReader
from registry.digest import Digest
from registry.errors import ContentTooLarge, InvalidDocument
from registry.files import storage_errors, write_all
from registry.model import TITLE, Descriptor
from registry.stores.sections import Section
from registry.stores.tarindex import Member, find_members
from registry.words import printable
from wasmbuild.artifact import WASM_LAYER
from wasmbuild.errors import UnknownArtifact
from wasmbuild.image.names import PLUGIN

__all__ = ["MAX_UNPACKED", "unpacked"]

MAX_UNPACKED = 1024**3
"""Bytes of a layer that is unpacked, before and after."""

_MOST_STREAMS = 100_000
"""Streams of gzip in a layer: some who write layers make one for each file, and others for each piece of it."""

_PIECE = 64 * 1024
_COMPRESSED = "gzip"
_GZIP = 31
"""``zlib`` reads gzip and nothing else."""


def unpacked(store: Fetcher, layer: Descriptor, path: str) -> tuple[Descriptor, Fetcher]:
    """A file of a layer, by its path without a leading slash: what it is, and its bytes.

    All of the layer is fetched, and verified, before anything of it is looked at. Raises UnknownArtifact, also where
    another reader of the image could take another file, ContentTooLarge, StorageFailed, and what the store raises.
    """
    if layer.size > MAX_UNPACKED:
        raise _too_large(layer)
    with storage_errors("there is no room for the file"):
        file = tempfile.TemporaryFile(prefix="wasmbuild-", buffering=0)  # noqa: SIM115  (it is closed with its reader)
    assert isinstance(file, FileIO)
    try:
        _unpack(store, layer, file)
        member = _member(file, layer, path)
        digest = _digest(file, member)
    except BaseException:
        file.close()
        raise
    # The name that Istio asks for says nothing of the file.
    annotations = {} if path == PLUGIN else {TITLE: PurePosixPath(path).name}
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
    """What is in gzip's streams, one after the other. Raises UnknownArtifact, ContentTooLarge."""
    inflating, streams = zlib.decompressobj(_GZIP), 1
    try:
        # What follows a stream's end is copied: in small pieces, so that many small streams are no work.
        while data := reader.read(_PIECE):
            while data:
                if inflating.eof:
                    inflating, streams = zlib.decompressobj(_GZIP), streams + 1
                    if streams > _MOST_STREAMS:
                        raise ContentTooLarge(f"the layer {layer.digest} has more than {_MOST_STREAMS} streams of gzip")
                yield inflating.decompress(data, CHUNK)
                data = inflating.unconsumed_tail or inflating.unused_data
        yield inflating.flush()
    except zlib.error as error:
        raise UnknownArtifact(f"the layer {layer.digest} cannot be unpacked", cause=str(error)) from error
    if not inflating.eof:
        raise UnknownArtifact(f"the layer {layer.digest} cannot be unpacked", cause="it ends too early")


def _member(file: FileIO, layer: Descriptor, path: str) -> Member:
    """The file at a path, if nobody who reads the layer can take another for it. Raises UnknownArtifact.

    Another of the same name may come into its place through a link, of this layer or one below; a link may stand for
    a folder on the way; and Istio takes the first that is called ``plugin.wasm``, wherever it is.
    """
    names = {PurePosixPath(path).name, PLUGIN}
    wanted = re.compile(f"(?s:.*/)?(?:{'|'.join(map(re.escape, names))})")
    folders = {str(each) for each in PurePosixPath(path).parents}
    try:
        found = find_members(file, wanted, folders)
    except InvalidDocument as failure:
        cause = failure.cause or "it is compressed, and says that it is not"
        raise UnknownArtifact(f"the file system {layer.digest} cannot be read", cause=cause) from failure
    except ContentTooLarge as failure:
        raise ContentTooLarge(f"the file system {layer.digest} has too many members, or too long names") from failure
    if path not in found:
        raise UnknownArtifact(
            "the image has no WebAssembly file where it says", cause=f"its last layer has no {printable(path)}"
        )
    if len(found) > 1:
        other = next(each for each in found if each != path)
        raise UnknownArtifact(
            "the image has more than one file that may be meant",
            cause=f"its last layer has {printable(path)} and {printable(other)}: it depends on who reads it",
        )
    return found[path]


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

"""What ``client.py`` moves: made in a process of its own, so that the one that measures stays small.

    python benchmarks/content.py file MEGABYTES FOLDER
    python benchmarks/content.py index COUNT FOLDER
    python benchmarks/content.py signed COUNT FOLDER

``file`` makes FOLDER/module.wasm and the layout FOLDER/oci with the same bytes as an artifact;
``index`` the layout with one index of manifests of one blob of 1 MB each; ``signed`` the layout with
one index of artifacts of 20 kB, each with its signature as a referrer. The tag is v1. No two runs give
the same content.
"""

import os
import sys
from pathlib import Path

from registry.graph import push_bytes
from registry.model import EMPTY, EMPTY_BYTES, Descriptor, Index, Manifest, describe
from registry.stores.layout import LayoutStore
from wasmbuild.artifact import pack
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import sign

MEGABYTE = 1_000_000
SMALL = 20_000
CREATED = "1970-01-01T00:00:00Z"


def wasm(path: Path, size: int) -> Path:
    """Write a module that has only a custom section, of ``size`` random bytes; a megabyte of them repeats."""
    name = b"\x05noise"
    noise = os.urandom(min(size, MEGABYTE))
    with path.open("wb") as file:
        file.write(b"\0asm\x01\0\0\0\0" + leb128(size + len(name)) + name)
        for _ in range(size // len(noise)):
            file.write(noise)
    return path


def leb128(value: int) -> bytes:
    """An unsigned number as WebAssembly writes it."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def push(store: LayoutStore, document: Manifest | Index) -> Descriptor:
    """Put a document into a layout."""
    data = document.encode()
    descriptor = describe(document.media_type, data)
    push_bytes(store, descriptor, data)
    return descriptor


def make_file(folder: Path, megabytes: int) -> Descriptor:
    """A file, and a layout of it."""
    path = wasm(folder / "module.wasm", megabytes * MEGABYTE)
    return pack(path, "module").push_to(LayoutStore.create(folder / "oci"))


def make_index(folder: Path, count: int) -> Descriptor:
    """One index of manifests with a blob of 1 MB each."""
    store = LayoutStore.create(folder / "oci")
    push_bytes(store, EMPTY, EMPTY_BYTES)
    listed = []
    for _ in range(count):
        data = os.urandom(MEGABYTE)
        blob = describe("application/octet-stream", data)
        push_bytes(store, blob, data)
        listed.append(push(store, Manifest(config=EMPTY, layers=(blob,))))
    return push(store, Index(manifests=tuple(listed)))


def make_signed(folder: Path, count: int) -> Descriptor:
    """One index of small artifacts, each signed."""
    store, key, listed = LayoutStore.create(folder / "oci"), PrivateKey.generate(), []
    for number in range(count):
        data = wasm(folder / "module.wasm", SMALL).read_bytes()
        artifact = pack(data, f"module-{number}").push_to(store)
        sign(artifact, "127.0.0.1/bench", key, CREATED).push_to(store)
        listed.append(artifact)
    return push(store, Index(manifests=tuple(listed)))


MAKERS = {"file": make_file, "index": make_index, "signed": make_signed}

if __name__ == "__main__":
    KIND, COUNT, FOLDER = sys.argv[1:]
    ROOT = MAKERS[KIND](Path(FOLDER), int(COUNT))
    LayoutStore(Path(FOLDER) / "oci").tag(ROOT, "v1")

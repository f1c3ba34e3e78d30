"""What the tests move: WebAssembly files, and layouts with graphs in them, each unlike any other."""

import hashlib
import json
import os
import tarfile
import uuid
from pathlib import Path
from typing import Any

from registry.model import Descriptor
from registry.stores.layout import LayoutStore
from tests.contract.making import blob, push_index, push_manifest

REFERRER_TYPE = "application/vnd.example.note"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def fresh(address: str) -> str:
    """A repository that nobody has used."""
    return f"{address}/interop/{uuid.uuid4().hex}"


def wasm_file(folder: Path, size: int = 100_000) -> Path:
    """A core module that has nothing but a custom section of ``size`` random bytes."""
    content = b"\x05noise" + os.urandom(size)
    path = folder / "module.wasm"
    path.write_bytes(b"\0asm\x01\0\0\0" + b"\0" + _leb128(len(content)) + content)
    return path


def _leb128(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def layout(folder: Path, manifests: int = 3) -> tuple[LayoutStore, Descriptor]:
    """An index, tagged v1, of manifests with a shared and an own blob; the first, and the index, are referred to."""
    store = LayoutStore.create(folder)
    shared = blob(os.urandom(50_000))
    listed = [push_manifest(store, shared, blob(os.urandom(20_000))) for _ in range(manifests)]
    root = push_index(store, *listed, annotations={"org.example.title": "many"})
    note = push_manifest(store, blob(os.urandom(100)), artifact_type=REFERRER_TYPE, subject=root)
    push_manifest(store, blob(os.urandom(100)), artifact_type=REFERRER_TYPE, subject=listed[0])
    push_manifest(store, blob(os.urandom(100)), artifact_type=REFERRER_TYPE, subject=note)
    store.tag(root, "v1")
    return store, root


def blobs(folder: Path) -> set[str]:
    """The digests of all that a layout holds, after comparing each with its bytes."""
    found = {f"sha256:{path.name}": path for path in (folder / "blobs" / "sha256").iterdir()}
    assert [name for name, path in found.items() if sha256(path.read_bytes()) != name] == []
    return set(found)


def reachable(folder: Path, digest: str) -> set[str]:
    """The digests of what a document in a layout lists, itself included; referrers are not."""
    path = folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
    found = {digest}
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        return found
    for field in ("manifests", "layers"):
        for entry in document.get(field, []):
            found |= reachable(folder, entry["digest"])
    return found | ({document["config"]["digest"]} if "config" in document else set())


def tree(document: dict[str, Any]) -> list[Any]:
    """What refers to what, of what ``wasmbuild discover`` or ``oras discover`` prints: digest, type, annotations."""
    found = []
    for each in document.get("referrers", []):
        descriptor = each.get("descriptor", each)
        found.append([descriptor["digest"], each["artifactType"], each.get("annotations", {}), tree(each)])
    return sorted(found, key=lambda each: each[0])


def image(folder: Path) -> Path:
    """A tar file with one file in it, to make an image of."""
    (folder / "content").write_bytes(os.urandom(10_000))
    with tarfile.open(folder / "layer.tar", "w") as archive:
        archive.add(folder / "content", "content")
    return folder / "layer.tar"

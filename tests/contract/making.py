"""Content for tests, made from little."""

from dataclasses import dataclass

from registry.content import Pusher
from registry.graph import push_bytes
from registry.model import EMPTY, EMPTY_BYTES, OCI_INDEX, OCI_MANIFEST, Descriptor, Index, Manifest, describe

BLOB = "application/octet-stream"


@dataclass(frozen=True)
class Content:
    """Bytes and what describes them."""

    descriptor: Descriptor
    data: bytes

    def push_to(self, store: Pusher) -> Descriptor:
        push_bytes(store, self.descriptor, self.data)
        return self.descriptor


def blob(data: bytes, algorithm: str = "sha256") -> Content:
    return Content(describe(BLOB, data, algorithm), data)


def push_manifest(store: Pusher, *blobs: Content, **fields: object) -> Descriptor:
    """Push blobs and a manifest of them."""
    push_bytes(store, EMPTY, EMPTY_BYTES)
    for each in blobs:
        each.push_to(store)
    manifest = Manifest(config=EMPTY, layers=tuple(each.descriptor for each in blobs), **fields)
    data = manifest.encode()
    return Content(describe(OCI_MANIFEST, data), data).push_to(store)


def push_index(store: Pusher, *manifests: Descriptor, **fields: object) -> Descriptor:
    data = Index(manifests=manifests, **fields).encode()
    return Content(describe(OCI_INDEX, data), data).push_to(store)

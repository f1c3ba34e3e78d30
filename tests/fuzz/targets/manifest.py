"""Any bytes are a manifest or an index, or are refused with InvalidDocument; never both (CVE-2021-41190).

What is read can be written, and is the same when it is read again; writing that once more gives the same bytes.
"""

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.model import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    EMPTY,
    INDEX_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    parse_document,
)
from tests.fuzz.mutate import json_mutated
from tests.fuzz.target import Target

_LAYER = Descriptor("application/wasm", Digest.of(b"a"), 1, {"a": "b"}, "x/y", {"urls": ["https://example.org"]})
_MANIFEST = Manifest(
    EMPTY, (_LAYER, EMPTY), artifact_type="a/b", subject=EMPTY, annotations={"k": "v"}, extra={"e": []}
)
_DOCKER = Manifest(_LAYER, (_LAYER,), media_type=DOCKER_MANIFEST)
_BARE = b'{"schemaVersion":2,"manifests":[]}'


def check(data: bytes) -> bool:
    """Whether it is a document of any of the types."""
    taken = set()
    for media_type in (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST):
        try:
            document = parse_document(data, media_type)
        except InvalidDocument:
            continue
        taken.add(media_type in INDEX_TYPES)
        assert document.media_type == media_type
        written = document.encode()
        again = parse_document(written, media_type)
        assert again == document
        assert again.encode() == written
        assert all(0 <= each.size < 2**63 and str(Digest.parse(str(each.digest))) for each in document.successors)
    assert len(taken) < 2, "it is a manifest and an index"
    return bool(taken)


TARGET = Target(
    "manifest",
    beginning=(
        _MANIFEST.encode(),
        _DOCKER.encode(),
        Index((_LAYER, EMPTY), subject=_LAYER, annotations={"": ""}).encode(),
        Index((EMPTY,), media_type=DOCKER_LIST, extra={"config": 1}).encode(),
        _BARE,
    ),
    check=check,
    words=(
        b'"manifests":[],',
        b'"config":{},',
        b'"layers":[],',
        b'"schemaVersion":2,',
        b'"subject":null,',
        b'"size":1e3',
        b'"size":-0',
        b"1e999",
        b'"mediaType":"",',
        OCI_INDEX.encode(),
        b"\\ud800",
        b'"annotations":{"a":1},',
    ),
    mutate=json_mutated,
)

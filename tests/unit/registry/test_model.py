import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.model import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    EMPTY,
    MAX_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    parse_document,
)

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
KNOWN = {"schemaVersion", "mediaType", "digest", "size", "annotations", "artifactType"}
KNOWN |= {"config", "layers", "manifests", "subject"}
MEANT = {name.casefold() for name in KNOWN | {"urls", "data", "platform", "architecture", "os", "variant"}}
EXTRA = st.dictionaries(TEXT.filter(lambda name: name.casefold() not in MEANT), JSON, max_size=3)
ANNOTATIONS = st.dictionaries(TEXT, TEXT, max_size=3)
TYPES = st.none() | TEXT.filter(bool)
DESCRIPTORS = st.builds(
    Descriptor,
    media_type=TEXT.filter(bool),
    digest=st.builds(Digest.of, st.binary(max_size=8), st.sampled_from(["sha256", "sha512"])),
    size=st.integers(0, 2**63 - 1),
    annotations=ANNOTATIONS,
    artifact_type=TYPES,
    extra=EXTRA,
)
MANIFESTS = st.builds(
    Manifest,
    config=DESCRIPTORS,
    layers=st.lists(DESCRIPTORS, max_size=3).map(tuple),
    artifact_type=TYPES,
    subject=st.none() | DESCRIPTORS,
    annotations=ANNOTATIONS,
    extra=EXTRA,
)
INDEXES = st.builds(
    Index,
    manifests=st.lists(DESCRIPTORS, max_size=3).map(tuple),
    artifact_type=TYPES,
    subject=st.none() | DESCRIPTORS,
    annotations=ANNOTATIONS,
    extra=EXTRA,
)


@given(MANIFESTS | INDEXES)
def test_round_trip_with_unknown_fields(document):
    encoded = document.encode()
    parsed = parse_document(encoded, document.media_type)
    assert parsed == document
    assert parsed.encode() == encoded


@given(st.binary(max_size=200), st.sampled_from([OCI_MANIFEST, OCI_INDEX, DOCKER_LIST, "text/html"]))
def test_any_bytes_are_a_document_or_refused(data, media_type):
    with pytest.raises(InvalidDocument):
        parse_document(data, media_type)


@given(JSON, st.sampled_from(sorted(KNOWN)))
def test_any_value_anywhere_is_read_or_refused(value, place):
    fields = json.loads(MINIMAL) | {place: value}
    try:
        document = parse_document(json.dumps(fields).encode(), OCI_MANIFEST)
    except InvalidDocument:
        return
    assert isinstance(document, Manifest)


MINIMAL = Manifest(config=EMPTY, layers=()).encode()


def changed(**fields):
    return json.dumps({**json.loads(MINIMAL), **fields}).encode()


@pytest.mark.parametrize(
    ("data", "media_type", "said"),
    [
        (changed(manifests=[]), OCI_MANIFEST, "only an index may"),
        (json.dumps({"schemaVersion": 2, "manifests": [], "layers": []}).encode(), OCI_INDEX, "only a manifest may"),
        (json.dumps({"schemaVersion": 2, "manifests": [], "config": {}}).encode(), OCI_INDEX, "only a manifest may"),
        (MINIMAL, OCI_INDEX, "another type"),
        (MINIMAL, DOCKER_MANIFEST, "another type"),
        (MINIMAL, "text/html", "not the type"),
        (changed(schemaVersion=1), OCI_MANIFEST, "schemaVersion"),
        (changed(config=None), OCI_MANIFEST, "config"),
        (changed(layers={}), OCI_MANIFEST, "layers"),
        (changed(layers=[{**EMPTY.to_json(), "size": -1}]), OCI_MANIFEST, "layer 1"),
        (changed(layers=[{**EMPTY.to_json(), "size": True}]), OCI_MANIFEST, "size"),
        (changed(layers=[{**EMPTY.to_json(), "size": 2**63}]), OCI_MANIFEST, "size"),
        (changed(layers=[{**EMPTY.to_json(), "digest": "sha256:../x"}]), OCI_MANIFEST, "digest"),
        (changed(annotations={"a": 1}), OCI_MANIFEST, "annotations"),
        (changed(subject=[]), OCI_MANIFEST, "subject"),
        (changed(layers=[EMPTY.to_json()] * 10_001), OCI_MANIFEST, "more than 10000"),
        (b'{"schemaVersion":2,"schemaVersion":2}', OCI_MANIFEST, "same key twice"),
        (b'{"schemaVersion":NaN}', OCI_MANIFEST, "NaN"),
        (b'{"schemaVersion":2,"a":1e999}', OCI_MANIFEST, "1e999 is larger than any number"),
        (b'{"schemaVersion":2,"a":-1e999}', OCI_MANIFEST, "-1e999 is larger than any number"),
        (b"[" * 100 + b"]" * 100, OCI_MANIFEST, "nested deeper"),
        (b"[" * 100_000, OCI_MANIFEST, "not JSON"),
        (b" " * (MAX_MANIFEST + 1), OCI_MANIFEST, "more than"),
        (b"[" + b"[]," * 100_000 + b"[]]", OCI_MANIFEST, "more than 200000 values"),
        (b"[" + b'{},"",' * 70_000 + b"1]", OCI_MANIFEST, "more than 200000 values"),
        (b'["' + b'\\",' * 10 + b'"' + b",1" * 200_000 + b"]", OCI_MANIFEST, "more than 200000 values"),
        (changed(Layers=[]), OCI_MANIFEST, "the manifest has 'Layers', which some readers take for 'layers'"),
        (changed(SUBJECT=EMPTY.to_json()), OCI_MANIFEST, "take for 'subject'"),
        (MINIMAL.replace(b'"layers"', b'"layer\\u017f"'), OCI_MANIFEST, "take for 'layers'"),
        (
            changed(config={**EMPTY.to_json(), "Digest": "sha256:x"}),
            OCI_MANIFEST,
            "the config's descriptor has 'Digest'",
        ),
        (changed(layers=[{**EMPTY.to_json(), "URLs": []}]), OCI_MANIFEST, "layer 1 has 'URLs'"),
        (changed(layers=[{**EMPTY.to_json(), "platform": {"OS": "wasip1"}}]), OCI_MANIFEST, "layer 1 has 'OS'"),
        (
            json.dumps({"schemaVersion": 2, "manifests": [], "Manifests": []}).encode(),
            OCI_INDEX,
            "take for 'manifests'",
        ),
        (rb'{"schemaVersion":2,"a":"\ud800"}', OCI_MANIFEST, "surrogate"),
        (rb'{"schemaVersion":2,"\uDFFFa":1}', OCI_MANIFEST, "surrogate"),
    ],
)
def test_what_is_wrong_is_said(data, media_type, said):
    with pytest.raises(InvalidDocument) as caught:
        parse_document(data, media_type)
    assert said in str(caught.value)


def test_names_of_annotations_are_anybodys():
    annotations = {"Layers": "1", "OS": "2", "os": "3"}
    assert parse_document(changed(annotations=annotations), OCI_MANIFEST).annotations == annotations


def test_documents_without_a_media_type_take_the_one_they_came_with():
    fields = json.loads(MINIMAL)
    del fields["mediaType"]
    assert parse_document(json.dumps(fields).encode(), DOCKER_MANIFEST).media_type == DOCKER_MANIFEST


def test_annotations_are_written_in_one_order():
    one = Manifest(config=EMPTY, layers=(), annotations={"a": "1", "b": "2"})
    other = Manifest(config=EMPTY, layers=(), annotations={"b": "2", "a": "1"})
    assert one.encode() == other.encode()

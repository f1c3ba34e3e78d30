"""What may stand under a tag that looks like a companion's: what speaks of the artifact in its name alone."""

import io
import json
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import Failure
from registry.model import EMPTY, EMPTY_BYTES, Descriptor, Index, Manifest, describe
from registry.stores.memory import MemoryStore
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.companion import add_layer, companion_tag
from wasmbuild.trust.dsse import DSSE
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import sign_payload, sign_statement
from wasmbuild.trust.simplesigning import SIMPLE_SIGNING, Payload
from wasmbuild.trust.statement import Statement
from wasmbuild.workflows import companion_tags
from wasmbuild.workflows.companion_tags import companion_fault, looks_like_companion

KEY = PrivateKey.generate()
SUBJECT = describe("application/vnd.oci.image.manifest.v1+json", b"an artifact")
OTHER = describe("application/vnd.oci.image.manifest.v1+json", b"another one")
CONFIG = "application/vnd.oci.image.config.v1+json"
WASM = "application/wasm"
LIST = f"sha256-{SUBJECT.digest.encoded}"
SIG, ATT = f"{LIST}.sig", f"{LIST}.att"


@pytest.fixture
def store():
    return MemoryStore()


def put(store, media_type, data):
    made = describe(media_type, data)
    store.push(made, partial(io.BytesIO, data))
    return made


def manifest(store, *layers, config=CONFIG, **fields):
    document = Manifest(config=put(store, config, EMPTY_BYTES), layers=layers, **fields)
    return put(store, document.media_type, document.encode())


def payload(store, subject=SUBJECT):
    return put(store, SIMPLE_SIGNING, Payload(subject.digest, "example.com/a/b").encode())


def envelope(store, subject=SUBJECT, name="example.com/a/b"):
    bundle = json.loads(sign_statement(Statement.signature_of(subject.digest, name), KEY))
    return put(store, DSSE, json.dumps(bundle["dsseEnvelope"]).encode())


def listed(store, *entries):
    index = Index(manifests=entries)
    return put(store, index.media_type, index.encode())


def bundle(store, subject=SUBJECT):
    statement = Statement.signature_of(subject.digest, "example.com/a/b")
    return attach(sign_statement(statement, KEY), subject, statement.predicate_type, "2026-01-01T00:00:00Z").push_to(
        store
    )


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (SIG, True),
        (ATT, True),
        (LIST, True),
        ("sha512-" + "a" * 64, True),
        (f"{LIST}.sbom", False),
        (f"{LIST}.sig2", False),
        (LIST[:-1], False),
        (LIST.upper(), False),
        ("v1.sig", False),
        ("latest", False),
    ],
)
def test_names(tag, expected):
    assert looks_like_companion(tag) is expected


def test_what_we_write_is_one(store):
    layer, data = sign_payload(Payload(SUBJECT.digest, "example.com/a/b"), KEY)
    tagged = add_layer(store, SUBJECT.digest, layer, data)
    assert companion_tag(SUBJECT.digest) == SIG
    assert companion_fault(store, SIG, tagged) is None
    assert companion_fault(store, SIG, manifest(store, payload(store), payload(store))) is None
    assert companion_fault(store, ATT, manifest(store, envelope(store))) is None
    assert companion_fault(store, LIST, listed(store, bundle(store))) is None
    assert companion_fault(store, LIST, listed(store)) is None


def test_the_lists_of_our_client_are(store):
    sbom = manifest(
        store, put(store, "application/spdx+json", b"{}"), config=EMPTY.media_type, subject=SUBJECT,
        artifact_type="application/spdx+json",
    )  # fmt: skip
    notation = manifest(
        store, put(store, "application/jose+json", b"{}"), config="application/vnd.cncf.notary.signature",
        subject=SUBJECT,
    )  # fmt: skip
    assert companion_fault(store, LIST, listed(store, sbom, notation, bundle(store))) is None


FAULTS = {
    "a layer of wasm": (SIG, lambda s: manifest(s, payload(s), put(s, WASM, b"\0asm"))),
    "a signature that calls itself wasm": (
        SIG, lambda s: manifest(s, put(s, WASM, Payload(SUBJECT.digest, "example.com/a/b").encode())),
    ),
    "a config of wasm": (SIG, lambda s: manifest(s, payload(s), config="application/vnd.wasm.config.v0+json")),
    "an artifact type": (SIG, lambda s: manifest(s, payload(s), artifact_type=WASM)),
    "no layer": (SIG, manifest),
    "wasm that calls itself a signature": (SIG, lambda s: manifest(s, put(s, SIMPLE_SIGNING, b"\0asm"))),
    "a signature of something else": (SIG, lambda s: manifest(s, payload(s), payload(s, OTHER))),
    "an attestation in place of a signature": (SIG, lambda s: manifest(s, envelope(s))),
    "too many layers": (SIG, lambda s: manifest(s, *[payload(s)] * 1001)),
    "an index of signatures": (SIG, lambda s: listed(s, bundle(s))),
    "a signature in place of an attestation": (ATT, lambda s: manifest(s, payload(s))),
    "an attestation of something else": (ATT, lambda s: manifest(s, envelope(s, OTHER))),
    "no envelope": (ATT, lambda s: manifest(s, put(s, DSSE, b"{}"))),
    "a manifest in place of a list": (LIST, lambda s: manifest(s, payload(s))),
    "a list with what refers to nothing": (LIST, lambda s: listed(s, manifest(s, payload(s)))),
    "a list with what refers to something else": (LIST, lambda s: listed(s, bundle(s), bundle(s, OTHER))),
    "a list with wasm that refers": (LIST, lambda s: listed(s, manifest(s, put(s, WASM, b"\0asm"), subject=SUBJECT))),
    "a list with an image that refers": (
        LIST,
        lambda s: listed(s, manifest(s, put(s, "application/vnd.oci.image.layer.v1.tar", b""), subject=SUBJECT)),
    ),
    "a list with a bundle of another config": (
        LIST,
        lambda s: listed(s, manifest(s, put(s, BUNDLE, b"{}"), config="application/vnd.wasm.config.v0+json",
                                     subject=SUBJECT)),
    ),
    "a list with a bundle in an image": (
        LIST,
        lambda s: listed(s, manifest(s, put(s, BUNDLE, b"{}"), subject=SUBJECT)),
    ),
    "a list that refers itself": (
        LIST, lambda s: put(s, Index(()).media_type, Index((), subject=SUBJECT).encode()),
    ),
    "a list with a file": (LIST, lambda s: listed(s, replace(bundle(s), media_type=WASM))),
    "a list in a list": (LIST, lambda s: listed(s, listed(s, bundle(s)))),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_everything_else_is_none(store, name):
    tag, make = FAULTS[name]
    assert companion_fault(store, tag, make(store))


def test_how_much_is_looked_at_is_bounded(store, monkeypatch):
    payloads = [put(store, SIMPLE_SIGNING, Payload(SUBJECT.digest, f"r.io/{n}").encode()) for n in range(3)]
    monkeypatch.setattr(companion_tags, "MAX_PAYLOADS", 2)
    assert companion_fault(store, SIG, manifest(store, *payloads[:2])) is None
    assert "more than 2 different" in companion_fault(store, SIG, manifest(store, *payloads))
    envelopes = [envelope(store, name=f"r.io/{n}") for n in range(3)]
    assert companion_fault(store, ATT, manifest(store, *envelopes)) is None  # as many as are verified
    monkeypatch.setattr(companion_tags, "MAX_ATTESTATIONS", 2)
    assert "more than 2 different" in companion_fault(store, ATT, manifest(store, *envelopes))
    monkeypatch.setattr(companion_tags, "MAX_LISTED", 1)
    assert companion_fault(store, LIST, listed(store, bundle(store))) is None
    assert "more than 1 referrers" in companion_fault(store, LIST, listed(store, bundle(store), bundle(store)))


def test_what_is_not_there_or_too_large_is_an_error(store):
    for entry in (
        Descriptor("application/vnd.oci.image.manifest.v1+json", Digest.of(b"gone"), 4),
        replace(bundle(store), size=2**40),
    ):
        with pytest.raises(Failure):
            companion_fault(store, LIST, listed(store, entry))
    large = replace(payload(store), size=10**6)
    with pytest.raises(Failure):
        companion_fault(store, SIG, manifest(store, large))


@given(st.binary(max_size=300), st.sampled_from([(SIG, SIMPLE_SIGNING), (ATT, DSSE)]))
def test_no_bytes_pass_for_what_is_signed(data, where):
    (tag, kind), store = where, MemoryStore()
    assert companion_fault(store, tag, manifest(store, put(store, kind, data)))

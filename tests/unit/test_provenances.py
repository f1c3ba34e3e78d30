"""Which provenance of an artifact counts: on a store, with statements that are signed, and that nobody signed."""

import pytest
import wasmtime

from registry.errors import GraphTooLarge
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from wasmbuild.artifact import pack
from wasmbuild.errors import InvalidAttestation
from wasmbuild.events import Note, ignore
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.provenance import LOCAL_BUILDER, Builder, Parameters, Provenance, Run
from wasmbuild.trust.statement import IN_TOTO, Statement, Subject
from wasmbuild.workflows import provenances
from wasmbuild.workflows.attest import attach_attestation
from wasmbuild.workflows.beside import Attached
from wasmbuild.workflows.companions import Companion, Document
from wasmbuild.workflows.provenances import find_origin
from wasmbuild.workflows.remote import Remote
from wasmbuild.workflows.sign import Wish
from wasmbuild.workflows.unsigned import attach_documents

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
CREATED = "1970-01-01T00:00:00Z"
PACKED = pack(bytes(wasmtime.wat2wasm("(module)")), "empty")


@pytest.fixture
def remote():
    store = MemoryStore()
    PACKED.push_to(store)
    return Remote(Reference.parse("example.com/a:1"), store, PACKED.manifest)


def said(target, finished="2026-01-01T00:00:00Z"):
    return Provenance(Parameters(target), Builder(LOCAL_BUILDER), run=Run(finished=finished)).to_predicate()


def attest(remote, key, *predicates):
    where = Attached(remote.repository, remote.pinned, remote.descriptor)
    for each in predicates:
        attach_attestation(where, each, Wish(key, CREATED), ignore)


def attach(remote, predicate, digest=PACKED.manifest.digest):
    statement = Statement((Subject({"sha256": digest.encoded}),), predicate.type, predicate.content)
    document = Document(IN_TOTO, statement.encode(), {}, unless_signed=True)
    made = Companion("provenance", predicate, document)
    attach_documents(remote.repository, remote.descriptor, [made], CREATED, ignore, signed=False)


def target(remote, *keys, sink=ignore):
    origin = find_origin(remote, [KeyAuthority(key.public) for key in keys], sink)
    return origin.provenance.parameters.target, origin.level


def test_the_newest_of_those_who_are_trusted_counts(remote):
    attest(remote, KEY, said("newer", "2026-03-01T00:00:00Z"), said("older"))
    attest(remote, OTHER, said("forged", "2027-01-01T00:00:00Z"))
    attach(remote, said("unsigned", "2028-01-01T00:00:00Z"))
    assert target(remote, KEY) == ("newer", 1)
    told = []
    assert target(remote, sink=told.append) == ("unsigned", 0)
    assert [each.level for each in told if isinstance(each, Note)] == ["warning"]


def test_one_that_nobody_who_is_trusted_has_signed_is_refused(remote):
    attach(remote, said("unsigned"))
    with pytest.raises(InvalidAttestation, match="has no attestation"):
        target(remote, KEY)
    attest(remote, OTHER, said("forged"))
    with pytest.raises(InvalidAttestation, match="is valid"):
        target(remote, KEY)


def test_one_about_another_artifact_is_none(remote):
    attach(remote, said("other"), PACKED.layer.digest)
    with pytest.raises(InvalidAttestation, match="has no provenance"):
        target(remote)


def test_unsigned_ones_are_bounded(remote, monkeypatch):
    monkeypatch.setattr(provenances, "MAX_ATTESTATIONS", 1)
    attach(remote, said("one"))
    attach(remote, said("two"))
    with pytest.raises(GraphTooLarge, match="2 statements"):
        target(remote)

"""Attesting on stores and a real registry: what is written, that it is written once, and what a push attaches."""

import json
import time
from collections import Counter
from threading import Lock

import pytest
import wasmtime

from registry.client.registries import Registries
from registry.client.transport import Transport
from registry.content import read_all
from registry.digest import Digest
from registry.errors import DigestMismatch, Failure, GraphTooLarge, RegistryRefused
from registry.model import EMPTY, Manifest, describe, parse_document
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from registry.strictjson import load_json
from tests.client.oldregistry import OldRegistry
from tests.client.scripted import scripted
from wasmbuild.artifact import pack_file
from wasmbuild.errors import InvalidAttestation, UsageFailed
from wasmbuild.events import Note, ignore
from wasmbuild.trust import companion, discovery
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.candidate import SignatureKind
from wasmbuild.trust.companion import companion_tag
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.predicates import CAPABILITIES_V1, CYCLONEDX, PROVENANCE, SPDX
from wasmbuild.trust.statement import IN_TOTO, Predicate, Statement, Subject
from wasmbuild.trust.verifier import Verifier
from wasmbuild.workflows import companions as companions_module
from wasmbuild.workflows.attest import (
    MAX_PREDICATE,
    Said,
    attach_attestation,
    attach_attestations,
    parse_forms,
    read_predicate,
)
from wasmbuild.workflows.attestations import attested_predicate, list_attestations
from wasmbuild.workflows.beside import Attached, Beside
from wasmbuild.workflows.companions import (
    Companion,
    Document,
    Source,
    Wanted,
    begin_companions,
    companions,
    names,
)
from wasmbuild.workflows.push import Destination, push
from wasmbuild.workflows.sign import Wish

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
CREATED = "1970-01-01T00:00:00Z"
MODULE = bytes(wasmtime.wat2wasm('(module (import "wasi_snapshot_preview1" "fd_write" (func)))'))
BOM = Predicate(CYCLONEDX, {"bomFormat": "CycloneDX"})
VEX = Predicate("https://openvex.dev/ns", {"statements": []})


class Counting(MemoryStore):
    """Counts what it is asked."""

    def __init__(self):
        super().__init__()
        self.asked = Counter()

    def referrers(self, subject, artifact_type=None, /):
        self.asked["referrers"] += 1
        return super().referrers(subject, artifact_type)

    def push(self, descriptor, body, /):
        self.asked[descriptor.digest] += 1
        super().push(descriptor, body)

    def tag_all(self, descriptor, tags):
        for tag in tags:
            self.tag(descriptor, tag)


@pytest.fixture
def packed(tmp_path):
    (tmp_path / "hello.wasm").write_bytes(MODULE)
    return pack_file(tmp_path / "hello.wasm", {})


@pytest.fixture
def where(packed):
    store = Counting()
    packed.push_to(store)
    return Attached(store, Reference.parse("example.com/team/hello:1").pinned(packed.manifest.digest), packed.manifest)


def source(packed, tmp_path, sink=ignore, **wanted):
    pinned = Reference.parse("example.com/team/hello:1").pinned(packed.manifest.digest)
    return Source(packed, pinned, tmp_path / "hello.wasm", None, Wanted(**wanted), {}, sink)


def added(attestations):
    return [(each.predicate_type, each.kind.value, each.added) for each in attestations]


def test_an_attestation_is_written_in_both_forms_and_once(where):
    wish = Wish(KEY, CREATED)
    first = attach_attestation(where, BOM, wish, ignore)
    assert added(first) == [(CYCLONEDX, "bundle", True), (CYCLONEDX, "legacy", True)]
    again = attach_attestation(where, BOM, wish, ignore)
    assert added(again) == [(CYCLONEDX, "bundle", False), (CYCLONEDX, "legacy", False)]
    assert [each.manifest.digest for each in again] == [each.manifest.digest for each in first]
    assert all(each.added for each in attach_attestation(where, BOM, Wish(OTHER, CREATED), ignore))
    changed = Predicate(CYCLONEDX, {"bomFormat": "CycloneDX", "version": 2})
    assert all(each.added for each in attach_attestation(where, changed, wish, ignore))
    assert len(where.repository.referrers(where.subject)) == 3


def test_the_artifact_comes_first_and_further_subjects_follow(where, packed):
    layer = Subject({"sha256": packed.layer.digest.encoded}, "hello.wasm")
    attach_attestation(where, BOM, Wish(KEY, CREATED), ignore, [layer])
    (entry,) = where.repository.referrers(where.subject)
    assert entry.annotations["dev.sigstore.bundle.predicateType"] == CYCLONEDX
    manifest = parse_document(read_all(where.repository, entry), entry.media_type)
    bundle = json.loads(read_all(where.repository, manifest.layers[0]))
    import base64

    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [
        {"name": "example.com/team/hello", "digest": {"sha256": where.subject.digest.encoded}},
        {"name": "hello.wasm", "digest": {"sha256": packed.layer.digest.encoded}},
    ]


def test_several_are_listed_once_and_share_one_manifest_under_the_tag(where):
    said = [Said(BOM), Said(VEX), Said(Predicate("urn:x", {}))]
    made = attach_attestations(where, said, Wish(KEY, CREATED), ignore)
    assert where.repository.asked["referrers"] == 1
    legacy = {each.manifest.digest for each in made if each.kind is SignatureKind.LEGACY}
    assert legacy == {where.repository.resolve(companion_tag(where.subject.digest, "att")).digest}
    assert where.repository.asked[EMPTY.digest] == 1


@pytest.mark.parametrize(
    ("text", "kinds"), [(None, 2), ("bundle", 1), ("legacy", 1), ("legacy, bundle", 2), ("bundle,bundle", 1)]
)
def test_forms(where, text, kinds):
    wish = Wish(KEY, CREATED, parse_forms(text))
    assert len(attach_attestation(where, BOM, wish, ignore)) == kinds


@pytest.mark.parametrize("text", ["notation", "", "bundle,", "all"])
def test_what_is_no_form_of_attestations(text):
    with pytest.raises(UsageFailed, match="not a form"):
        parse_forms(text)


def test_a_wish_for_a_form_that_attestations_do_not_have_gets_those_they_have(where):
    wish = Wish(KEY, CREATED, (SignatureKind.NOTATION,), credential=object())
    assert [each.kind.value for each in attach_attestation(where, BOM, wish, ignore)] == ["bundle", "legacy"]


def test_a_digest_too_long_for_a_tag_has_a_bundle_alone(packed):
    subject = describe(packed.manifest.media_type, packed.manifest_bytes, "sha512")
    store = MemoryStore()
    packed.push_to(store)
    where = Attached(store, Reference.parse("example.com/team/hello:1").pinned(subject.digest), subject)
    (only,) = attach_attestation(where, BOM, Wish(KEY, CREATED), ignore)
    assert only.kind is SignatureKind.BUNDLE
    with pytest.raises(UsageFailed, match=r"cannot have a \.att tag"):
        attach_attestation(where, BOM, Wish(KEY, CREATED, (SignatureKind.LEGACY,)), ignore)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is no predicate"),
        (b"[]", "is no predicate"),
        (b'{"a":1,"a":2}', "is no predicate"),
        (b'{"a":NaN}', "is no predicate"),
        (b"\xff", "is no predicate"),
        (b'{"a":"' + b"x" * MAX_PREDICATE + b'"}', "is larger than"),
        (None, "cannot be read"),
    ],
    ids=["empty", "list", "twice", "nan", "no-text", "large", "missing"],
)
def test_what_is_no_predicate(tmp_path, data, why):
    if data is not None:
        (tmp_path / "predicate").write_bytes(data)
    with pytest.raises(UsageFailed, match=why):
        read_predicate(tmp_path / "predicate", CYCLONEDX)


def test_a_predicate_from_an_api_is_bounded_too(where):
    huge = Predicate("urn:x", {"a": "x" * (MAX_PREDICATE + 2 * 1024 * 1024)})
    with pytest.raises(UsageFailed, match="too large"):
        attach_attestation(where, huge, Wish(KEY, CREATED), ignore)
    assert where.repository.referrers(where.subject) == []


def test_without_a_key_the_sbom_is_attached_as_it_is(packed, tmp_path):
    store = Counting()
    made = companions(source(packed, tmp_path), signed=False)
    assert [each.words for each in made] == ["SBOM"]
    destination = Destination(Reference.parse("example.com/team/hello:1"), store, ("1",))
    pushed = push(packed, destination, key=None, companions=lambda: made, sink=ignore, environment={})
    (entry,) = store.referrers(packed.manifest)
    manifest = parse_document(read_all(store, entry), entry.media_type)
    assert isinstance(manifest, Manifest)
    assert manifest.artifact_type == manifest.layers[0].media_type == "application/vnd.cyclonedx+json"
    document = load_json(read_all(store, manifest.layers[0]), "the SBOM")
    assert document["metadata"]["component"]["hashes"][0]["content"] == packed.layer.digest.encoded
    assert pushed.to_json()["referrers"] == [entry.plain().to_json()]
    assert pushed.reference.digest == packed.manifest.digest
    again = push(packed, destination, key=None, companions=lambda: made, sink=ignore, environment={})
    assert [each.added for each in again.documents] == [False]
    assert again.to_json()["referrers"] == []


def test_with_a_key_all_is_signed_before_the_tag_and_listed_once(packed, tmp_path):
    store = Counting()
    made = companions(source(packed, tmp_path), signed=True)
    destination = Destination(Reference.parse("example.com/team/hello:1"), store, ("1",))
    pushed = push(packed, destination, key=KEY, companions=lambda: made, sink=ignore, environment={})
    assert {each.predicate_type for each in pushed.attestations} == {CYCLONEDX, CAPABILITIES_V1}
    assert [each.media_type for each in pushed.documents] == ["application/vnd.cyclonedx+json"]
    assert store.asked["referrers"] == 1
    again = push(packed, destination, key=KEY, companions=lambda: made, sink=ignore, environment={})
    assert again.to_json()["referrers"] == []
    assert not any(each.added for each in (*again.documents, *again.attestations, *again.signatures))
    assert store.asked["referrers"] == 2


@pytest.mark.parametrize("fail_at", range(19))
def test_a_push_that_breaks_sets_no_tag_and_the_next_one_mends_it(packed, tmp_path, fail_at):
    class Breaking(Counting):
        left, lock = fail_at, Lock()

        def push(self, descriptor, body, /):
            with self.lock:
                if self.left == 0:
                    raise Failure("broken")
                self.left -= 1
            super().push(descriptor, body)

    store, made = Breaking(), companions(source(packed, tmp_path), signed=True)
    destination = Destination(Reference.parse("example.com/team/hello:1"), store, ("1",))
    with pytest.raises(Failure, match="broken"):
        push(packed, destination, key=KEY, companions=lambda: made, sink=ignore, environment={})
    assert "1" not in store.tags()
    store.left = -1
    push(packed, destination, key=KEY, companions=lambda: made, sink=ignore, environment={})
    assert store.resolve("1") == packed.manifest
    assert len(store.referrers(packed.manifest)) == 4


def unsigned_provenance(packed, started, definition):
    own = Subject({"sha256": packed.manifest.digest.encoded})
    content = {
        "buildDefinition": definition,
        "runDetails": {"builder": {"id": "x"}, "metadata": {"startedOn": started}},
    }
    statement = Statement((own,), PROVENANCE, content)
    bare = Document(IN_TOTO, statement.encode(), {"in-toto.io/predicate-type": PROVENANCE}, unless_signed=True)
    return Companion("provenance", Predicate(PROVENANCE, content), bare)


def test_a_provenance_that_differs_in_its_times_alone_is_not_attached_again(packed):
    store = Counting()
    destination = Destination(Reference.parse("example.com/team/hello:1"), store, ("1",))

    def attach(*said, key=None):
        made = [unsigned_provenance(packed, *said)]
        return push(packed, destination, key=key, companions=lambda: made, sink=ignore, environment={})

    assert [each.added for each in attach("1", {"a": 1}).documents] == [True]
    assert [each.added for each in attach("2", {"a": 1}).documents] == [False]
    assert [each.added for each in attach("2", {"a": 2}).documents] == [True]
    signed = attach("3", {"a": 1}, key=KEY)
    assert signed.documents == ()
    assert all(each.added for each in signed.attestations)
    assert not any(each.added for each in attach("4", {"a": 1}, key=KEY).attestations)


def test_a_provenance_that_somebody_has_signed_is_not_attached_without_a_signature(packed):
    store = Counting()
    destination = Destination(Reference.parse("example.com/team/hello:1"), store, ("1",))

    def attach(*said, key=None):
        made = (unsigned_provenance(packed, *said),)
        return push(packed, destination, key=key, companions=lambda: made, sink=ignore, environment={})

    signed = attach("1", {"a": 1}, key=OTHER)
    (again,) = attach("2", {"a": 1}).documents
    assert not again.added
    assert again.manifest in [each.manifest for each in signed.attestations]
    assert [each.added for each in attach("2", {"a": 2}).documents] == [True]


def test_an_artifact_that_each_of_many_commits_gives_can_be_pushed_signed_and_verified(where, monkeypatch):
    monkeypatch.setattr(companion, "sleep", lambda _: None)
    many = [Said(Predicate(PROVENANCE, {"buildDefinition": number})) for number in range(150)]
    wish = Wish(KEY, CREATED)
    attach_attestations(where, many, wish, ignore)
    made = attach_attestation(where, Predicate(PROVENANCE, {"buildDefinition": "another"}), wish, ignore)
    assert all(each.added for each in made)
    candidates = discovery.found(where.repository, where.subject, PROVENANCE.__eq__)
    evidence = Verifier([KeyAuthority(KEY.public)]).verify(where.subject, candidates)
    assert sum(finding.holds for finding in evidence.attestations) == 302


def test_what_is_wanted_is_made(packed, tmp_path):
    (sbom,) = companions(source(packed, tmp_path, sbom="spdx", capabilities=False), signed=True)
    assert sbom.predicate.type == SPDX
    assert companions(source(packed, tmp_path, sbom="none"), signed=False) == ()
    everything = Wanted()
    assert names(everything, built=True, signed=True) == ("SBOM (CycloneDX)", "provenance", "capabilities")
    assert names(everything, built=False, signed=False) == ("SBOM (CycloneDX)",)
    assert names(Wanted("none", provenance=False, capabilities=False), built=True, signed=True) == ()


def test_a_file_that_changed_since_it_was_packed_is_no_warning(packed, tmp_path):
    (tmp_path / "hello.wasm").write_bytes(b"\0asm\1\0\0\0")
    with pytest.raises(DigestMismatch, match="has changed"):
        companions(source(packed, tmp_path), signed=False)
    begun = begin_companions(source(packed, tmp_path), signed=False)
    with pytest.raises(DigestMismatch, match="has changed"):
        begun()


def test_a_key_is_asked_for_one_signature_at_a_time(packed, tmp_path):
    class Careful:
        public = KEY.public
        busy = 0

        def sign(self, message, /):
            self.busy += 1
            time.sleep(0.01)
            assert self.busy == 1, "asked while it was signing"
            self.busy -= 1
            return KEY.sign(message)

    made = companions(source(packed, tmp_path), signed=True)
    destination = Destination(Reference.parse("example.com/team/hello:1"), Counting(), ("1",))
    pushed = push(packed, destination, key=Careful(), companions=lambda: made, sink=ignore, environment={})
    assert len(pushed.signatures) == 2
    assert len(pushed.attestations) == 4


@pytest.mark.parametrize(("key", "most"), [(None, 12), (KEY, 35)], ids=["plain", "signed"])
def test_a_push_makes_few_requests(registry_address, repository_name, packed, tmp_path, monkeypatch, key, most):
    asked, exchange = [], Transport._exchange
    monkeypatch.setattr(Transport, "_exchange", lambda *told: asked.append(told[1]) or exchange(*told))
    begun = begin_companions(source(packed, tmp_path), signed=key is not None)
    destination = Destination.open(Reference.parse(f"{registry_address}/{repository_name}:1"), (), Registries())
    push(packed, destination, key=key, companions=begun, sink=ignore, environment={})
    assert len(asked) <= most, "\n".join(f"{each.method} {each.url}" for each in asked)
    assert asked[-1].url.endswith("/manifests/1")


def test_what_cannot_be_made_is_a_warning_and_the_rest_is_made(packed, tmp_path, monkeypatch):
    def broken(_):
        raise Failure("too much")

    makers = {"SBOM": broken, "capabilities": companions_module.MAKERS["capabilities"]}
    monkeypatch.setattr(companions_module, "MAKERS", makers)
    said = []
    made = companions(source(packed, tmp_path, said.append), signed=True)
    assert [each.words for each in made] == ["capabilities"]
    monkeypatch.setattr(companions_module, "MAKERS", {"capabilities": makers["capabilities"]})
    (tmp_path / "hello.wasm").unlink()
    assert companions(source(packed, tmp_path), signed=False) == (), "nobody signs them, and nothing is read"
    assert said == [Note("warning", "no SBOM is attached: too much")]


def listed(address, repository, *authorities, predicate_type=None, manifest=None):
    reference = Reference.parse(f"{address}/{repository}:1")
    return list_attestations(reference, authorities, predicate_type, manifest, registries=Registries(), sink=ignore)


def publish(address, repository, packed, key, *predicates):
    destination = Destination.open(Reference.parse(f"{address}/{repository}:1"), (), Registries())
    made = [Companion("test", each) for each in predicates]
    return push(packed, destination, key=key, companions=lambda: made, sink=ignore, environment={})


@pytest.mark.parametrize("old", [False, True], ids=["referrers", "no-referrers"])
def test_what_is_attested_is_listed_and_judged(registry_address, repository_name, packed, old):
    with scripted(OldRegistry()) as script:
        address = script.address if old else registry_address
        publish(address, repository_name, packed, KEY, BOM)
        publish(address, repository_name, packed, OTHER, VEX)
        unjudged = listed(address, repository_name)
        assert [line.split(" (")[0] for line in unjudged.lines().splitlines()] == [
            "not verified cyclonedx",
            "not verified cyclonedx",
            "not verified openvex",
            "not verified openvex",
        ]
        assert unjudged.to_json()["verified"] is False
        judged = listed(address, repository_name, KeyAuthority(KEY.public))
        assert [(each.predicate_type, each.holds) for each in judged.findings] == [
            (CYCLONEDX, True),
            (CYCLONEDX, True),
            (VEX.type, False),
            (VEX.type, False),
        ]
        only = listed(address, repository_name, KeyAuthority(KEY.public), predicate_type=CYCLONEDX)
        assert {each.predicate_type for each in only.findings} == {CYCLONEDX}
        assert json.loads(attested_predicate(only, CYCLONEDX)) == BOM.content
        with pytest.raises(InvalidAttestation):
            attested_predicate(judged, VEX.type)


def test_two_that_say_different_things_are_not_one(registry_address, repository_name, packed):
    publish(registry_address, repository_name, packed, KEY, BOM, Predicate(CYCLONEDX, {"version": 2}))
    both = listed(registry_address, repository_name, KeyAuthority(KEY.public))
    with pytest.raises(UsageFailed, match="2 attestations") as raised:
        attested_predicate(both, CYCLONEDX)
    chosen = raised.value.hint.rpartition(" ")[2]
    assert raised.value.hint.endswith(f"--type cyclonedx --key wasmbuild.pub -o predicate.json --manifest {chosen}")
    assert f"in {chosen}" in raised.value.cause
    authority = KeyAuthority(KEY.public)
    said = []
    for manifest in raised.value.cause.replace("in ", "").splitlines():
        only = listed(registry_address, repository_name, authority, manifest=Digest.parse(manifest))
        assert [str(each.manifest.digest) for each in only.findings] == [manifest]
        said.append(json.loads(attested_predicate(only, CYCLONEDX)))
    assert said in ([BOM.content, {"version": 2}], [{"version": 2}, BOM.content])
    legacy = next(each.manifest.digest for each in both.findings if each.kind is SignatureKind.LEGACY)
    with pytest.raises(UsageFailed) as shared:
        attested_predicate(listed(registry_address, repository_name, authority, manifest=legacy), CYCLONEDX)
    assert "share the manifest" in shared.value.hint
    with pytest.raises(InvalidAttestation):
        nothing = Digest("sha256", "0" * 64)
        attested_predicate(listed(registry_address, repository_name, authority, manifest=nothing), CYCLONEDX)


def test_a_signature_is_not_listed_and_attests_nothing(registry_address, repository_name, packed):
    publish(registry_address, repository_name, packed, KEY)
    assert listed(registry_address, repository_name).findings == ()
    with pytest.raises(InvalidAttestation):
        attested_predicate(listed(registry_address, repository_name, KeyAuthority(KEY.public)), CYCLONEDX)


def test_a_store_is_asked_and_sent_nothing_twice(packed):
    store = Counting()
    beside = Beside(store)
    for _ in range(2):
        packed.push_to(beside)
        assert beside.exists(packed.layer)
        assert beside.referrers(packed.manifest) == []
    assert {store.asked[each.digest] for each in (packed.config, packed.layer, packed.manifest)} == {1}
    assert store.asked["referrers"] == 1
    assert not beside.exists(describe("text/plain", b"never there"))
    assert Digest.of(b"never there") not in store.asked


def test_all_that_is_fetched_is_bounded_together(where, monkeypatch):
    attach_attestations(where, [Said(BOM), Said(VEX)], Wish(KEY, CREATED), ignore)
    every = discovery.found(where.repository, where.subject, discovery.all_wanted)
    total = sum(len(each.content) for each in every)
    monkeypatch.setattr(discovery, "MAX_BYTES", total)
    assert len(discovery.found(where.repository, where.subject, discovery.all_wanted)) == 4
    monkeypatch.setattr(discovery, "MAX_BYTES", total - 1)
    with pytest.raises(GraphTooLarge, match="too large"):
        discovery.found(where.repository, where.subject, discovery.all_wanted)


def test_a_registry_that_refuses_what_is_attached_gets_no_tag_and_the_hint_says_how_to_go_on(packed, tmp_path):
    class Refusing(Counting):
        def referrers(self, subject, artifact_type=None, /):
            raise RegistryRefused("no")

    store, made = Refusing(), companions(source(packed, tmp_path), signed=False)
    destination = Destination(Reference.parse("example.com/team/hello:1"), store, ("1",))
    with pytest.raises(RegistryRefused) as caught:
        push(packed, destination, key=None, companions=lambda: made, sink=ignore, environment={})
    assert "--sbom none" in caught.value.hint
    assert caught.value.side == "destination"
    assert store.tags() == []
    push(packed, destination, key=None, sink=ignore, environment={})
    assert store.tags() == ["1"]

"""Capability attestations of artifacts in a real registry, held against the bytes that it has."""

import hashlib
import io
import json
from functools import partial

import pytest
from wasmtime import wat2wasm

from registry.client.registries import Registries
from registry.errors import ContentTooLarge
from registry.model import OCI_INDEX, OCI_MANIFEST, Index, Manifest, describe
from registry.reference import Reference
from wasmbuild.artifact import pack
from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidAttestation, UnknownArtifact
from wasmbuild.events import ignore
from wasmbuild.image.names import IMAGE_CONFIG, IMAGE_LAYER
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.discovery import all_wanted, found
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.predicates import CAPABILITIES_V1
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import sign_statement
from wasmbuild.trust.statement import Statement, Subject
from wasmbuild.trust.verifier import Verifier
from wasmbuild.workflows import capability_claim as workflow
from wasmbuild.workflows.capability_claim import capability_predicate, check_file, compare_claims
from wasmbuild.workflows.remote import Remote

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
HONEST = bytes(wat2wasm('(module (import "wasi_snapshot_preview1" "fd_write" (func)) (func (export "_start")))'))
GREEDY = bytes(
    wat2wasm(
        '(module (import "wasi_snapshot_preview1" "fd_write" (func))'
        ' (import "wasi_snapshot_preview1" "path_open" (func)) (func (export "_start")))'
    )
)


@pytest.fixture
def repository(registry_address, repository_name):
    name = Reference.parse(f"{registry_address}/{repository_name}:1")
    return name, Registries().repository(name)


def pushed(repository, *files):
    """An artifact of a file, or an index of several."""
    name, store = repository
    packed = [pack(file, "hello") for file in files]
    for each in packed:
        each.push_to(store)
    root = packed[0].manifest
    if len(packed) > 1:
        data = Index(tuple(each.manifest for each in packed)).encode()
        root = describe(OCI_INDEX, data)
        store.push(root, partial(io.BytesIO, data))
    return Remote(name, store, root)


def claimed(remote, file, key=KEY, **fields):
    predicate = capability_predicate(file)
    subject = Subject({"sha256": remote.descriptor.digest.encoded}, remote.asked.name)
    statement = Statement((subject,), CAPABILITIES_V1, {**predicate.content, **fields})
    attach(sign_statement(statement, key), remote.descriptor, CAPABILITIES_V1, "1970-01-01T00:00:00Z").push_to(
        remote.repository
    )


def evidence(remote):
    candidates = found(remote.repository, remote.descriptor, all_wanted)
    return Verifier([KeyAuthority(KEY.public)]).verify(remote.descriptor, candidates)


def compare(remote, judged, **more):
    return compare_claims(remote.repository, remote.descriptor, "it", judged, ignore, **more)


def test_what_is_true_of_the_artifact_holds(repository):
    remote = pushed(repository, HONEST)
    claimed(remote, HONEST)
    (claim,) = compare(remote, evidence(remote))
    assert [each.name for each in claim.capabilities] == ["stdio"]


def test_what_the_bytes_contradict_is_refused_with_the_import(repository, tmp_path):
    remote = pushed(repository, GREEDY)
    claimed(remote, HONEST)
    file = tmp_path / "it.wasm"
    file.write_bytes(GREEDY)
    with pytest.raises(InvalidAttestation) as raised:
        compare(remote, evidence(remote))
    assert "has the import wasi_snapshot_preview1::path_open" in raised.value.cause
    with pytest.raises(InvalidAttestation, match="not true of the file"):
        check_file(evidence(remote), file)


def test_one_lie_among_truths_is_enough(repository):
    remote = pushed(repository, GREEDY)
    claimed(remote, GREEDY)
    claimed(remote, HONEST)
    with pytest.raises(InvalidAttestation):
        compare(remote, evidence(remote))


def test_what_strangers_say_is_not_looked_at(repository, tmp_path):
    remote = pushed(repository, GREEDY)
    claimed(remote, HONEST, key=OTHER)
    judged = evidence(remote)
    assert [each.holds for each in judged.attestations] == [False]
    assert compare(remote, judged) == ()
    check_file(judged, tmp_path / "not there")


def test_without_a_claim_nothing_is_fetched(repository):
    remote = pushed(repository, HONEST)
    judged = evidence(remote)
    assert compare_claims(None, remote.descriptor, "it", judged, ignore) == ()
    check_file(judged, None)


def test_of_an_index_each_claim_is_about_a_file_of_it(repository, tmp_path):
    remote = pushed(repository, HONEST, GREEDY)
    claimed(remote, GREEDY)
    claimed(remote, HONEST)
    judged = evidence(remote)
    assert len(compare(remote, judged)) == 2
    file = tmp_path / "it.wasm"
    file.write_bytes(GREEDY)
    with pytest.raises(InvalidAttestation):
        check_file(judged, file)
    claimed(remote, HONEST, imports=[])
    with pytest.raises(InvalidAttestation, match="not true"):
        compare(remote, evidence(remote))


def test_of_an_index_each_file_needs_a_claim_where_that_is_asked_for(repository):
    remote = pushed(repository, HONEST, GREEDY)
    claimed(remote, HONEST)
    compare(remote, evidence(remote))
    with pytest.raises(InvalidAttestation, match="nothing is attested of the capabilities of a file"):
        compare(remote, evidence(remote), all_files=True)
    claimed(remote, GREEDY)
    assert len(compare(remote, evidence(remote), all_files=True)) == 2


def test_an_index_within_an_index_hides_nothing(repository):
    name, store = repository
    inner = pushed(repository, HONEST, GREEDY)
    data = Index((pack(HONEST, "hello").manifest, inner.descriptor)).encode()
    outer = Remote(name, store, describe(OCI_INDEX, data))
    store.push(outer.descriptor, partial(io.BytesIO, data))
    claimed(outer, HONEST)
    with pytest.raises(UnknownArtifact, match="an index within the index"):
        compare(outer, evidence(outer))


@pytest.mark.parametrize(
    ("architecture", "types", "hidden"),
    [
        ("wasm", ["application/vnd.oci.image.layer.v1.tar+zstd"], True),
        ("wasm", [IMAGE_LAYER], True),
        ("amd64", ["application/wasm", "application/vnd.wasm.content.layer.v1+wasm"], True),
        ("amd64", [IMAGE_LAYER], False),
    ],
    ids=["packed-in-another-way", "damaged", "two-files", "for-another-machine"],
)
def test_an_image_that_cannot_be_read_hides_nothing_in_an_index(repository, architecture, types, hidden):
    """What lists it is not passed without what is in there having been looked at."""
    name, store = repository
    remote = pushed(repository, HONEST)
    contents = [json.dumps({"architecture": architecture}).encode(), *(GREEDY + bytes(number) for number in range(2))]
    parts = [describe(each, data) for each, data in zip([IMAGE_CONFIG, *types], contents, strict=False)]
    image = Manifest(config=parts[0], layers=tuple(parts[1:])).encode()
    index = Index((remote.descriptor, describe(OCI_MANIFEST, image))).encode()
    outer = Remote(name, store, describe(OCI_INDEX, index))
    documents = [(describe(OCI_MANIFEST, image), image), (outer.descriptor, index)]
    for descriptor, data in [*zip(parts, contents, strict=False), *documents]:
        store.push(descriptor, partial(io.BytesIO, data))
    claimed(outer, HONEST)
    if not hidden:
        assert len(compare(outer, evidence(outer), all_files=True)) == 1
        return
    with pytest.raises(UnknownArtifact):
        compare(outer, evidence(outer), all_files=True)


def test_of_an_index_a_claim_about_something_else_is_refused(repository):
    remote = pushed(repository, HONEST, GREEDY)
    claimed(remote, HONEST, digest={"sha256": "0" * 64})
    with pytest.raises(InvalidAttestation, match="about no file of the index"):
        compare(remote, evidence(remote))


def test_a_file_that_is_too_large_is_not_fetched(repository, monkeypatch):
    remote = pushed(repository, HONEST)
    claimed(remote, HONEST)
    monkeypatch.setattr(workflow, "MAX_FILE", 10)
    with pytest.raises(ContentTooLarge, match="too large to be held against"):
        compare(remote, evidence(remote))


@pytest.fixture
def keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    (tmp_path / "ours.key").write_bytes(KEY.encrypt(b""))
    (tmp_path / "ours.pub").write_bytes(KEY.public.pem)
    return tmp_path


@pytest.mark.usefixtures("keys")
def test_attested_without_a_predicate_and_verified(repository, capsys):
    remote = pushed(repository, GREEDY)
    attest = ["attest", str(remote.pinned), "--type", "capabilities", "--key", "ours.key"]
    assert run(attest) == 0
    assert run(["verify", str(remote.pinned), "--type", "capabilities", "--key", "ours.pub"]) == 0
    (claim,) = compare(remote, evidence(remote))
    assert [each.name for each in claim.capabilities] == ["filesystem", "stdio"]
    capsys.readouterr()
    assert run([*attest, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] is False
    assert run([*attest[:2], "--type", "vuln", "--key", "ours.key"]) == 2
    assert "--type vuln needs --predicate FILE" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["capabilities", CAPABILITIES_V1])
@pytest.mark.usefixtures("keys")
def test_nobody_signs_by_mistake_what_is_not_true_of_the_bytes(repository, capsys, tmp_path, name):
    remote = pushed(repository, GREEDY)
    (tmp_path / "claim.json").write_text(json.dumps(capability_predicate(HONEST).content))
    claim = ["--type", name, "--predicate", str(tmp_path / "claim.json")]
    assert run(["attest", str(remote.pinned), *claim, "--key", "ours.key"]) == 2
    assert "read off the artifact itself" in capsys.readouterr().err
    assert remote.repository.referrers(remote.descriptor) == []


@pytest.mark.usefixtures("keys")
def test_verify_ends_with_4_when_the_bytes_say_otherwise(repository, capsys):
    remote = pushed(repository, GREEDY)
    claimed(remote, HONEST)
    assert run(["verify", str(remote.pinned), "--type", "capabilities", "--key", "ours.pub"]) == 4
    err = capsys.readouterr().err
    assert "error[WB406]: the capability attestation is not true of the file" in err
    assert "path_open" in err


@pytest.mark.usefixtures("keys")
def test_of_an_index_with_several_files_none_is_chosen(repository, capsys):
    remote = pushed(repository, HONEST, GREEDY)
    assert run(["attest", str(remote.pinned), "--type", "capabilities", "--key", "ours.key"]) == 2
    assert "is an index with 2 files" in capsys.readouterr().err


def bundle_of(file, predicate):
    subject = Subject({"sha256": hashlib.sha256(file).hexdigest()}, "hello.wasm")
    return sign_statement(Statement((subject,), CAPABILITIES_V1, predicate.content), KEY)


@pytest.mark.usefixtures("keys")
def test_a_bundle_beside_a_file_is_held_against_it(keys, capsys):
    (keys / "a.wasm").write_bytes(GREEDY)
    verify = ["verify-file", "a.wasm", "--bundle", "b.json", "--type", "capabilities", "--key", "ours.pub"]
    (keys / "b.json").write_bytes(bundle_of(GREEDY, capability_predicate(GREEDY)))
    assert run(verify) == 0
    (keys / "b.json").write_bytes(bundle_of(GREEDY, capability_predicate(HONEST)))
    assert run(verify) == 4
    assert "has the import wasi_snapshot_preview1::path_open" in capsys.readouterr().err


@pytest.mark.usefixtures("private_cache")
def test_what_a_push_attests_is_true_and_the_same_as_attesting_it(keys, registry_address, repository_name, capsys):
    (keys / "a.wasm").write_bytes(GREEDY)
    reference = f"{registry_address}/{repository_name}:1"
    assert run(["push", reference, "a.wasm", "--sign", "--key", "ours.key", "--sbom", "none"]) == 0
    assert run(["verify", reference, "--type", "capabilities", "--key", "ours.pub"]) == 0
    capsys.readouterr()
    assert run(["attest", reference, "--type", "capabilities", "--key", "ours.key", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] is False

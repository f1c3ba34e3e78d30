"""What our client writes to a registry, the clients of others read, byte for byte."""

import json

import pytest

from tests.interop.making import REFERRER_TYPE, blobs, fresh, layout, reachable, sha256, wasm_file

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture
def pushed(run, registry, tmp_path):
    """A file, where it was pushed to, and the document that push printed."""
    path, name = wasm_file(tmp_path), fresh(registry)
    return path, name, run.ours("push", f"{name}:v1", path)


@pytest.fixture
def signed(run, keys, registry, tmp_path):
    """The same, with a signature."""
    path, name = wasm_file(tmp_path), fresh(registry)
    return path, name, run.ours("push", f"{name}:v1", path, "--sign", "--key", "release.key")


def test_oras_pulls_our_push(oras, pushed, tmp_path):
    path, name, document = pushed
    oras.data("oras", "pull", "--plain-http", "-o", "pulled", f"{name}:v1")
    assert [each.name for each in (tmp_path / "pulled").iterdir()] == [path.name]
    assert (tmp_path / "pulled" / path.name).read_bytes() == path.read_bytes()
    manifest = oras.data("oras", "manifest", "fetch", "--plain-http", f"{name}:v1")
    assert sha256(manifest) == document["descriptor"]["digest"]
    config = json.loads(manifest)["config"]
    assert config["mediaType"] == "application/vnd.wasm.config.v0+json"
    assert sha256(oras.data("oras", "manifest", "fetch-config", "--plain-http", f"{name}:v1")) == config["digest"]


def test_crane_reads_our_push(crane, pushed):
    path, name, document = pushed
    digest = document["descriptor"]["digest"]
    assert crane.text("crane", "digest", f"{name}:v1") == digest
    assert sha256(crane.data("crane", "manifest", f"{name}@{digest}")) == digest
    assert crane.data("crane", "blob", f"{name}@{sha256(path.read_bytes())}") == path.read_bytes()
    assert crane.text("crane", "ls", name).splitlines() == ["v1"]


def test_crane_pulls_our_push_as_a_layout(crane, pushed, tmp_path):
    _, name, document = pushed
    crane.data("crane", "pull", "--format", "oci", f"{name}:v1", "pulled")
    digest = document["descriptor"]["digest"]
    assert blobs(tmp_path / "pulled") == reachable(tmp_path / "pulled", digest)


def test_oras_lists_and_copies_our_signature(oras, signed, ours):
    _, name, document = signed
    (signature,) = document["referrers"]
    found = json.loads(oras.data("oras", "discover", "--plain-http", "--format", "json", f"{name}:v1"))
    (listed,) = found["referrers"]
    assert (listed["digest"], listed["artifactType"]) == (signature["digest"], BUNDLE)
    copied = fresh(ours)
    oras.data("oras", "cp", "-r", "--from-plain-http", "--to-plain-http", f"{name}:v1", f"{copied}:v1")
    assert oras.ours("verify", f"{copied}:v1", "--key", "release.pub")["descriptor"] == document["descriptor"]


def test_crane_copies_our_push_to_our_registry(crane, signed, ours):
    path, name, document = signed
    copied = fresh(ours)
    crane.data("crane", "copy", f"{name}:v1", f"{copied}:v1")
    assert crane.ours("pull", f"{copied}:v1", "-o", "pulled.wasm")["descriptor"] == document["descriptor"]
    assert (path.parent / "pulled.wasm").read_bytes() == path.read_bytes()
    crane.data("wasmbuild", "verify", f"{copied}:v1", "--key", "release.pub", code=4)
    (signature,) = document["referrers"]
    crane.data("crane", "copy", f"{name}@{signature['digest']}", f"{copied}:signature")
    assert crane.ours("verify", f"{copied}:v1", "--key", "release.pub")["descriptor"] == document["descriptor"]


def test_oras_reads_an_index_with_referrers_that_we_copied(oras, registry, tmp_path):
    store, root = layout(tmp_path / "have")
    name = fresh(registry)
    report = oras.ours("copy", "-r", f"oci:{store.root}:v1", f"{name}:v1")
    assert report["descriptor"]["digest"] == str(root.digest)
    options = ("--from-plain-http", "--to-oci-layout")
    oras.data("oras", "cp", "-r", *options, f"{name}:v1", "got:v1")
    assert blobs(tmp_path / "got") == blobs(store.root)
    found = json.loads(oras.data("oras", "discover", "--plain-http", "--format", "json", f"{name}:v1"))
    (note,) = found["referrers"]
    assert note["artifactType"] == REFERRER_TYPE
    assert len(note["referrers"]) == 1


def test_crane_reads_an_index_that_we_copied(crane, registry, ours, tmp_path):
    store, root = layout(tmp_path / "have")
    name, copied = fresh(registry), fresh(ours)
    crane.ours("copy", f"oci:{store.root}:v1", f"{name}:v1")
    assert crane.text("crane", "digest", f"{name}:v1") == str(root.digest)
    crane.data("crane", "copy", f"{name}:v1", f"{copied}:v1")
    crane.ours("copy", f"{copied}:v1", "oci:got")
    assert blobs(tmp_path / "got") == reachable(store.root, str(root.digest))


def test_a_large_file_goes_through_every_registry(oras, registry, tmp_path):
    path, name = wasm_file(tmp_path, 30_000_000), fresh(registry)
    oras.ours("push", f"{name}:v1", path)
    oras.data("oras", "pull", "--plain-http", "-o", "pulled", f"{name}:v1")
    assert (tmp_path / "pulled" / path.name).read_bytes() == path.read_bytes()
    oras.ours("pull", f"{name}:v1", "-o", "again.wasm")
    assert (tmp_path / "again.wasm").read_bytes() == path.read_bytes()


def test_the_same_push_again_changes_nothing(crane, pushed):
    path, name, document = pushed
    again = crane.ours("push", f"{name}:v1", path)
    assert again["descriptor"] == document["descriptor"]
    assert again["copied"]["bytes"] == 0
    assert crane.text("crane", "digest", f"{name}:v1") == document["descriptor"]["digest"]


def test_a_tag_that_moves_moves_for_all(oras, pushed, tmp_path):
    _, name, document = pushed
    moved = oras.ours("push", f"{name}:v1", wasm_file(tmp_path))
    assert oras.text("oras", "resolve", "--plain-http", f"{name}:v1") == moved["descriptor"]["digest"]
    assert moved["descriptor"] != document["descriptor"]

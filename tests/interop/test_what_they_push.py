"""What the clients of others write to a registry, ours reads, byte for byte."""

import json

import pytest

from tests.interop.making import REFERRER_TYPE, blobs, fresh, image, layout, reachable, sha256, wasm_file

WASM_CONFIG = "application/vnd.wasm.config.v0+json"


@pytest.fixture
def by_oras(oras, registry, tmp_path):
    """A file, and where ``oras`` pushed it to, with the types of the "Wasm OCI Artifact layout"."""
    path, name = wasm_file(tmp_path), fresh(registry)
    config = {"architecture": "wasm", "os": "wasip1", "layerDigests": [sha256(path.read_bytes())]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    options = ("--plain-http", "--config", f"config.json:{WASM_CONFIG}")
    oras.data("oras", "push", *options, f"{name}:v1", f"{path.name}:application/wasm")
    return path, name


@pytest.fixture
def by_crane(crane, registry, tmp_path):
    """An image of one layer, and where ``crane`` pushed it to."""
    name = fresh(registry)
    crane.data("crane", "append", "-f", image(tmp_path), "-t", f"{name}:v1")
    return name


def test_we_pull_what_oras_pushed(run, by_oras, tmp_path):
    path, name = by_oras
    digest = run.text("oras", "resolve", "--plain-http", f"{name}:v1")
    assert run.ours("resolve", f"{name}:v1")["descriptor"]["digest"] == digest
    assert run.ours("pull", f"{name}:v1", "-o", "pulled.wasm")["descriptor"]["digest"] == digest
    assert (tmp_path / "pulled.wasm").read_bytes() == path.read_bytes()
    assert run.text("wasmbuild", "tags", name).splitlines() == ["v1"]


def test_we_inspect_and_sign_what_oras_pushed(run, keys, by_oras):
    path, name = by_oras
    found = run.ours("inspect", "--deep", f"{name}:v1")
    assert (found["kind"], found["size"]) == ("module", path.stat().st_size)
    run.data("wasmbuild", "verify", f"{name}:v1", "--key", "release.pub", code=4)
    run.ours("sign", f"{name}:v1", "--key", "release.key")
    run.ours("verify", f"{name}:v1", "--key", "release.pub")


def test_we_copy_what_oras_attached(run, by_oras, tmp_path):
    _, name = by_oras
    (tmp_path / "note.txt").write_text("a note")
    options = ("--plain-http", "--artifact-type", REFERRER_TYPE, "--format", "json")
    attached = json.loads(run.data("oras", "attach", *options, f"{name}:v1", "note.txt"))
    run.ours("copy", "-r", f"{name}:v1", "oci:got")
    assert attached["digest"] in blobs(tmp_path / "got")
    assert sha256(b"a note") in blobs(tmp_path / "got")


def test_oras_and_we_attach_beside_each_other(run, keys, by_oras, tmp_path):
    _, name = by_oras
    (tmp_path / "note.txt").write_text("a note")
    run.data("oras", "attach", "--plain-http", "--artifact-type", REFERRER_TYPE, f"{name}:v1", "note.txt")
    signature = run.ours("sign", f"{name}:v1", "--key", "release.key")["signature"]["digest"]
    (tmp_path / "note.txt").write_text("another note")
    run.data("oras", "attach", "--plain-http", "--artifact-type", REFERRER_TYPE, f"{name}:v1", "note.txt")
    found = json.loads(run.data("oras", "discover", "--plain-http", "--format", "json", f"{name}:v1"))
    assert len(found["referrers"]) == 3
    assert signature in [entry["digest"] for entry in found["referrers"]]
    run.ours("verify", f"{name}:v1", "--key", "release.pub")


def test_we_copy_an_image_of_crane(run, by_crane, tmp_path):
    digest = run.text("crane", "digest", f"{by_crane}:v1")
    copied = run.ours("copy", f"{by_crane}:v1", "oci:got")
    assert copied["descriptor"]["digest"] == digest
    assert copied["descriptor"]["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert blobs(tmp_path / "got") == reachable(tmp_path / "got", digest)


def test_what_we_copied_from_crane_is_whole(run, by_crane, ours):
    copied = fresh(ours)
    run.ours("copy", f"{by_crane}:v1", f"{copied}:v1")
    assert "PASS" in run.text("crane", "validate", "--remote", f"{copied}:v1")


def test_an_image_is_not_taken_for_webassembly(run, by_crane, tmp_path):
    run.data("wasmbuild", "pull", f"{by_crane}:v1", "-o", "pulled.wasm", code=1)
    assert not (tmp_path / "pulled.wasm").exists()


def test_we_copy_an_index_that_crane_pushed(crane, registry, tmp_path):
    store, root = layout(tmp_path / "have")
    name = fresh(registry)
    crane.data("crane", "push", "--index", store.root, f"{name}:all")
    pushed = crane.ours("resolve", f"{name}:all")["descriptor"]["digest"]
    crane.ours("copy", f"{name}:all", "oci:got")
    assert blobs(tmp_path / "got") == reachable(tmp_path / "got", pushed)
    assert blobs(tmp_path / "got") >= reachable(store.root, str(root.digest))


def test_we_see_the_tags_that_others_set(crane, by_oras):
    _, name = by_oras
    for tag in ("v2", "latest", "V1"):
        crane.data("crane", "tag", f"{name}:v1", tag)
    tags = crane.text("wasmbuild", "tags", name).splitlines()
    assert sorted(tags) == sorted(crane.text("crane", "ls", name).splitlines()) == ["V1", "latest", "v1", "v2"]

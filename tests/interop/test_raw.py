"""Manifests and blobs as they are, lists, several tags, deletion, and one of an index; beside oras and crane."""

import json
import os
from dataclasses import replace

import pytest

from registry.stores.layout import LayoutStore
from tests.contract.making import blob, push_index, push_manifest
from tests.interop.making import REFERRER_TYPE, fresh, image, sha256, wasm_file


@pytest.fixture
def pushed(oras, crane, registry, tmp_path):
    """Where an artifact is, and its digest."""
    name = fresh(registry)
    return name, oras.ours("push", f"{name}:v1", wasm_file(tmp_path))["descriptor"]["digest"]


def test_a_manifest_has_the_same_bytes_for_all(oras, pushed):
    name, digest = pushed
    got = oras.data("wasmbuild", "manifest", "get", f"{name}:v1")
    assert sha256(got) == digest
    assert got == oras.data("crane", "manifest", f"{name}:v1")
    assert got == oras.data("oras", "manifest", "fetch", "--plain-http", f"{name}@{digest}")
    described = oras.json("oras", "manifest", "fetch", "--plain-http", "--descriptor", f"{name}:v1")
    ours = oras.json("wasmbuild", "manifest", "get", "--descriptor", f"{name}:v1")
    assert {field: described[field] for field in ours} == ours


def test_what_we_put_others_get(oras, pushed, tmp_path):
    name, digest = pushed
    document = oras.json("wasmbuild", "manifest", "get", f"{name}:v1")
    data = json.dumps(document | {"annotations": {"é": "☃"}, "extra": 1}, indent=3, ensure_ascii=False).encode() + b"\n"
    (tmp_path / "manifest.json").write_bytes(data)
    put = oras.ours("manifest", "put", f"{name}:ours", "manifest.json", "--tag", "too")
    assert put["descriptor"]["digest"] == sha256(data) != digest
    for tag in ("ours", "too"):
        assert oras.data("crane", "manifest", f"{name}:{tag}") == data
    assert oras.data("oras", "manifest", "fetch", "--plain-http", f"{name}:ours") == data


def test_what_oras_puts_we_get(oras, pushed, tmp_path):
    name, digest = pushed
    document = oras.json("wasmbuild", "manifest", "get", f"{name}:v1")
    data = json.dumps(document | {"artifactType": "application/x"}, indent=1).encode()
    (tmp_path / "manifest.json").write_bytes(data)
    oras.data("oras", "manifest", "push", "--plain-http", f"{name}:theirs", "manifest.json")
    assert oras.data("wasmbuild", "manifest", "get", f"{name}:theirs") == data
    listing = {"schemaVersion": 2, "manifests": [{"mediaType": document["mediaType"], "digest": digest, "size": 1}]}
    listing["manifests"][0]["size"] = len(oras.data("crane", "manifest", f"{name}:v1"))
    (tmp_path / "index.json").write_text(json.dumps(listing))
    index = "application/vnd.oci.image.index.v1+json"
    oras.ours("manifest", "put", f"{name}:index", "index.json", "--media-type", index)
    assert oras.json("oras", "manifest", "fetch", "--plain-http", "--descriptor", f"{name}:index")["mediaType"] == index


def test_blobs_go_both_ways(oras, pushed, tmp_path):
    name, _ = pushed
    ours, theirs = os.urandom(300_000), os.urandom(300_000)
    (tmp_path / "theirs.bin").write_bytes(theirs)
    assert oras.ours("blob", "put", name, "-", stdin=ours)["descriptor"]["digest"] == sha256(ours)
    oras.data("oras", "blob", "push", "--plain-http", name, "theirs.bin")
    assert oras.data("crane", "blob", f"{name}@{sha256(ours)}") == ours
    assert oras.data("oras", "blob", "fetch", "--plain-http", "--output", "-", f"{name}@{sha256(ours)}") == ours
    assert oras.data("wasmbuild", "blob", "get", f"{name}@{sha256(theirs)}") == theirs


def test_several_tags_and_annotations_arrive(oras, registry, tmp_path):
    name, tags = fresh(registry), ["V1", "latest", "v1", "v1.2"]
    options = [option for tag in tags for option in ("--tag", tag)]
    annotations = ("--annotation", "org.example.text=with = and é")
    digest = oras.ours("push", f"{name}:first", wasm_file(tmp_path), *options, *annotations)["descriptor"]["digest"]
    assert sorted(oras.text("oras", "repo", "tags", "--plain-http", name).split()) == sorted([*tags, "first"])
    for tag in ("latest", "v1.2"):
        assert oras.text("oras", "resolve", "--plain-http", f"{name}:{tag}") == digest
    manifest = oras.json("oras", "manifest", "fetch", "--plain-http", f"{name}:V1")
    assert manifest["annotations"]["org.example.text"] == "with = and é"


def test_we_list_the_repositories_that_crane_lists(crane, registry, tmp_path):
    ours, theirs = fresh(registry), fresh(registry)
    crane.ours("push", f"{ours}:v1", wasm_file(tmp_path))
    crane.data("crane", "append", "-f", image(tmp_path), "-t", f"{theirs}:v1")
    listed = crane.text("wasmbuild", "ls", registry).split()
    assert {ours, theirs} <= set(listed)
    assert sorted(listed) == sorted(crane.text("crane", "catalog", "--full-ref", registry).split())
    assert set(crane.text("wasmbuild", "ls", f"{registry}/interop").split()) == set(listed)
    crane.data("wasmbuild", "ls", f"{registry}/nothing")


@pytest.fixture
def three_tags(crane, tmp_path):
    """Pushes an artifact with three tags to a registry; gives the repository and the digest."""

    def push(address):
        name = fresh(address)
        pushed = crane.ours("push", f"{name}:v1", wasm_file(tmp_path), "--tag", "v2")
        crane.data("crane", "tag", f"{name}:v1", "v3")
        return name, pushed["descriptor"]["digest"]

    return push


@pytest.mark.parametrize("kind", ["wasmbuild", "distribution"])
def test_a_tag_goes_alone(crane, three_tags, kind, addresses):
    name, digest = three_tags(addresses[kind])
    crane.data("wasmbuild", "delete", f"{name}:v3")
    assert crane.text("crane", "ls", name).split() == ["v1", "v2"]
    assert crane.text("crane", "digest", f"{name}:v1") == digest
    crane.data("wasmbuild", "delete", f"{name}:v3", code=3)


def test_where_no_tag_goes_alone_nothing_goes(crane, three_tags, addresses):
    name, digest = three_tags(addresses["docker-registry"])
    said = crane.said("wasmbuild", "delete", f"{name}:v3", code=6)
    assert f"wasmbuild delete {name}@{digest}" in said
    assert "v1, v2" in said
    assert sorted(crane.text("crane", "ls", name).split()) == ["v1", "v2", "v3"]


def test_a_manifest_goes_with_its_tags_and_referrers(oras, pushed, tmp_path):
    name, digest = pushed
    (tmp_path / "note.txt").write_text("a note")
    attach = ("oras", "attach", "--plain-http", "--format", "json", "--artifact-type", REFERRER_TYPE)
    note = oras.json(*attach, f"{name}:v1", "note.txt")["reference"]
    oras.data(*attach, note, "note.txt")
    manifest = oras.data("crane", "manifest", f"{name}:v1")
    oras.data("wasmbuild", "delete", f"{name}@{digest}", code=2)
    gone = oras.ours("delete", "--yes", "--referrers", f"{name}@{digest}")["deleted"]
    assert len(gone) == 3
    for each in (*gone, f"{name}:v1"):
        oras.data("crane", "manifest", each, code=1)
    (tmp_path / "manifest.json").write_bytes(manifest)
    oras.data("oras", "manifest", "push", "--plain-http", f"{name}:again", "manifest.json")
    assert oras.json("oras", "discover", "--plain-http", "--format", "json", f"{name}:again")["referrers"] == []
    assert oras.text("wasmbuild", "delete", "--yes", note, code=3) == ""


def test_a_blob_goes(crane, pushed):
    name, _ = pushed
    reference = crane.ours("blob", "put", name, "-", stdin=os.urandom(100))["reference"]
    crane.data("crane", "blob", reference)
    crane.data("wasmbuild", "delete", "--blob", "--yes", reference)
    crane.data("crane", "blob", reference, code=1)


def test_of_an_index_we_take_what_crane_takes(crane, registry, ours, tmp_path):
    platforms = [{"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64", "variant": "v8"}]
    store = LayoutStore.create(tmp_path / "have")
    manifests = [push_manifest(store, blob(os.urandom(100))) for _ in platforms]
    listed = [replace(each, extra={"platform": platform}) for each, platform in zip(manifests, platforms, strict=True)]
    store.tag(push_index(store, *listed), "all")
    name = fresh(registry)
    crane.ours("copy", f"oci:{store.root}:all", name)
    for platform, expected in zip(("linux/amd64", "linux/arm64/v8"), manifests, strict=True):
        assert crane.text("crane", "digest", "--platform", platform, f"{name}:all") == str(expected.digest)
        copied = crane.ours("copy", "--platform", platform, f"{name}:all", f"{fresh(ours)}:v1")
        assert copied["descriptor"]["digest"] == str(expected.digest)
    crane.data("wasmbuild", "copy", "--platform", "linux/s390x", f"{name}:all", f"{fresh(ours)}:v1", code=2)


def test_of_an_index_of_crane_we_pull_the_webassembly(crane, registry, tmp_path):
    path, name = wasm_file(tmp_path), fresh(registry)
    content = path.read_bytes()
    digest = crane.ours("push", f"{name}:wasm", path)["descriptor"]["digest"]
    crane.data("crane", "append", "-f", image(tmp_path), "-t", f"{name}:image")
    crane.data("crane", "index", "append", "-m", f"{name}:wasm", "-m", f"{name}:image", "-t", f"{name}:all")
    path.write_bytes(b"another")
    crane.data("wasmbuild", "pull", f"{name}:all", code=2)
    assert path.read_bytes() == b"another"
    path.unlink()
    pulled = crane.ours("pull", f"{name}:all")
    assert (pulled["file"], pulled["descriptor"]["digest"]) == (path.name, digest)
    assert path.read_bytes() == content

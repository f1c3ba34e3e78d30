"""Registries without the referrers API: the fall-back tag (distribution-spec 1.1, "Referrers Tag Schema")."""

import json

from tests.interop.making import REFERRER_TYPE, fresh, wasm_file


def tag_of(digest):
    return digest.replace(":", "-")


def test_the_fallback_tag_has_what_the_specification_says(crane, keys, without, tmp_path):
    path, name = wasm_file(tmp_path), fresh(without)
    pushed = crane.ours("push", f"{name}:v1", path, "--sign", "--key", "release.key")
    (signature,) = pushed["referrers"]
    index = json.loads(crane.data("crane", "manifest", f"{name}:{tag_of(pushed['descriptor']['digest'])}"))
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    (entry,) = index["manifests"]
    manifest = json.loads(crane.data("crane", "manifest", f"{name}@{signature['digest']}"))
    assert entry["digest"] == signature["digest"]
    assert entry["artifactType"] == manifest["artifactType"]
    assert entry["annotations"] == manifest["annotations"]


def test_we_and_oras_keep_what_the_other_wrote(oras, keys, without, tmp_path):
    path, name = wasm_file(tmp_path), fresh(without)
    (tmp_path / "note.txt").write_text("a note")
    attach = ("oras", "attach", "--plain-http", "--artifact-type", REFERRER_TYPE, "--format", "json")
    pushed = oras.ours("push", f"{name}:v1", path, "--sign", "--key", "release.key")
    attached = json.loads(oras.data(*attach, f"{name}:v1", "note.txt"))["digest"]
    second = oras.ours("sign", f"{name}:v1", "--key", "other.key")["signature"]["digest"]
    found = json.loads(oras.data("oras", "discover", "--plain-http", "--format", "json", f"{name}:v1"))
    expected = {pushed["referrers"][0]["digest"], attached, second}
    assert {entry["digest"] for entry in found["referrers"]} == expected
    for key in ("release.pub", "other.pub"):
        oras.ours("verify", f"{name}:v1", "--key", key)


def test_referrers_arrive_on_a_registry_that_has_the_api_and_go_back(oras, keys, without, ours, tmp_path):
    path, name = wasm_file(tmp_path), fresh(without)
    oras.ours("push", f"{name}:v1", path, "--sign", "--key", "release.key")
    there, back = fresh(ours), fresh(without)
    oras.ours("copy", "-r", f"{name}:v1", f"{there}:v1")
    assert oras.text("wasmbuild", "tags", there).splitlines() == ["v1"]
    oras.ours("copy", "-r", f"{there}:v1", f"{back}:v1")
    oras.ours("verify", f"{back}:v1", "--key", "release.pub")
    found = json.loads(oras.data("oras", "discover", "--plain-http", "--format", "json", f"{back}:v1"))
    assert len(found["referrers"]) == 1

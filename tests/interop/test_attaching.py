"""What refers to what: attached by us or by oras, found by both alike, and taken away by either."""

import json

import pytest

from tests.interop.making import REFERRER_TYPE, fresh, layout, tree, wasm_file

DISCOVER = ("oras", "discover", "--plain-http", "--format", "json")
ATTACH = ("oras", "attach", "--plain-http", "--format", "json", "--artifact-type")


@pytest.fixture
def pushed(oras, registry, tmp_path):
    """Where an artifact is, by digest; ``note.txt`` lies beside it."""
    (tmp_path / "note.txt").write_text("a note")
    return oras.ours("push", f"{fresh(registry)}:v1", wasm_file(tmp_path))["reference"]


def test_oras_finds_and_pulls_what_we_attached(oras, pushed, tmp_path):
    (tmp_path / "more.json").write_text("{}")
    files = ("note.txt:text/plain", "more.json")
    options = ("--artifact-type", REFERRER_TYPE, "--annotation", "org.example.by=us")
    attached = oras.ours("attach", pushed, *files, *options)
    (found,) = oras.json(*DISCOVER, pushed)["referrers"]
    assert (found["digest"], found["artifactType"]) == (attached["descriptor"]["digest"], REFERRER_TYPE)
    assert found["annotations"]["org.example.by"] == "us"
    oras.data("oras", "pull", "--plain-http", "-o", "pulled", attached["reference"])
    assert (tmp_path / "pulled" / "note.txt").read_text() == "a note"
    assert (tmp_path / "pulled" / "more.json").read_text() == "{}"
    manifest = oras.json("oras", "manifest", "fetch", "--plain-http", attached["reference"])
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["text/plain", "application/octet-stream"]
    assert oras.ours("attach", pushed, *files, *options)["added"] is False


def test_we_find_what_oras_attached_and_what_refers_to_that(oras, pushed):
    first = oras.json(*ATTACH, REFERRER_TYPE, "--annotation", "org.example.by=oras", pushed, "note.txt")
    second = oras.json(*ATTACH, "application/x.second", first["reference"], "note.txt")
    found = oras.ours("discover", pushed)
    (note,) = found["referrers"]
    assert found["complete"] is True
    assert (note["descriptor"]["digest"], note["artifactType"], note["layersSize"]) == (
        first["digest"],
        REFERRER_TYPE,
        6,
    )
    assert note["annotations"]["org.example.by"] == "oras"
    assert [each["descriptor"]["digest"] for each in note["referrers"]] == [second["digest"]]


def test_we_and_oras_find_the_same(oras, keys, pushed, registry, tmp_path):
    oras.ours("sign", pushed, "--key", "release.key", "--signature-format", "bundle")  # oras shows no .sig tags
    attached = oras.ours("attach", pushed, "note.txt", "--artifact-type", REFERRER_TYPE)["reference"]
    oras.data(*ATTACH, "application/x.theirs", pushed, "note.txt")
    oras.data(*ATTACH, "application/x.theirs", attached, "note.txt")
    ours, theirs = tree(oras.ours("discover", pushed)), tree(oras.json(*DISCOVER, pushed))
    assert ours == theirs
    assert sorted(len(each[3]) for each in ours) == [0, 0, 1]
    only = ("--artifact-type", "application/x.theirs")
    assert tree(oras.ours("discover", *only, pushed)) == [each for each in theirs if each[1] == only[1]]


def test_we_and_oras_find_the_same_of_an_index(oras, registry, tmp_path):
    store, _ = layout(tmp_path / "have")
    name = fresh(registry)
    oras.ours("copy", "-r", f"oci:{store.root}:v1", f"{name}:v1")
    assert tree(oras.ours("discover", f"{name}:v1")) == tree(oras.json(*DISCOVER, f"{name}:v1"))
    assert tree(oras.ours("discover", f"oci:{store.root}:v1")) == tree(oras.json(*DISCOVER, f"{name}:v1"))


def test_what_oras_deletes_we_find_no_more(oras, pushed):
    gone = oras.ours("attach", pushed, "note.txt", "--artifact-type", REFERRER_TYPE)["reference"]
    stays = oras.json(*ATTACH, REFERRER_TYPE, pushed, "note.txt")["digest"]
    oras.data("oras", "manifest", "delete", "--plain-http", "--force", gone)
    assert [each[0] for each in tree(oras.ours("discover", pushed))] == [stays]


def test_what_we_delete_oras_finds_no_more(oras, pushed):
    gone = oras.json(*ATTACH, REFERRER_TYPE, pushed, "note.txt")["reference"]
    stays = oras.ours("attach", pushed, "note.txt", "--artifact-type", REFERRER_TYPE)["descriptor"]["digest"]
    oras.ours("delete", "--yes", gone)
    assert [each[0] for each in tree(oras.json(*DISCOVER, pushed))] == [stays]


def test_we_attach_in_a_layout_of_oras(oras, tmp_path):
    (tmp_path / "note.txt").write_text("a note")
    oras.data("oras", "push", "--oci-layout", "theirs:v1", f"{wasm_file(tmp_path).name}:application/wasm")
    oras.ours("attach", "oci:theirs:v1", "note.txt", "--artifact-type", REFERRER_TYPE)
    oras.data("oras", "attach", "--oci-layout", "--artifact-type", REFERRER_TYPE, "theirs:v1", "note.txt")
    theirs = json.loads(oras.data("oras", "discover", "--oci-layout", "--format", "json", "theirs:v1"))
    assert tree(oras.ours("discover", "oci:theirs:v1")) == tree(theirs)
    assert len(tree(theirs)) == 2

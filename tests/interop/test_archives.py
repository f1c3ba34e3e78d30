"""OCI image layouts in tar files: our ``save``, ``load`` and ``copy``; ``backup``, ``restore`` and ``cp`` of oras."""

import pytest

from tests.interop.making import blobs, fresh, layout, tree, wasm_file
from tests.interop.peers import REGISTRIES

DISCOVER = ("oras", "discover", "--plain-http", "--format", "json")
PAIRS = [("wasmbuild", "distribution"), ("distribution", "docker-registry"), ("docker-registry", "wasmbuild")]
TO_LAYOUT = ("oras", "cp", "-r", "--from-plain-http", "--to-oci-layout")


@pytest.fixture(scope="session")
def filled():
    """The repositories that are there, by registry: nobody changes them."""
    return {}


@pytest.fixture
def fill(oras, keys, addresses, filled, tmp_path):
    """Gives a repository of a registry with two tags: a signed artifact with a note attached, and a graph."""

    def repository(kind):
        if kind not in filled:
            name = fresh(addresses[kind])
            store, _ = layout(tmp_path / "have")
            oras.ours("push", f"{name}:v1", wasm_file(tmp_path), "--sign", "--key", "release.key")
            oras.ours("attach", f"{name}:v1", "release.pub:text/plain", "--artifact-type", "application/x.note")
            oras.ours("copy", "-r", f"oci:{store.root}:v1", f"{name}:v2")
            filled[kind] = name
        return filled[kind]

    return repository


@pytest.fixture(params=REGISTRIES)
def full(request, fill):
    """One on each registry."""
    return fill(request.param)


@pytest.fixture
def another(full):
    """An empty repository of the same registry."""
    return fresh(full.partition("/")[0])


def whole(oras, name, folder):
    """The digests of everything that oras finds in a repository with those two tags."""
    for tag in ("v1", "v2"):
        oras.data(*TO_LAYOUT, f"{name}:{tag}", f"{folder}:{tag}")
    return blobs(oras.folder / folder)


@pytest.mark.parametrize(("source", "destination"), PAIRS)
def test_what_we_save_from_one_is_whole_in_another(oras, fill, addresses, source, destination):
    full, loaded = fill(source), fresh(addresses[destination])
    saved = oras.ours("save", full, "-o", "saved.tar")
    arrived = oras.ours("load", "saved.tar", loaded)
    assert [each["descriptor"] for each in arrived["artifacts"]] == [each["descriptor"] for each in saved["artifacts"]]
    assert whole(oras, loaded, "second") == whole(oras, full, "first")
    found = tree(oras.json(*DISCOVER, f"{loaded}:v1"))
    assert len(found) == 2
    assert found == tree(oras.json(*DISCOVER, f"{full}:v1"))
    oras.ours("verify", f"{loaded}:v1", "--key", "release.pub")
    oras.ours("save", loaded, "-o", "again.tar")
    assert (oras.folder / "again.tar").read_bytes() == (oras.folder / "saved.tar").read_bytes()


def test_oras_restores_what_we_saved(oras, full, another):
    oras.ours("save", full, "-o", "saved.tar")
    oras.data("oras", "restore", "--plain-http", "--input", "saved.tar", another)
    assert whole(oras, another, "second") == whole(oras, full, "first")
    oras.ours("verify", f"{another}:v1", "--key", "release.pub")


def test_we_load_what_oras_backed_up(oras, full, another):
    oras.data("oras", "backup", "--plain-http", "--include-referrers", "--output", "backup.tar", f"{full}:v1,v2")
    oras.ours("load", "backup.tar", another)
    assert sorted(oras.text("oras", "repo", "tags", "--plain-http", "--exclude-digest-tags", another).split()) == [
        "v1",
        "v2",
    ]
    assert whole(oras, another, "second") == whole(oras, full, "first")
    oras.ours("verify", f"{another}:v1", "--key", "release.pub")


def test_oras_copies_from_an_archive_that_we_wrote(oras, full, another):
    for tag in ("v1", "v2"):
        oras.ours("copy", "-r", f"{full}:{tag}", "oci-archive:ours.tar")
    assert sorted(oras.text("oras", "repo", "tags", "--oci-layout", "ours.tar").split()) == ["v1", "v2"]
    for tag in ("v1", "v2"):
        oras.data("oras", "cp", "-r", "--from-oci-layout", "--to-plain-http", f"ours.tar:{tag}", f"{another}:{tag}")
    assert whole(oras, another, "second") == whole(oras, full, "first")


def test_we_copy_from_an_archive_of_oras_and_add_to_it(oras, full, another, tmp_path):
    oras.data("oras", "backup", "--plain-http", "--include-referrers", "--output", "theirs.tar", f"{full}:v1")
    oras.ours("copy", "-r", "oci-archive:theirs.tar:v1", another)
    oras.ours("copy", "-r", f"{full}:v2", "oci-archive:theirs.tar")
    for tag in ("v1", "v2"):
        oras.data("oras", "cp", "-r", "--from-oci-layout", "--to-oci-layout", f"theirs.tar:{tag}", f"got:{tag}")
    oras.ours("copy", "-r", "oci-archive:theirs.tar:v2", another)
    assert whole(oras, another, "second") == blobs(tmp_path / "got") == whole(oras, full, "first")


def test_oras_and_we_see_the_same_in_an_archive(oras, tmp_path):
    store, _ = layout(tmp_path / "have")
    oras.ours("copy", "-r", f"oci:{store.root}:v1", "oci-archive:ours.tar")
    theirs = tree(oras.json("oras", "discover", "--oci-layout", "--format", "json", "ours.tar:v1"))
    assert tree(oras.ours("discover", "oci-archive:ours.tar:v1")) == theirs
    assert len(theirs) == 1

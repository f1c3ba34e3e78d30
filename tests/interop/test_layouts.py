"""OCI image layouts: what we write in one, others read, and the other way round; and copies between registries."""

import json
import tarfile

import pytest

from tests.interop.making import blobs, fresh, layout, wasm_file

PLAIN = ("--from-plain-http", "--to-plain-http")


def test_oras_copies_our_layout_to_a_registry(oras, registry, tmp_path):
    store, root = layout(tmp_path / "have")
    name = fresh(registry)
    oras.data("oras", "cp", "-r", "--from-oci-layout", "--to-plain-http", f"{store.root}:v1", f"{name}:v1")
    assert oras.ours("resolve", f"{name}:v1")["descriptor"]["digest"] == str(root.digest)
    oras.ours("copy", "-r", f"{name}:v1", "oci:got")
    assert blobs(tmp_path / "got") == blobs(store.root)


def test_oras_lists_the_referrers_in_our_layout(oras, tmp_path):
    store, root = layout(tmp_path / "have")
    found = json.loads(oras.data("oras", "discover", "--oci-layout", "--format", "json", f"{store.root}:v1"))
    assert found["digest"] == str(root.digest)
    (note,) = found["referrers"]
    assert len(note["referrers"]) == 1


def test_we_copy_a_layout_of_oras(oras, registry, tmp_path):
    path, name = wasm_file(tmp_path), fresh(registry)
    oras.data("oras", "push", "--oci-layout", "theirs:v1", f"{path.name}:application/wasm")
    oras.data("oras", "attach", "--oci-layout", "--artifact-type", "application/x", "theirs:v1", path.name)
    digest = oras.text("oras", "resolve", "--oci-layout", "theirs:v1")
    assert oras.ours("resolve", "oci:theirs:v1")["descriptor"]["digest"] == digest
    oras.ours("copy", "-r", "oci:theirs:v1", f"{name}:v1")
    oras.data("oras", "cp", "-r", "--from-plain-http", "--to-oci-layout", f"{name}:v1", "back:v1")
    assert blobs(tmp_path / "back") == blobs(tmp_path / "theirs")


def test_we_add_to_a_layout_of_oras_and_oras_to_ours(oras, tmp_path):
    path = wasm_file(tmp_path)
    store, _ = layout(tmp_path / "have")
    oras.data("oras", "push", "--oci-layout", "theirs:v1", f"{path.name}:application/wasm")
    oras.ours("copy", "-r", f"oci:{store.root}:v1", "oci:theirs:v2")
    oras.data("oras", "cp", "--from-oci-layout", "--to-oci-layout", "theirs:v1", f"{store.root}:v2")
    for each in ("theirs", "have"):
        assert oras.text("wasmbuild", "tags", f"oci:{each}").splitlines() == ["v1", "v2"]
        assert sorted(oras.text("oras", "repo", "tags", "--oci-layout", each).splitlines()) == ["v1", "v2"]
    assert blobs(tmp_path / "theirs") == blobs(tmp_path / "have")


def test_oras_reads_our_layout_as_a_tar(oras, ours, tmp_path):
    store, root = layout(tmp_path / "have")
    with tarfile.open(tmp_path / "have.tar", "w") as archive:
        for path in sorted(store.root.rglob("*")):
            archive.add(path, path.relative_to(store.root), recursive=False)
    name = fresh(ours)
    oras.data("oras", "cp", "-r", "--from-oci-layout", "--to-plain-http", "have.tar:v1", f"{name}:v1")
    oras.ours("copy", "-r", f"{name}:v1", "oci:got")
    assert blobs(tmp_path / "got") == blobs(store.root)
    assert oras.ours("resolve", f"{name}:v1")["descriptor"]["digest"] == str(root.digest)


def test_crane_pushes_our_layout(crane, registry, tmp_path):
    path, name = wasm_file(tmp_path), fresh(registry)
    pushed = crane.ours("push", f"{name}:v1", path)
    crane.ours("copy", f"{name}:v1", "oci:alone:v1")
    again = fresh(registry)
    crane.data("crane", "push", "alone", f"{again}:v1")
    assert crane.text("crane", "digest", f"{again}:v1") == pushed["descriptor"]["digest"]


def test_we_copy_a_layout_of_crane(crane, registry, tmp_path):
    path, name = wasm_file(tmp_path), fresh(registry)
    digest = crane.ours("push", f"{name}:v1", path)["descriptor"]["digest"]
    crane.data("crane", "pull", "--format", "oci", f"{name}:v1", "theirs")
    again = fresh(registry)
    crane.ours("copy", f"oci:theirs@{digest}", f"{again}:v1")
    assert crane.text("crane", "digest", f"{again}:v1") == digest


@pytest.mark.parametrize("back", [False, True], ids=["from-ours", "to-ours"])
def test_we_copy_between_registries(oras, registry, ours, tmp_path, back):
    store, _ = layout(tmp_path / "have")
    first, second = (fresh(registry), fresh(ours)) if back else (fresh(ours), fresh(registry))
    oras.data("oras", "cp", "-r", "--from-oci-layout", "--to-plain-http", f"{store.root}:v1", f"{first}:v1")
    oras.ours("copy", "-r", f"{first}:v1", f"{second}:v1")
    oras.data("oras", "cp", "-r", "--from-plain-http", "--to-oci-layout", f"{second}:v1", "got:v1")
    assert blobs(tmp_path / "got") == blobs(store.root)


def test_we_and_oras_copy_inside_a_registry_alike(oras, registry, tmp_path):
    store, _ = layout(tmp_path / "have")
    first, by_us, by_oras = fresh(registry), fresh(registry), fresh(registry)
    oras.ours("copy", "-r", f"oci:{store.root}:v1", f"{first}:v1")
    oras.ours("copy", "-r", f"{first}:v1", f"{by_us}:v1")
    oras.data("oras", "cp", "-r", *PLAIN, f"{first}:v1", f"{by_oras}:v1")
    for name, folder in ((by_us, "one"), (by_oras, "two")):
        oras.ours("copy", "-r", f"{name}:v1", f"oci:{folder}")
    assert blobs(tmp_path / "one") == blobs(tmp_path / "two") == blobs(store.root)

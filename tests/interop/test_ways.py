"""How blobs get there: in pieces, after a break, or from next door; the requests are those that a registry logged."""

import os
import re

import pytest

from tests.client.flaky import flaky
from tests.interop.making import fresh, sha256, wasm_file
from tests.interop.peers import WITHOUT_REFERRERS

SIZE = 24_000_000
CUT = 10_000_000
CHUNK = 1_000_000


@pytest.fixture(params=WITHOUT_REFERRERS)
def asked(request, addresses):
    """A registry of others, and what it was asked for a repository: its address, and a function."""
    address = addresses[request.param]
    return address, lambda repository: addresses.requests(request.param, repository)


def pushed_through(run, name, path):
    """Bytes that are sent after a connection broke off, while a file is pushed."""
    address, _, repository = name.partition("/")
    with flaky(address, "up", CUT) as way:
        run.ours("push", f"{way.address}/{repository}:v1", path)
        assert way.left == 0
        return way.passed


def test_an_upload_in_pieces_is_whole(crane, asked, tmp_path):
    address, requests = asked
    (tmp_path / "config.toml").write_text(f'[registry.hosts."{address}"]\nchunk-size = {CHUNK}\n')
    data, name = os.urandom(4 * CHUNK + CHUNK // 2), fresh(address)
    put = crane.ours("blob", "put", name, "-", stdin=data, WASMBUILD_CONFIG=str(tmp_path / "config.toml"))
    assert crane.data("crane", "blob", put["reference"]) == data
    pieces = [each for each in requests(name) if each.startswith("PATCH ")]
    assert len(pieces) == 5
    assert all(each.endswith(" 202") for each in pieces)


@pytest.mark.parametrize("kind", ["wasmbuild", "distribution"])
def test_an_upload_that_breaks_goes_on(crane, addresses, kind, tmp_path):
    path, name = wasm_file(tmp_path, SIZE), fresh(addresses[kind])
    assert pushed_through(crane, name, path) < SIZE - CUT // 2
    assert crane.data("crane", "blob", f"{name}@{sha256(path.read_bytes())}") == path.read_bytes()


def test_an_upload_that_a_registry_gave_up_begins_again(crane, addresses, tmp_path):
    path, name = wasm_file(tmp_path, SIZE), fresh(addresses["docker-registry"])
    assert pushed_through(crane, name, path) > SIZE
    assert crane.data("crane", "blob", f"{name}@{sha256(path.read_bytes())}") == path.read_bytes()
    said = addresses.requests("docker-registry", name)
    assert [each for each in said if re.fullmatch(r"GET blobs/uploads/\S+ 404", each)]


def test_a_download_that_breaks_goes_on(run, asked, tmp_path):
    address, requests = asked
    path, name = wasm_file(tmp_path, SIZE), fresh(address)
    run.ours("push", f"{name}:v1", path)
    with flaky(address, "down", CUT) as way:
        run.ours("pull", f"{way.address}/{name.partition('/')[2]}:v1", "-o", "pulled.wasm")
        assert way.left == 0
        assert way.passed < SIZE - CUT // 2
    assert (tmp_path / "pulled.wasm").read_bytes() == path.read_bytes()
    assert [each for each in requests(name) if re.fullmatch(r"GET blobs/\S+ 206", each)]


def test_the_next_pull_takes_up_what_a_broken_one_left(run, asked, tmp_path):
    address, requests = asked
    path, name = wasm_file(tmp_path, SIZE), fresh(address)
    run.ours("push", f"{name}:v1", path)
    with flaky(address, "down", CUT) as way:
        reference = f"{way.address}/{name.partition('/')[2]}:v1"
        run.data("wasmbuild", "pull", reference, "-o", "pulled.wasm", "--retry-for", "0", code=6)
        assert not (tmp_path / "pulled.wasm").exists()
    run.ours("pull", f"{name}:v1", "-o", "pulled.wasm")
    assert (tmp_path / "pulled.wasm").read_bytes() == path.read_bytes()
    assert [each for each in requests(name) if re.fullmatch(r"GET blobs/\S+ 206", each)]


def test_blobs_next_door_are_mounted(crane, asked, tmp_path):
    address, requests = asked
    path, first, second = wasm_file(tmp_path), fresh(address), fresh(address)
    digest = crane.ours("push", f"{first}:v1", path)["descriptor"]["digest"]
    copied = crane.ours("copy", f"{first}:v1", f"{second}:v1")["copied"]
    assert (copied["mounted"], copied["contents"]) == (2, 1)
    assert crane.text("crane", "digest", f"{second}:v1") == digest
    assert crane.data("crane", "blob", f"{second}@{sha256(path.read_bytes())}") == path.read_bytes()
    mounts = [each for each in requests(second) if each.startswith("POST blobs/uploads/?") and each.endswith(" 201")]
    assert len(mounts) == 2

"""Registries that want a password: credentials that we keep, others read, and the other way round."""

import json

import pytest

from tests.interop.making import fresh, wasm_file
from tests.interop.peers import LOCKED, PASSWORD, USER, WITHOUT_REFERRERS

LOGIN = ("--username", USER, "--password-stdin")


@pytest.fixture(params=WITHOUT_REFERRERS)
def locked(request, addresses):
    """A registry that wants a user and a password; its address."""
    return addresses[request.param + LOCKED]


def test_others_read_the_credentials_that_we_keep(oras, crane, locked, tmp_path):
    path, name = wasm_file(tmp_path), fresh(locked)
    oras.data("wasmbuild", "push", f"{name}:v1", path, code=5)
    oras.data("wasmbuild", "login", locked, *LOGIN, stdin=PASSWORD.encode())
    digest = oras.ours("push", f"{name}:v1", path)["descriptor"]["digest"]
    assert oras.text("oras", "resolve", "--plain-http", f"{name}:v1") == digest
    assert oras.text("crane", "digest", f"{name}:v1") == digest
    oras.ours("pull", f"{name}:v1", "-o", "pulled.wasm")
    assert (tmp_path / "pulled.wasm").read_bytes() == path.read_bytes()
    oras.data("wasmbuild", "logout", locked)
    oras.data("oras", "resolve", "--plain-http", f"{name}:v1", code=1)
    oras.data("wasmbuild", "pull", f"{name}:v1", "-o", "again.wasm", code=5)


def test_a_wrong_password_is_not_kept(run, locked, tmp_path):
    said = run.said("wasmbuild", "login", locked, *LOGIN, stdin=b"another password", code=5)
    assert "another password" not in said
    config = tmp_path / "home" / "config.json"
    assert not config.exists() or locked not in config.read_text()


@pytest.mark.parametrize("program", ["oras", "crane"])
def test_we_read_the_credentials_that_others_keep(oras, crane, locked, program, tmp_path):
    path, name = wasm_file(tmp_path), fresh(locked)
    verb = ("login", "--plain-http") if program == "oras" else ("auth", "login")
    oras.data(program, *verb, locked, *LOGIN, stdin=PASSWORD.encode())
    oras.data("wasmbuild", "push", f"{name}:v1", path)
    assert oras.text("wasmbuild", "tags", name) == "v1"
    oras.data("wasmbuild", "logout", locked)
    assert locked not in json.loads((tmp_path / "home" / "config.json").read_text()).get("auths", {})
    oras.data("wasmbuild", "tags", name, code=5)


def test_a_login_is_for_one_of_two_registries(oras, locked, ours, tmp_path):
    path, name = wasm_file(tmp_path), fresh(ours)
    digest = oras.ours("push", f"{name}:v1", path)["descriptor"]["digest"]
    oras.data("wasmbuild", "login", locked, *LOGIN, stdin=PASSWORD.encode())
    copied = fresh(locked)
    oras.ours("copy", f"{name}:v1", f"{copied}:v1")
    oras.data("oras", "pull", "--plain-http", "-o", "pulled", f"{copied}:v1")
    assert (tmp_path / "pulled" / path.name).read_bytes() == path.read_bytes()
    back = fresh(ours)
    oras.ours("copy", f"{copied}:v1", f"{back}:v1")
    assert oras.text("oras", "resolve", "--plain-http", f"{back}:v1") == digest

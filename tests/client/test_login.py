"""Credentials that are tried before they are kept, and kept for their owner alone."""

import json
import stat

import pytest

from registry.client.credentials import config_path, forget, save
from registry.errors import AuthenticationFailed, InvalidReference
from tests.client.scripted import Answer, scripted
from tests.client.test_auth import BASIC, TokenRegistry, basic_only
from tests.client.test_repository import DESCRIPTOR, repository
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, ignore
from wasmbuild.workflows.login import login, logout, registry_host


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path / "docker"


def kept():
    return json.loads(config_path().read_text())


def test_a_login_is_tried_kept_and_used(folder):
    with scripted(basic_only) as server:
        done = login(server.address, "ada", "s3cret", sink=ignore)
        assert done.kept_in == folder / "config.json"
        assert stat.S_IMODE(done.kept_in.stat().st_mode) == 0o600
        assert kept() == {"auths": {server.address: {"auth": BASIC.removeprefix("Basic ")}}}
        assert repository(server).resolve("v1") == DESCRIPTOR
        assert logout(server.address)
        assert kept() == {"auths": {}}
        assert not logout(server.address)
        with pytest.raises(AuthenticationFailed):
            repository(server).resolve("v1")


def test_a_wrong_password_is_not_kept():
    with scripted(basic_only) as server, pytest.raises(AuthenticationFailed, match="does not take"):
        login(server.address, "ada", "wrong", sink=ignore)
    assert not config_path().exists()


def test_a_login_at_a_token_server():
    script = TokenRegistry()
    with scripted(
        lambda asked: Answer(200) if "Bearer 1-" in asked.headers.get("authorization", "") else script(asked)
    ) as s:
        login(s.address, "ada", "s3cret", sink=ignore)
    assert [authorization for authorization, _ in script.realms] == [BASIC]


def test_a_token_server_that_refuses():
    with scripted(TokenRegistry(status=401, body=b"{}")) as server, pytest.raises(AuthenticationFailed):
        login(server.address, "ada", "s3cret", sink=ignore)
    assert not config_path().exists()


def test_a_registry_that_does_not_ask_is_told():
    told = []
    with scripted(lambda _: Answer(200)) as server:
        login(server.address, "ada", "s3cret", sink=told.append)
    assert [event.text for event in told if isinstance(event, Note)] == [
        f"{server.address} did not ask for credentials: these were not checked"
    ]


def test_what_else_is_in_the_file_stays(folder):
    folder.mkdir()
    (folder / "config.json").write_text('{"psFormat":"x","auths":{"r.io":{"auth":"YTpi"}},"HttpHeaders":{"a":"b"}}')
    save("ghcr.io", "ada", "s3cret")
    save("docker.io", "ada", "s3cret")
    assert kept()["psFormat"] == "x"
    assert set(kept()["auths"]) == {"r.io", "ghcr.io", "https://index.docker.io/v1/"}
    assert forget("docker.io")
    assert set(kept()["auths"]) == {"r.io", "ghcr.io"}


@pytest.mark.parametrize("config", [{"credsStore": "desktop"}, {"credHelpers": {"ghcr.io": "x"}}])
def test_a_helper_in_charge_is_not_bypassed(folder, config):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(AuthenticationFailed, match="docker-credential-"):
        save("ghcr.io", "ada", "s3cret")
    assert kept() == config


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": 7}', '{"auths": {}, "credHelpers": []}'])
def test_a_file_that_is_something_else_is_not_overwritten(folder, text):
    folder.mkdir()
    (folder / "config.json").write_text(text)
    with pytest.raises(AuthenticationFailed):
        save("ghcr.io", "ada", "s3cret")
    assert (folder / "config.json").read_text() == text


@pytest.mark.parametrize(("user", "password"), [("", "x"), ("a:b", "x"), ("a", "")])
def test_credentials_that_cannot_be(user, password):
    with pytest.raises(UsageFailed):
        login("127.0.0.1:1", user, password, sink=ignore)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("GHCR.io", "ghcr.io"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("docker.io", "docker.io"),
        ("ghcr.io/acme/hello:1", "ghcr.io"),
    ],
)
def test_hosts(text, host):
    assert registry_host(text) == host


@pytest.mark.parametrize("text", ["", "hello", "a b", "https://ghcr.io", "-x.io"])
def test_what_is_no_host(text):
    with pytest.raises((UsageFailed, InvalidReference)):
        registry_host(text)

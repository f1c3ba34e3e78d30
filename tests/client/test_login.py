"""Credentials that are tried before they are kept, and kept for their owner alone."""

import json
import os
import stat
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from registry.client import helpers
from registry.client.credentials import Credentials
from registry.client.keychain import Keychain, forget, keep
from registry.client.registries import Registries
from registry.errors import AuthenticationFailed, InvalidReference, StorageFailed
from tests.client.homes import ADA
from tests.client.scripted import Answer, scripted
from tests.client.test_auth import BASIC, TokenRegistry, basic_only
from tests.client.test_repository import DESCRIPTOR, repository
from wasmbuild.cli.login import command as login_command
from wasmbuild.errors import PasswordMissing, UsageFailed
from wasmbuild.events import Note, ignore
from wasmbuild.ui.console import Console
from wasmbuild.workflows.login import login, logout, registry_host, with_password, with_token

pytestmark = pytest.mark.usefixtures("home")
GIVEN = with_password("ada", "s3cret")
HUB = "https://index.docker.io/v1/"


def notes(events):
    return [event.text for event in events if isinstance(event, Note)]


def kept_for(host):
    found = Keychain(host).find()
    return found and (found.username, found.secret)


def test_a_login_is_tried_kept_and_used(home):
    told = []
    with scripted(basic_only) as server:
        done = login(server.address, GIVEN, Registries(), sink=told.append)
        assert (done.kept.file, done.kept.helper, done.username) == (home.docker, None, "ada")
        assert stat.S_IMODE(home.docker.stat().st_mode) == 0o600
        assert home.read() == {"auths": {server.address: {"auth": ADA}}}
        assert repository(server).resolve("v1") == DESCRIPTOR
        assert logout(server.address, sink=told.append) == (str(home.docker),)
        assert home.read() == {"auths": {}}
        assert logout(server.address, sink=ignore) == ()
        with pytest.raises(AuthenticationFailed):
            repository(server).resolve("v1")
    assert notes(told) == [
        f"kept in {home.docker}, for its owner alone, not encrypted",
        f"forgotten: {home.docker}",
    ]


def test_a_wrong_password_is_not_kept(home):
    helper = home.helper()
    home.config(credsStore="test")
    with scripted(basic_only) as server, pytest.raises(AuthenticationFailed, match="does not take"):
        login(server.address, with_password("ada", "wrong"), Registries(), sink=ignore)
    assert helper.asked == []
    assert home.read() == {"credsStore": "test"}


def test_what_is_kept_already_does_not_vouch_for_what_is_new(home):
    with scripted(basic_only) as server:
        keep(server.address, GIVEN)
        before = home.read()
        with pytest.raises(AuthenticationFailed, match="does not take"):
            login(server.address, with_password("ada", "wrong"), Registries(), sink=ignore)
    assert home.read() == before


def test_a_login_at_a_token_server():
    script = TokenRegistry()
    with scripted(
        lambda asked: Answer(200) if "Bearer 1-" in asked.headers.get("authorization", "") else script(asked)
    ) as s:
        login(s.address, GIVEN, Registries(), sink=ignore)
    assert [authorization for authorization, _ in script.realms] == [BASIC]


def test_a_token_server_that_refuses(home):
    with scripted(TokenRegistry(status=401, body=b"{}")) as server, pytest.raises(AuthenticationFailed):
        login(server.address, GIVEN, Registries(), sink=ignore)
    assert not home.docker.exists()


def by_token(asked):
    """A registry whose token server takes the identity token ``refresh``."""
    if asked.path == "/token":
        good = asked.method == "POST" and b"refresh_token=refresh&" in asked.body + b"&"
        return Answer(200, b'{"token":"t"}') if good else Answer(401, b"who")
    if asked.headers.get("authorization") == "Bearer t":
        return Answer(200)
    return Answer(401, b"", {"WWW-Authenticate": f'Bearer realm="http://{asked.headers["host"]}/token"'})


def test_an_identity_token_is_tried_and_kept(home):
    with scripted(by_token) as server:
        done = login(server.address, with_token("refresh"), Registries(), sink=ignore)
        assert done.username is None
        assert home.read()["auths"][server.address]["identitytoken"] == "refresh"
        assert kept_for(server.address) == ("<token>", "refresh")
        with pytest.raises(AuthenticationFailed):
            login(server.address, with_token("other"), Registries(), sink=ignore)


def test_a_registry_that_does_not_ask_is_told():
    told = []
    with scripted(lambda _: Answer(200)) as server:
        login(server.address, GIVEN, Registries(), sink=told.append)
    assert notes(told)[0] == f"{server.address} did not ask for credentials: these were not checked"


def test_variables_that_win_are_named(home, monkeypatch):
    told = []
    with scripted(basic_only) as server:
        name = f"WASMBUILD_REGISTRY_{server.address.replace('.', '_').replace(':', '___')}_REGISTRY_TOKEN"
        monkeypatch.setenv(name, "s3cret")
        login(server.address, GIVEN, Registries(), sink=told.append)
        logout(server.address, sink=told.append)
    assert [name in note for note in notes(told)] == [False, True, False, True]
    assert "s3cret" not in str(notes(told))


def test_what_else_is_in_the_file_stays(home):
    home.write(home.docker, '{"psFormat":"ä","auths":{"r.io":{"auth":"YTpi","email":"x"}},"HttpHeaders":{"a":[1,2.5]}}')
    keep("ghcr.io", GIVEN)
    keep("docker.io", GIVEN)
    entry = {"auth": ADA}
    assert home.read() == {
        "psFormat": "ä",
        "auths": {"r.io": {"auth": "YTpi", "email": "x"}, "ghcr.io": entry, HUB: entry},
        "HttpHeaders": {"a": [1, 2.5]},
    }
    assert forget("docker.io")
    assert set(home.read()["auths"]) == {"r.io", "ghcr.io"}


def test_a_file_behind_a_link_stays_there(home):
    real = home.write(home.path / "elsewhere.json", {"psFormat": "x"})
    home.docker.parent.mkdir()
    home.docker.symlink_to(real)
    keep("ghcr.io", GIVEN)
    assert home.docker.is_symlink()
    assert json.loads(real.read_text())["auths"]["ghcr.io"] == {"auth": ADA}


def test_other_names_of_the_registry_are_replaced(home):
    home.config(auths={"https://ghcr.io/v1/": {"auth": "b2xkOm9sZA=="}, "ghcr.io/acme": {"auth": "b2xkOm9sZA=="}})
    keep("ghcr.io", GIVEN)
    assert list(home.read()["auths"]) == ["ghcr.io"]


def test_the_first_file_is_the_one_that_is_written(home, monkeypatch):
    first = home.path / "first" / "auth.json"
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(first))
    assert keep("ghcr.io", GIVEN).file == first
    assert not home.docker.exists()
    assert kept_for("ghcr.io") == ("ada", "s3cret")


@pytest.mark.parametrize("config", [{"credsStore": "test"}, {"credHelpers": {"ghcr.io": "test"}, "credsStore": "no"}])
def test_a_helper_in_charge_keeps_them(home, config):
    helper = home.helper()
    home.config(**config, auths={"ghcr.io": {"auth": "b2xkOm9sZA=="}, "r.io": {}})
    kept = keep("ghcr.io", GIVEN)
    assert (str(kept), helper.kept) == ("docker-credential-test", {"ghcr.io": ("ada", "s3cret")})
    assert home.read() == {**config, "auths": {"r.io": {}}}
    assert kept_for("ghcr.io") == ("ada", "s3cret")
    keep("ghcr.io", with_token("refresh"))
    assert helper.kept == {"ghcr.io": ("<token>", "refresh")}


def test_a_helper_in_charge_that_fails_is_not_bypassed(home):
    home.program("docker-credential-test", "print('locked')\nraise SystemExit(1)")
    home.config(credsStore="test")
    with pytest.raises(AuthenticationFailed, match="locked"):
        keep("ghcr.io", GIVEN)
    assert home.read() == {"credsStore": "test"}


@pytest.fixture
def on_linux(monkeypatch):
    monkeypatch.setattr(helpers, "sys", SimpleNamespace(platform="linux"))


@pytest.mark.usefixtures("on_linux")
def test_the_helper_of_the_platform_is_used_where_it_works(home):
    helper = home.helper("secretservice")
    home.config(auths={"r.io": {"auth": "YTpi"}, "ghcr.io": {"auth": "YTpi"}})
    assert keep("ghcr.io", GIVEN).helper == "secretservice"
    assert helper.kept == {"ghcr.io": ("ada", "s3cret")}
    # The others' credentials stay where Docker finds them.
    assert home.read() == {"auths": {"r.io": {"auth": "YTpi"}}, "credHelpers": {"ghcr.io": "secretservice"}}
    assert kept_for("ghcr.io") == ("ada", "s3cret")
    assert forget("ghcr.io") == ("docker-credential-secretservice",)
    assert kept_for("ghcr.io") is None
    assert kept_for("r.io") == ("a", "b")


@pytest.mark.usefixtures("on_linux")
@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("print('Cannot autolaunch D-Bus')\nraise SystemExit(1)", "Cannot autolaunch D-Bus"),
        ('import sys\nif sys.argv[1] == \'get\': print(\'{"Username": "x", "Secret": "y"}\')', "does not give back"),
    ],
)
def test_a_helper_of_the_platform_that_does_not_work_is_told_of(home, program, why):
    home.program("docker-credential-secretservice", program)
    told = []
    with scripted(basic_only) as server:
        done = login(server.address, GIVEN, Registries(), sink=told.append)
        assert home.read() == {"auths": {server.address: {"auth": ADA}}}
    assert done.kept.helper is None
    assert why in notes(told)[0]
    assert "s3cret" not in str(notes(told))


def test_a_logout_reaches_every_place(home, monkeypatch):
    explicit = home.path / "explicit.json"
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(explicit))
    names = {"ghcr.io": {"auth": ADA}, "ghcr.io/acme": {"auth": ADA}, "https://ghcr.io/v1/": {}, "r.io": {"auth": ADA}}
    paths = [explicit, home.docker, home.runtime, home.podman]
    for path in paths:
        home.write(path, {"auths": names})
    one, two = (
        home.helper("one", **{"ghcr.io": ("ada", "x"), "r.io": ("ada", "x")}),
        home.helper("two", **{"ghcr.io": ("a", "x")}),
    )
    home.config(auths=names, credsStore="one", credHelpers={"ghcr.io": "two"})
    helped = {"docker-credential-one", "docker-credential-two"}
    assert set(forget("ghcr.io")) == {*map(str, paths), *helped}
    assert [json.loads(path.read_text())["auths"] for path in paths] == [{"r.io": {"auth": ADA}}] * 4
    assert (one.kept, two.kept) == ({"r.io": ("ada", "x")}, {})
    assert kept_for("ghcr.io") is None


def test_a_place_that_does_not_let_go_is_an_error_and_the_others_are_done(home):
    home.write(home.docker, "{")
    home.write(home.podman, {"auths": {"ghcr.io": {"auth": ADA}}})
    with pytest.raises(AuthenticationFailed, match="could not be read"):
        forget("ghcr.io")
    assert json.loads(home.podman.read_text()) == {"auths": {}}
    assert home.docker.read_text() == "{"


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": 7}', '{"auths": {}, "credHelpers": []}'])
def test_a_file_that_is_something_else_is_not_overwritten(home, text):
    home.write(home.docker, text)
    with pytest.raises(AuthenticationFailed):
        keep("ghcr.io", GIVEN)
    assert home.docker.read_text() == text


def test_a_folder_that_cannot_be_made(home):
    home.write(home.docker.parent, "a file")
    with pytest.raises(StorageFailed):
        keep("ghcr.io", GIVEN)


def test_nothing_is_left_behind_when_a_write_fails(home, monkeypatch):
    home.config(psFormat="x")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space"):
        keep("ghcr.io", GIVEN)
    assert [path.name for path in home.docker.parent.iterdir()] == ["config.json"]
    assert home.read() == {"psFormat": "x"}


@pytest.mark.parametrize(("user", "password"), [("", "x"), ("a:b", "x"), ("a", ""), ("a\n", "x"), ("a", "x\r\ny")])
def test_credentials_that_cannot_be(user, password):
    with pytest.raises(UsageFailed):
        with_password(user, password)


@pytest.mark.parametrize("token", ["", "two words", "line\n", "töken", "x" * 40_000])
def test_tokens_that_cannot_be(token):
    with pytest.raises(UsageFailed) as caught:
        with_token(token)
    assert not token or token not in str(caught.value)


def run(*arguments, given=b""):
    """The verb itself, with bytes on its standard input."""
    return CliRunner().invoke(login_command, arguments, obj=Console(), input=given)


def test_the_verb_reads_a_password_and_prints_the_registry(home):
    with scripted(basic_only) as server:
        done = run(server.address, "-u", "ada", "--password-stdin", "--format", "json", given=b"s3cret\r\n")
        assert done.exit_code == 0, done.exception
        printed = json.loads(done.stdout)
        assert (printed["registry"], printed["username"]) == (server.address, "ada")
        assert (printed["helper"], printed["file"]) == (None, str(home.docker))
        assert kept_for(server.address) == ("ada", "s3cret")
    assert "s3cret" not in done.output


def test_the_verb_reads_a_token():
    with scripted(by_token) as server:
        done = run(server.address, "--token-stdin", given=b"refresh\n")
        assert done.exit_code == 0, done.exception
        assert done.stdout == f"{server.address}\n"
        assert kept_for(server.address) == ("<token>", "refresh")


@pytest.mark.parametrize(
    ("options", "given", "error"),
    [
        (["--token-stdin", "--username", "ada"], b"t", UsageFailed),
        (["--token-stdin", "--password-stdin"], b"t", UsageFailed),
        (["--token-stdin"], b"", UsageFailed),
        (["--token-stdin"], b"t" * 40_000, UsageFailed),
        (["-u", "ada", "--password-stdin"], b"", UsageFailed),
        (["-u", "ada", "--password-stdin"], b"\xff", UsageFailed),
        (["-u", "ada", "--password-stdin"], b"two\nlines", UsageFailed),
        (["--password-stdin"], b"s3cret", PasswordMissing),
        (["-u", "ada"], b"s3cret", PasswordMissing),
    ],
)
def test_the_verb_refuses(options, given, error):
    failure = run("127.0.0.1:1", *options, given=given).exception
    assert isinstance(failure, error)
    assert "s3cret" not in str(failure)


def test_credentials_can_be_shown():
    assert repr(Credentials.of_password("ada", "s3cret")) == "Credentials(kind='password', source='given')"


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

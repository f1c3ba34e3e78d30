"""Where credentials are found: the files of Docker and podman, and in which order."""

import base64
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.authfile import AuthFile, auth_files
from registry.client.credentials import Credentials
from registry.client.keychain import Keychain
from registry.errors import AuthenticationFailed, InvalidDocument
from tests.client.homes import ADA

HOST = "r.example"
HUB = "https://index.docker.io/v1/"


def entry(user, secret="s3cret"):
    return {"auth": base64.b64encode(f"{user}:{secret}".encode()).decode()}


def found(host=HOST, repository=""):
    credentials = Keychain(host).find(repository)
    return credentials and credentials.username


def test_nobody_when_there_is_nothing(home):
    assert found() is None


def test_the_order_of_places(home, monkeypatch):
    """Each place wins over all that come after it."""
    explicit = home.path / "explicit.json"
    home.write(home.podman, {"auths": {HOST: entry("podman")}})
    assert found() == "podman"
    home.write(home.runtime, {"auths": {HOST: entry("runtime")}})
    assert found() == "runtime"
    home.config(auths={HOST: entry("docker")})
    assert found() == "docker"
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(explicit))
    assert found() == "docker"
    home.write(explicit, {"auths": {HOST: entry("file")}})
    assert found() == "file"
    monkeypatch.setenv("WASMBUILD_REGISTRY_R_EXAMPLE_USERNAME", "environment")
    monkeypatch.setenv("WASMBUILD_REGISTRY_R_EXAMPLE_PASSWORD", "s3cret")
    assert found() == "environment"
    keychain = Keychain(HOST)
    keychain.use(Credentials.of_password("given", "s3cret"))
    assert keychain.find().username == "given"


def test_the_usual_places(monkeypatch, tmp_path):
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert auth_files() == (tmp_path / ".docker/config.json", tmp_path / ".config/containers/auth.json")


def test_a_place_with_credentials_of_others_is_passed_over(home):
    home.config(auths={"other.example": entry("other"), HOST: {}})
    home.write(home.podman, {"auths": {HOST: entry("podman")}})
    assert found() == "podman"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (HOST, HOST),
        (HOST, f"https://{HOST}"),
        (HOST, f"https://{HOST}/"),
        (HOST, f"https://{HOST}/v1/"),
        (HOST, f"http://{HOST}/v2"),
        ("R.Example", HOST),
        ("r.example:5000", "https://r.example:5000/v1/"),
        ("docker.io", HUB),
        ("registry-1.docker.io", HUB),
        ("docker.io", "docker.io"),
        ("docker.io", "index.docker.io"),
        ("docker.io", "https://registry-1.docker.io"),
    ],
)
def test_names_of_a_registry(home, host, name):
    home.config(auths={name: entry("ada")})
    assert found(host) == "ada"


@pytest.mark.parametrize(
    "name", ["r.example.evil", "evil.r.example", f"{HOST}:5000", f"https://{HOST}/other/", f"x{HOST}", "", "https://"]
)
def test_names_of_other_registries(home, name):
    home.config(auths={name: entry("ada")})
    assert found() is None


def test_the_longest_name_wins(home):
    names = ["a", "a/b", "a/b/c", "other"]
    home.config(auths={HOST: entry("host"), **{f"{HOST}/{name}": entry(name) for name in names}})
    assert found(repository="a/b/c") == "a/b/c"
    assert found(repository="a/b/d") == "a/b"
    assert found(repository="a/bb") == "a"
    assert found(repository="ab/c") == "host"
    assert found() == "host"


def test_an_exact_name_wins_over_an_old_one(home):
    home.config(auths={f"https://{HOST}/v1/": entry("old"), HOST: entry("new")})
    assert found() == "new"


@pytest.mark.parametrize(
    ("value", "kind", "username", "secret"),
    [
        ({"auth": ADA}, "password", "ada", "s3cret"),
        ({"auth": f"{ADA[:5]}\n{ADA[5:]}\n"}, "password", "ada", "s3cret"),
        ({"auth": base64.b64encode(b"ada:s3:cret\0\0").decode()}, "password", "ada", "s3:cret"),
        ({"auth": base64.b64encode("ädä:pässwört".encode()).decode()}, "password", "ädä", "pässwört"),
        ({"username": "ada", "password": "s3cret"}, "password", "ada", "s3cret"),
        ({"auth": ADA, "username": "x", "password": "y"}, "password", "ada", "s3cret"),
        ({"auth": base64.b64encode(b"guid:").decode(), "identitytoken": "refresh"}, "identity", "guid", "refresh"),
        ({"identitytoken": "refresh"}, "identity", "<token>", "refresh"),
        ({"username": "<token>", "password": "refresh"}, "identity", "<token>", "refresh"),
        ({"auth": ADA, "registrytoken": "bearer"}, "registry", "<token>", "bearer"),
    ],
)
def test_what_an_entry_says(home, value, kind, username, secret):
    home.config(auths={HOST: value})
    credentials = Keychain(HOST).find()
    assert (credentials.kind, credentials.username, credentials.secret) == (kind, username, secret)
    assert str(home.docker) in credentials.source
    assert secret not in repr(credentials)
    assert username not in repr(credentials)


def test_bytes_that_are_no_text_arrive_as_they_were(home):
    auth = base64.b64encode(b"ada:\xff\xfe").decode()
    home.config(auths={HOST: {"auth": auth}})
    assert Keychain(HOST).find().basic == auth


@pytest.mark.parametrize(
    "value",
    [
        "s3cret",
        ["s3cret"],
        {"auth": 7, "password": "s3cret"},
        {"auth": "s3cret!"},
        {"auth": "czNjcmV0"},
        {"auth": "s3cret\u0000"},
        {"auth": "s3crét"},
        {"auth": base64.b64encode(b"ada:s3cret\n").decode()},
        {"username": "a:da", "password": "s3cret"},
        {"password": "s3cret"},
        {"identitytoken": "s3cret\r\nX: y"},
        {"registrytoken": "s3cret two"},
    ],
)
def test_malformed_entries_are_not_shown(home, value):
    home.config(auths={HOST: value})
    with pytest.raises(AuthenticationFailed, match="malformed") as caught:
        found()
    for shown in (str(caught.value), repr(caught.value), str(caught.value.hint)):
        assert "s3cr" not in shown
        assert "czNj" not in shown
    assert str(home.docker) in str(caught.value)


def test_malformed_entries_of_others_do_not_matter(home):
    home.config(auths={"other.example": "what", HOST: entry("ada")}, credHelpers={"other.example": 7})
    assert found() == "ada"


@pytest.mark.parametrize(
    "text",
    [
        "{s3cret",
        "[]",
        "7",
        '{"auths": [1]}',
        '{"auths": null}',
        '{"auths": {}, "credHelpers": 7}',
        '{"credsStore": 7}',
        '{"credHelpers": {"r.example": 7}}',
        '{"auths": {}, "auths": {}}',
        "\ufeff{}",
        " " * (1024 * 1024 + 1),
    ],
)
def test_files_that_are_something_else(home, text):
    home.write(home.docker, text)
    with pytest.raises(AuthenticationFailed, match="could not be read") as caught:
        found()
    assert str(home.docker) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_empty_file_is_no_fault(home):
    home.write(home.docker, "\n")
    assert found() is None


def test_a_pipe_is_not_waited_for(home):
    home.docker.parent.mkdir()
    os.mkfifo(home.docker)
    with pytest.raises(AuthenticationFailed, match="not a regular file"):
        found()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"credHelpers": {HOST: "one"}}, "one"),
        ({"credHelpers": {HOST: "one"}, "auths": {HOST: entry("file")}}, "one"),
        ({"credHelpers": {HOST: "empty"}, "auths": {HOST: entry("file")}}, "file"),
        ({"credHelpers": {HOST: "empty"}, "credsStore": "two"}, None),
        ({"credHelpers": {"other.example": "one"}, "credsStore": "two"}, "two"),
        ({"auths": {HOST: entry("file")}, "credsStore": "two"}, "file"),
        ({"auths": {HOST: {}}, "credsStore": "two"}, "two"),
        ({"credsStore": ""}, None),
    ],
)
def test_who_is_in_charge(home, config, expected):
    for suffix in ("one", "two"):
        home.helper(suffix, **{HOST: (suffix, "s3cret")})
    home.helper("empty")
    home.config(**config)
    assert found() == expected


def test_docker_hub_has_a_name_of_its_own_for_helpers(home):
    home.helper(**{HUB: ("ada", "s3cret")})
    home.config(credHelpers={HUB: "test"})
    assert found("docker.io") == "ada"
    home.helper(**{"docker.io": ("podman", "s3cret")})
    home.config(credsStore="test")
    assert found("docker.io") == "podman"


def test_a_helper_is_asked_once_and_answers_for_one_registry_only(home):
    helper = home.helper(**{HOST: ("ada", "s3cret")})
    home.config(credsStore="test")
    keychain = Keychain(HOST)
    assert {keychain.find(name).username for name in ("a", "b", "")} == {"ada"}
    assert helper.asked == ["get"]
    assert found("other.example") is None


def test_a_helper_that_fails_is_an_error_and_nobody_else_is_asked(home):
    home.program("docker-credential-test", "print('locked')\nraise SystemExit(1)")
    home.config(credsStore="test")
    home.write(home.podman, {"auths": {HOST: entry("podman")}})
    with pytest.raises(AuthenticationFailed, match="locked"):
        found()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["auths", "credHelpers", "credsStore", "auth", "identitytoken", HOST, f"https://{HOST}/", "x"])
documents = st.recursive(json_values, lambda inner: st.dictionaries(names, inner, max_size=4), max_leaves=10)


@given(documents)
def test_any_document_is_read_or_refused(tmp_path_factory, document):
    path = tmp_path_factory.getbasetemp() / "any-config.json"
    path.write_text(json.dumps(document))
    try:
        file = AuthFile.load(path)
        credentials = file.find(HOST, "a/b")
        file.helper_for(HOST)
    except (AuthenticationFailed, InvalidDocument):
        return
    assert credentials is None or credentials.basic


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_what_is_written_is_read_back(tmp_path_factory, username, password):
    try:
        credentials = Credentials.of_password(username, password, "x")
        base = AuthFile(tmp_path_factory.getbasetemp() / "back.json", {"psFormat": "x"})
        base.with_credentials(HOST, credentials).write()
    except AuthenticationFailed:
        return
    back = AuthFile.load(base.path).find(HOST)
    assert (back.username, back.secret) == (username, password.rstrip("\0"))

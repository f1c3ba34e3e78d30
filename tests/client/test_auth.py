"""Where credentials go, and where they never do."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from registry.client.challenge import Challenge, parse_challenges
from registry.client.environment import variables_of
from registry.client.session import is_loopback, open_session
from registry.client.settings import HostSettings
from registry.content import read_all
from registry.errors import AuthenticationFailed, RegistryRefused, UnexpectedAnswer, Unreachable
from tests.client.scripted import Answer, scripted
from tests.client.test_repository import CONTENT, DESCRIPTOR, GOOD, repository
from tests.client.tokenserver import PULL, PUSH, TokenServer

BASIC = "Basic " + base64.b64encode(b"ada:s3cret").decode()


@pytest.fixture
def log_in(tmp_path, monkeypatch):
    """Write Docker's configuration for a registry."""

    def write(host, **config):
        folder = tmp_path / "docker"
        folder.mkdir(exist_ok=True)
        content = config or {"auths": {host: {"auth": BASIC.removeprefix("Basic ")}}}
        (folder / "config.json").write_text(json.dumps(content))
        monkeypatch.setenv("DOCKER_CONFIG", str(folder))

    return write


class TokenRegistry:
    """A registry with a token server; tokens name their scope, and are good for ``uses`` requests."""

    def __init__(self, uses=1000, realm="/token", **answer):
        self.uses, self.realm, self.answer = uses, realm, answer
        self.left = {}
        self.realms = []

    def __call__(self, asked):
        parts = urlsplit(asked.path)
        if parts.path == "/token":
            return self.give(asked, parse_qs(parts.query))
        needed = "pull" if asked.method in ("GET", "HEAD") else "pull,push"
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if f"repository:a/b:{needed}" in token and self.left.get(token, 0) > 0:
            self.left[token] -= 1
            return self.served(asked)
        realm = self.realm if "://" in self.realm else f"http://{asked.headers['host']}{self.realm}"
        challenge = f'Bearer realm="{realm}",service="test",scope="repository:a/b:{needed}"'
        return Answer(401, b"{}", {"WWW-Authenticate": challenge})

    def give(self, asked, query):
        self.realms.append((asked.headers.get("authorization"), query))
        if self.answer:
            return Answer(**self.answer)
        token = f"{len(self.realms)}-" + "+".join(query["scope"])
        self.left[token] = self.uses
        return Answer(200, json.dumps({"token": token, "expires_in": 300}).encode())

    def served(self, asked):
        if "/manifests/" in asked.path:
            return GOOD
        if asked.method == "POST":
            return Answer(202, headers={"Location": "/v2/a/b/blobs/uploads/1"})
        return Answer(201 if asked.method == "PUT" else 200, CONTENT.data if asked.method == "GET" else b"")


def test_an_anonymous_token():
    script = TokenRegistry()
    with scripted(script) as server:
        store = repository(server)
        store.resolve("v1")
        read_all(store, CONTENT.descriptor)
    assert script.realms == [(None, {"scope": ["repository:a/b:pull"], "service": ["test"]})]


def test_a_token_for_credentials(log_in):
    script = TokenRegistry()
    with scripted(script) as server:
        log_in(server.address)
        repository(server).resolve("v1")
    assert [authorization for authorization, _ in script.realms] == [BASIC]
    assert not [asked for asked in server.asked if asked.path.startswith("/v2/") and BASIC in asked.headers.values()]


def test_a_push_after_a_pull_asks_for_more():
    """The token for pulling is not sent again when pushing is refused with it."""
    script = TokenRegistry()
    with scripted(script) as server:
        store = repository(server)
        store.resolve("v1")
        CONTENT.push_to(store)
    assert [query["scope"] for _, query in script.realms] == [["repository:a/b:pull"], ["repository:a/b:pull,push"]]


def test_a_token_that_expires_is_renewed_and_the_body_sent_again():
    script = TokenRegistry(uses=1)
    with scripted(script) as server:
        CONTENT.push_to(repository(server))
    puts = [asked for asked in server.asked if asked.method == "PUT"]
    assert [asked.body == CONTENT.data for asked in puts] == [True, True]
    assert len(script.realms) == 2


def test_a_registry_that_is_never_content_is_given_up():
    script = TokenRegistry(uses=0)
    with scripted(script) as server, pytest.raises(AuthenticationFailed):
        repository(server).resolve("v1")
    assert len(server.asked) < 6


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 401, "body": b"{}"}, AuthenticationFailed),
        ({"status": 200, "body": b"<html>"}, UnexpectedAnswer),
        ({"status": 200, "body": b"[]"}, UnexpectedAnswer),
        ({"status": 200, "body": b'{"token": 7}'}, UnexpectedAnswer),
        ({"status": 200, "body": b'{"token": "a\\r\\nX: y"}'}, UnexpectedAnswer),
        ({"status": 200, "body": b'{"token": "t", "expires_in": "soon"}'}, UnexpectedAnswer),
        ({"status": 200, "body": b'{"token": "t"}' * 100, "cut": 9}, Unreachable),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, AuthenticationFailed),
    ],
)
def test_token_servers_that_do_not_behave(answer, error, log_in):
    with scripted(TokenRegistry(**answer)) as server:
        log_in(server.address)
        with pytest.raises(error) as caught:
            repository(server).resolve("v1")
    assert "s3cret" not in str(caught.value)
    assert BASIC not in str(caught.value)


def test_a_token_server_elsewhere_gets_nothing(log_in):
    with scripted(lambda _: Answer(200, b'{"token":"t"}')) as elsewhere:
        port = elsewhere.address.rpartition(":")[2]
        script = TokenRegistry(realm=f"http://127.0.0.2:{port}/token")
        with scripted(script) as server:
            log_in(server.address)
            with pytest.raises(AuthenticationFailed, match="may not name"):
                repository(server).resolve("v1")
    assert elsewhere.asked == []


def basic_only(asked):
    if asked.headers.get("authorization") == BASIC:
        return GOOD
    return Answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="test"'})


def test_basic_credentials(log_in):
    with scripted(basic_only) as server:
        log_in(server.address)
        assert repository(server).resolve("v1") == DESCRIPTOR


def test_no_credentials():
    with scripted(basic_only) as server, pytest.raises(AuthenticationFailed) as caught:
        repository(server).resolve("v1")
    assert len(server.asked) == 1
    assert caught.value.hint == f"wasmbuild login {server.address}"


def test_wrong_credentials(log_in):
    with scripted(lambda _: Answer(401, b"{}", {"WWW-Authenticate": "Basic"})) as server:
        log_in(server.address)
        with pytest.raises(AuthenticationFailed) as caught:
            repository(server).resolve("v1")
    assert len(server.asked) == 2
    assert "s3cret" not in repr(caught.value)


def test_credentials_of_another_registry_stay_where_they_are(log_in):
    with scripted(basic_only) as server:
        log_in("registry.example")
        with pytest.raises(AuthenticationFailed):
            repository(server).resolve("v1")
    assert not [asked for asked in server.asked if "authorization" in asked.headers]


def test_a_credential_helper_is_asked(home):
    with scripted(basic_only) as server:
        helper = home.helper(**{server.address: ("ada", "s3cret")})
        home.config(credHelpers={server.address: "test"})
        assert repository(server).resolve("v1") == DESCRIPTOR
    assert helper.asked == ["get"]


def test_nobody_is_asked_for_credentials_that_nobody_wants(home):
    helper = home.helper()
    home.config(credsStore="test")
    with scripted(lambda _: GOOD) as server:
        repository(server).resolve("v1")
    assert helper.asked == []


def test_a_configuration_that_cannot_be_read(home):
    home.write(home.docker, "{")
    with scripted(basic_only) as server, pytest.raises(AuthenticationFailed, match="could not be read"):
        repository(server).resolve("v1")


def test_a_redirect_takes_no_credentials_along(log_in):
    with scripted(lambda _: Answer(200, CONTENT.data)) as elsewhere:

        def script(asked):
            if asked.headers.get("authorization") != BASIC:
                return Answer(401, b"", {"WWW-Authenticate": "Basic"})
            return Answer(307, b"", {"Location": f"http://{elsewhere.address}/signed"})

        with scripted(script) as server:
            log_in(server.address)
            assert read_all(repository(server), CONTENT.descriptor) == CONTENT.data
    (asked,) = elsewhere.asked
    assert "authorization" not in asked.headers


def test_an_upload_elsewhere_takes_no_credentials_along(log_in):
    with scripted(lambda _: Answer(201)) as elsewhere:

        def script(asked):
            if asked.headers.get("authorization") != BASIC:
                return Answer(401, b"", {"WWW-Authenticate": "Basic"})
            return Answer(202, headers={"Location": f"http://{elsewhere.address}/upload"})

        with scripted(script) as server:
            log_in(server.address)
            CONTENT.push_to(repository(server))
    (asked,) = elsewhere.asked
    assert "authorization" not in asked.headers
    assert asked.body == CONTENT.data


def test_netrc_is_not_read(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password s3cret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(lambda _: Answer(200, CONTENT.data)) as elsewhere:
        redirect = Answer(307, b"", {"Location": f"http://{elsewhere.address}/"})
        with scripted(lambda _: redirect) as server:
            read_all(repository(server), CONTENT.descriptor)
    assert not [asked for asked in server.asked + elsewhere.asked if "authorization" in asked.headers]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [Challenge("basic")]),
        ('Basic realm="a b, c"', [Challenge("basic", {"realm": "a b, c"})]),
        ("bearer realm=x,Scope=y", [Challenge("bearer", {"realm": "x", "scope": "y"})]),
        (
            'Negotiate, Bearer realm="r",scope="a,b", Basic realm="q\\"x"',
            [
                Challenge("negotiate"),
                Challenge("bearer", {"realm": "r", "scope": "a,b"}),
                Challenge("basic", {"realm": 'q"x'}),
            ],
        ),
        ('Negotiate abc/d+==, Bearer realm="r"', [Challenge("negotiate"), Challenge("bearer", {"realm": "r"})]),
        ("Negotiate abc, Basic", [Challenge("negotiate"), Challenge("basic")]),
        ('Bearer realm="one",realm="two"', [Challenge("bearer", {"realm": "one"})]),
    ],
)
def test_challenges(header, expected):
    assert parse_challenges(header) == expected


@given(st.text(max_size=300))
def test_any_header_is_read(header):
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:5000", True),
        ("127.8.9.1", True),
        ("[::1]:5000", True),
        ("localhost:1", True),
        ("ghcr.io", False),
        ("127.0.0.1.evil.io", False),
        ("localhost.evil.io", False),
        ("10.0.0.1:5000", False),
    ],
)
def test_plain_http_is_for_loopback(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize("said", [BASIC, "ada:s3cret", "the password s3cret is wrong"])
def test_a_server_that_says_our_credentials_back_is_not_quoted(log_in, said):
    def script(asked):
        body = said.encode() if asked.headers.get("authorization") else b""
        return Answer(401, body, {"WWW-Authenticate": "Basic"})

    with scripted(script) as server:
        log_in(server.address)
        with pytest.raises(AuthenticationFailed) as caught:
            repository(server).resolve("v1")
    assert "***" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert BASIC.removeprefix("Basic ") not in str(caught.value)


def test_a_right_that_is_lacking_is_asked_for():
    """Some registries refuse a token of too little scope with 403, and say in a challenge what it lacks."""
    server = TokenServer({"token": "narrow"}, {"token": "wide"}, accepts=lambda token, _: token == "wide", status=403)

    def script(asked):
        server.challenge = PUSH if "authorization" in asked.headers else PULL
        answer = server(asked)
        return GOOD if answer.status == 200 and asked.path != "/token" and "/token?" not in asked.path else answer

    with scripted(script) as running:
        assert repository(running).resolve("v1") == DESCRIPTOR
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_token_server_that_is_busy_is_asked_again(status, clock):
    registry, busy = TokenRegistry(), [1, 2]

    def script(asked):
        if asked.path.startswith("/token") and busy:
            busy.pop()
            return Answer(status, b"{}")
        return registry(asked)

    with scripted(script) as server:
        assert repository(server).resolve("v1") == DESCRIPTOR
    assert len(clock.waited) == 2


@pytest.mark.parametrize("length", [280, 295, 590, 599])
def test_a_secret_that_is_said_back_is_not_shown_in_part(log_in, length):
    def script(asked):
        if "authorization" not in asked.headers:
            return Answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="x"'})
        text = "x" * length + " s3cret " + asked.headers["authorization"]
        said = text if length < 300 else json.dumps({"errors": [{"code": "DENIED", "message": text}]})
        return Answer(418, said.encode())

    with scripted(script) as server, pytest.raises(RegistryRefused) as caught:
        log_in(server.address)
        repository(server).resolve("v1")
    assert "s3c" not in str(caught.value)
    assert BASIC.removeprefix("Basic ")[:3] not in str(caught.value)


def test_netrc_is_asked_for_nobody(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine registry.example.com login ada password s3cret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    session = open_session("registry.example.com", HostSettings(), 1)
    assert session.trust_env, "or this would show nothing"
    prepared = session.prepare_request(requests.Request("GET", "https://registry.example.com/token"))
    assert "Authorization" not in prepared.headers


def test_a_refusal_is_not_an_absence():
    with scripted(basic_only) as server, pytest.raises(AuthenticationFailed) as caught:
        repository(server).resolve("v1")
    assert caught.value.what == f"{server.address}/a/b did not give v1"
    assert caught.value.hint == f"wasmbuild login {server.address}"


def test_variables_that_are_refused_are_named(monkeypatch):
    with scripted(basic_only) as server:
        user, password, *_ = variables_of(server.address)
        monkeypatch.setenv(user, "ada")
        monkeypatch.setenv(password, "wrong")
        with pytest.raises(AuthenticationFailed) as caught:
            repository(server).resolve("v1")
    assert caught.value.hint == f"correct or unset {user} and {password}"

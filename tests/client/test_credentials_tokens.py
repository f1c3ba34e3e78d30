"""Tokens: what they are exchanged for, how long they are kept, and who ever sees a secret."""

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from registry.client import auth as auth_module
from registry.client.credentials import Credentials
from registry.errors import AuthenticationFailed, RegistryRefused, UnexpectedAnswer, Unreachable
from tests.client.homes import ADA
from tests.client.scripted import Answer, scripted
from tests.client.tokenserver import PULL, PUSH, Asker, TokenServer

pytestmark = pytest.mark.usefixtures("home")


def test_one_token_is_fetched_for_all_who_wait():
    script = TokenServer(pause=0.3)
    with scripted(script) as server:
        asker = Asker(server)
        together = threading.Barrier(8)

        def ask(_):
            together.wait()
            return Asker.ask(asker)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(8))) == [200] * 8
    assert len(script.asked) == 1


def test_scopes_do_not_wait_for_each_other():
    """A token server that is slow about one repository holds up no other."""
    entered, release, slow = threading.Event(), threading.Event(), "repository:slow:pull"

    class Slow(TokenServer):
        def give(self, asked, query):
            if slow in query["scope"]:
                entered.set()
                release.wait(10)
            return super().give(asked, query)

    with scripted(Slow(challenge="")) as server, ThreadPoolExecutor(2) as pool:
        asker = Asker(server)
        waiting = pool.submit(asker.ask, slow)
        try:
            assert entered.wait(10)
            quick = pool.submit(asker.ask, PULL)
            assert quick.result(5) == 200
            assert not waiting.done()
        finally:
            release.set()
        assert waiting.result(10) == 200


def test_an_expired_token_is_renewed_by_one_of_many():
    script = TokenServer({"token": "old"}, {"token": "new"}, pause=0.1)
    with scripted(script) as server:
        asker = Asker(server)
        asker.ask()
        script.accepts = lambda token, path: token == "new"
        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(lambda _: Asker.ask(asker), range(6))) == {200}
    assert len(script.asked) == 2


def test_a_token_whose_time_is_over_is_not_sent(monkeypatch):
    script = TokenServer({"token": "old", "expires_in": 2}, {"token": "new"})
    with scripted(script) as server:
        asker = Asker(server)
        asker.ask()
        now = time.monotonic()
        monkeypatch.setattr("registry.client.tokens.time.monotonic", lambda: now + 3)
        assert asker.ask() == 200
        assert asker.tries == 1
    assert len(script.asked) == 2


def test_the_lifetime_has_a_margin(monkeypatch):
    script = TokenServer({"token": "old", "expires_in": 100}, {"token": "new"})
    with scripted(script) as server:
        asker = Asker(server)
        asker.ask()
        now = time.monotonic()
        monkeypatch.setattr("registry.client.tokens.time.monotonic", lambda: now + 80)
        asker.ask()
        assert len(script.asked) == 1
        monkeypatch.setattr("registry.client.tokens.time.monotonic", lambda: now + 95)
        asker.ask()
    assert len(script.asked) == 2


@pytest.mark.parametrize("value", [None, 0, "", "300", 5, -5, 1e300, 10**30])
def test_lifetimes_of_every_kind(value):
    with scripted(TokenServer({"token": "t", "expires_in": value})) as server:
        assert Asker(server).ask() == 200


def test_a_lifetime_that_is_no_number_of_ours_is_refused():
    with (
        scripted(TokenServer(Answer(200, b'{"token":"t","expires_in":1e400}'))) as server,
        pytest.raises(UnexpectedAnswer),
    ):
        Asker(server).ask()


@pytest.mark.parametrize("status", [401, 403])
def test_a_registry_that_wants_more_says_so(status):
    script = TokenServer(
        {"token": "pull"}, {"token": "push"}, accepts=lambda token, path: token == "push", status=status, challenge=PUSH
    )
    with scripted(script) as server:
        asker = Asker(server)
        script.challenge = PULL
        asker.auth.answer(asker.session.get(f"http://{server.address}/v2/"), PULL, None)
        script.challenge = PUSH
        assert asker.ask(PULL) == 200
    assert [query["scope"] for _, _, query in script.asked] == [[PULL], [PUSH]]


def test_a_refusal_that_asks_for_nothing_more_is_final():
    script = TokenServer(accepts=lambda token, path: False, status=403)
    with scripted(script) as server:
        asker = Asker(server)
        assert asker.ask() == 403
    assert asker.tries == 2
    assert len(script.asked) == 1


def test_tokens_that_are_refused_again_and_again_are_an_end():
    numbers = iter(range(100))

    class Endless(TokenServer):
        def give(self, asked, query):
            self.gives = deque([{"token": f"t{next(numbers)}"}])
            return super().give(asked, query)

    script = Endless(accepts=lambda token, path: False)
    with scripted(script) as server:
        assert Asker(server).ask() == 401
    assert len(script.asked) <= 5


def test_a_registry_that_names_another_scope_each_time_is_an_end():
    numbers = iter(range(100))

    class Greedy(TokenServer):
        def __call__(self, asked):
            self.challenge = f"repository:x{next(numbers)}:pull"
            return super().__call__(asked)

        def give(self, asked, query):
            self.gives = deque([{"token": f"t{next(numbers)}"}])
            return super().give(asked, query)

    script = Greedy(accepts=lambda token, path: False, status=403)
    with scripted(script) as server:
        assert Asker(server).ask() == 403
    assert len(script.asked) <= 5


def test_tokens_that_expire_early_but_work_for_a_while_are_renewed_for_ever(monkeypatch):
    monkeypatch.setattr(auth_module, "_YOUNG", 0.0)
    script = TokenServer(*({"token": f"t{number}"} for number in range(20)))
    with scripted(script) as server:
        asker = Asker(server)
        for number in range(20):
            script.accepts = lambda token, path, good=f"t{number}": token == good
            assert asker.ask() == 200
    assert len(script.asked) == 20


def test_several_scopes_are_asked_for_one_by_one():
    script = TokenServer(challenge="")
    with scripted(script) as server:
        Asker(server).ask("repository:a:pull,push repository:b:pull")
        asker = Asker(server)
        asker.auth.use(Credentials.of_identity("refresh"))
        asker.ask("repository:a:pull,push repository:b:pull")
    (_, _, query), (_, _, form) = script.asked
    assert query["scope"] == ["repository:a:pull,push", "repository:b:pull"]
    assert form["scope"] == ["repository:a:pull,push repository:b:pull"]


def test_an_identity_token_goes_into_a_form():
    script = TokenServer()
    with scripted(script) as server:
        asker = Asker(server)
        asker.auth.use(Credentials.of_identity("identity"))
        assert asker.ask() == 200
    assert script.asked == [
        (
            "POST",
            None,
            {
                "grant_type": ["refresh_token"],
                "client_id": ["wasmbuild"],
                "refresh_token": ["identity"],
                "service": ["test"],
                "scope": [PULL],
            },
        )
    ]
    assert not [asked for asked in server.asked if asked.path.startswith("/v2/") and "identity" in str(asked.headers)]


@pytest.mark.parametrize("status", [400, 401, 404, 405, 501])
def test_a_server_without_forms_gets_the_identity_token_as_a_password(status):
    script = TokenServer(Answer(status, b"no"), {"token": "t"})
    with scripted(script) as server:
        asker = Asker(server)
        asker.auth.use(Credentials.of_identity("identity", "guid"))
        assert asker.ask() == 200
        assert asker.ask("repository:other:pull") == 200
    assert script.methods == ["POST", "GET", "GET"]  # once it is known, it is not tried again
    basic = Credentials.of_password("guid", "identity").basic
    assert script.asked[1][1] == f"Basic {basic}"


@pytest.mark.parametrize(
    ("status", "error"), [(403, AuthenticationFailed), (503, RegistryRefused), (429, RegistryRefused)]
)
def test_an_identity_token_that_is_refused(status, error):
    with scripted(TokenServer(Answer(status, b'{"error":"identity is no good"}'))) as server:
        asker = Asker(server)
        asker.auth.use(Credentials.of_identity("identity"))
        with pytest.raises(error) as caught:
            asker.ask()
    assert type(caught.value) is error
    assert "identity is no good" not in str(caught.value)
    assert "*** is no good" in str(caught.value)


def test_a_server_that_asks_for_patience_is_quoted():
    script = TokenServer(Answer(429, b"", {"Retry-After": "7"}))
    with scripted(script) as server, pytest.raises(RegistryRefused) as caught:
        Asker(server).ask()
    assert (caught.value.status, caught.value.retry_after) == (429, 7.0)


def test_a_refresh_token_is_kept_for_the_next_exchange():
    script = TokenServer(
        {"token": "one", "refresh_token": "r1"}, {"access_token": "two", "refresh_token": "r2"}, {"token": "x"}
    )
    with scripted(script) as server:
        asker = Asker(server)
        asker.auth.set_basic_auth("ada", "s3cret")
        for scope in ("repository:a:pull", "repository:b:pull", "repository:c:pull", "repository:d:pull"):
            asker.ask(scope)
    assert script.methods == ["GET", "POST", "POST", "POST"]
    assert [query.get("refresh_token") for _, _, query in script.asked] == [None, ["r1"], ["r2"], ["r2"]]
    assert [authorization for _, authorization, _ in script.asked[1:]] == [None] * 3


def test_a_refresh_token_that_is_over_is_forgotten():
    script = TokenServer(
        {"token": "one", "refresh_token": "r1"}, Answer(401, b"over"), {"token": "three"}, {"token": "four"}
    )
    with scripted(script) as server:
        asker = Asker(server)
        asker.auth.set_basic_auth("ada", "s3cret")
        for name in "abc":
            assert asker.ask(f"repository:{name}:pull") == 200
    assert script.methods == ["GET", "POST", "GET", "GET"]
    assert script.asked[2][1] == f"Basic {ADA}"


def test_a_refresh_token_goes_to_nobody_else():
    script = TokenServer({"token": "one", "refresh_token": "r1"})
    with scripted(TokenServer()) as elsewhere, scripted(script) as server:
        asker = Asker(server)
        asker.auth.set_basic_auth("ada", "s3cret")
        asker.ask("repository:a:pull")
        other = f'Bearer realm="http://{elsewhere.address}/token"'
        script.accepts = lambda token, path: False
        answer = requests.Response()
        answer.status_code, answer.headers["WWW-Authenticate"] = 401, other
        asker.auth.answer(answer, "repository:b:pull", None)
    assert [asked.method for asked in elsewhere.asked] == ["GET"]
    assert "r1" not in str([(asked.path, asked.headers, asked.body) for asked in elsewhere.asked])


def test_a_registry_token_is_sent_as_it_is():
    script = TokenServer(accepts=lambda token, path: token == "mine")
    with scripted(script) as server:
        asker = Asker(server)
        asker.auth.use(Credentials.of_registry("mine"))
        assert asker.ask() == 200
        assert asker.tries == 2
        asker.ask("repository:other:pull")
        assert asker.tries == 1
        script.accepts = lambda token, path: False
        assert asker.ask() == 401
        script.status = 403
        assert asker.ask() == 403
    assert script.asked == []


def test_a_registry_token_needs_no_token_server():
    def script(asked):
        if asked.headers.get("authorization") == "Bearer mine":
            return Answer(200)
        return Answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})

    with scripted(script) as server:
        asker = Asker(server)
        asker.auth.use(Credentials.of_registry("mine"))
        assert asker.ask() == 200


def test_namespaces_have_tokens_of_their_own(home):
    script = TokenServer(challenge="")
    with scripted(script) as server:
        secrets = {f"{server.address}/a": "one", f"{server.address}/b": "two", server.address: "three"}
        home.config(auths={name: {"username": "ada", "password": secret} for name, secret in secrets.items()})
        asker = Asker(server)
        for name in ("a/x", "b/y", "c"):
            asker.ask(f"repository:{name}:pull repository:a/x:pull")
    sent = [Credentials.of_password("ada", secret).basic for secret in ("one", "two", "three")]
    assert [authorization for _, authorization, _ in script.asked] == [f"Basic {each}" for each in sent]


def test_namespaces_have_passwords_of_their_own(home):
    with scripted(lambda _: Answer(401, b"", {"WWW-Authenticate": "Basic"})) as server:
        secrets = {f"{server.address}/a": "one", server.address: "two"}
        home.config(auths={name: {"username": "ada", "password": secret} for name, secret in secrets.items()})
        asker = Asker(server)
        assert asker.ask("repository:a/x:pull") == 401
        assert asker.tries == 2
        assert asker.ask("repository:b:pull") == 401
        assert asker.tries == 1
    sent = [asked.headers.get("authorization") for asked in server.asked]
    assert sent == [None, *(f"Basic {Credentials.of_password('ada', secret).basic}" for secret in ("one", "two"))]


def test_a_realm_of_the_users_choice(monkeypatch):
    asked = []

    def fake(self, method, url, **options):
        asked.append(url)
        raise requests.ConnectionError("nobody there")

    with scripted(TokenServer()) as server:
        answer = requests.Response()
        answer.status_code = 401
        answer.headers["WWW-Authenticate"] = 'Bearer realm="http://auth.example.org/token"'
        with pytest.raises(AuthenticationFailed, match="may not name"):
            Asker(server).auth.answer(answer, PULL, None)
        asker = Asker(server, realms=("auth.example.org",))
        monkeypatch.setattr(requests.Session, "request", fake)
        with pytest.raises(Unreachable):
            asker.auth.answer(answer, PULL, None)
    assert asked == ["http://auth.example.org/token"]


def test_the_inherited_ways_are_ours():
    """What the oras package would do with a challenge: any realm, with any credentials it has."""
    script = TokenServer()
    with scripted(script) as server:
        asker = Asker(server)
        asker.auth.load_configs("x/y")
        asker.auth.set_token_auth("mine")
        answer = asker.session.get(f"http://{server.address}/v2/")
        headers, changed = asker.auth.authenticate_request(answer, {"Accept": "x"})
    assert (headers, changed) == ({"Accept": "x", "Authorization": "Bearer mine"}, True)
    assert asker.auth.get_auth_header() == {"Authorization": "Bearer mine"}


def test_no_secret_is_in_a_repr():
    script = TokenServer({"token": "t0ken", "refresh_token": "r3fresh"})
    with scripted(script) as server:
        asker = Asker(server)
        asker.auth.set_basic_auth("ada", "s3cret")
        asker.ask()
    shown = f"{asker.auth!r} {vars(asker.auth)!r} {vars(asker.auth._keychain)!r} {asker.auth._held!r}"
    assert not [secret for secret in ("t0ken", "s3cret", "r3fresh", ADA) if secret in shown]


@pytest.mark.parametrize(
    "header", ["", "Negotiate", 'Bearer service="x"', "Basic", "Bearer realm=", "x" * 9000, '"' * 50]
)
def test_challenges_that_nobody_can_meet(header):
    with scripted(lambda _: Answer(401, b"", {"WWW-Authenticate": header})) as server:
        asker = Asker(server)
        assert asker.ask() == 401
    assert asker.tries == 1

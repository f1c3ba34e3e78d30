"""What a person is told to paste, whatever a token claims; and tokens that are read before that."""

import base64
import json
import time
import tomllib
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from registry.client.exchange import WorkloadLogin
from registry.client.tokens import TokenRequest, TokenSource
from registry.client.workload import ID_TOKEN, IdentityToken, find_identity
from registry.client.workload_advice import forbidden, foreign, refused
from registry.errors import AuthenticationFailed, Failure, RegistryRefused
from tests.client.scripted import Answer, Asked, scripted

HOST, REPOSITORY = "registry.example.com", "team/app"


def token(**claims: Any) -> IdentityToken:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return IdentityToken.parse(f"e30.{body}.x", "made here")


def pasted(failure: AuthenticationFailed) -> dict[str, Any]:
    """The lines of configuration in a hint."""
    lines = str(failure.hint).splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("["))
    return tomllib.loads("\n".join(lines[begin:]))


@given(st.text(min_size=1, max_size=300))
@example('a", repositories = "**')
@example('x" }\nactions = ["admin"]\n#')
@example("back\\slash")
@example("\\")
@example("x" * 255)
def test_lines_to_paste_hold_a_claim_and_nothing_else(text: str) -> None:
    claims = {"iss": text, "sub": text, "aud": text}
    found = token(**claims)
    no_publisher = pasted(refused(found, HOST, HOST, "", "publisher", {}))["access"]["publishers"]
    (publisher,) = no_publisher
    assert set(publisher) == {"name", "issuer", "claims", "repositories", "actions"}
    assert (set(publisher["claims"]), publisher["repositories"]) == ({"sub"}, "REPOSITORY")
    assert publisher["actions"] == ["pull", "push"]
    (issuer,) = pasted(refused(found, HOST, HOST, "", "issuer", {}))["access"]["issuers"]
    assert (set(issuer), issuer["audience"]) == ({"url", "audience"}, HOST)
    hosts = pasted(foreign(found, HOST, HOST, {}))["registry"]["hosts"]
    assert {name: set(each) for name, each in hosts.items()} == {HOST: {"audience"}}
    if text.isprintable():
        assert (
            publisher["claims"]["sub"] == publisher["issuer"] == issuer["url"] == (text[:255] + "…" * (len(text) > 255))
        )


def test_rights_that_are_missing_are_named_and_nothing_is_made_of_other_words() -> None:
    said = "ci may not do this to team/app: push, overwrite"
    failure = forbidden(AuthenticationFailed("no", cause=said), {"iss": "i", "project_id": 7}, REPOSITORY)
    (publisher,) = pasted(failure)["access"]["publishers"]
    assert publisher["actions"] == ["pull", "push", "overwrite"]
    assert (publisher["claims"], publisher["repositories"]) == ({"project_id": "7"}, REPOSITORY)
    full = AuthenticationFailed("no", cause="the quota of team is used up")
    assert forbidden(full, {}, REPOSITORY).hint is None


def test_times_of_any_size_can_be_looked_at() -> None:
    assert [token(exp=end).expired for end in (0, -1.5, 1e308, 10**400, -(10**400), "1", None)] == [
        *(True, True, False, False, True, False, False),
    ]


def test_a_token_that_has_ended_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ID_TOKEN, token(aud="127.0.0.1:1", exp=time.time() - 60).text)
    session = requests.Session()
    login = WorkloadLogin("127.0.0.1:1", session, TokenSource(session), plain=True, audience=None)
    assert login.assertion("") is None
    with pytest.raises(AuthenticationFailed, match="has expired"):
        login.assertion("/take")
    monkeypatch.setenv(ID_TOKEN, token(aud="127.0.0.1:1", exp=time.time() - 5).text)  # as a clock that is ahead sees it
    assert login.assertion("/take") is not None


@pytest.mark.parametrize("status", [400, 403, 503])
def test_a_token_that_comes_back_in_an_error_is_not_shown(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    sent: list[str] = []

    def echo(asked: Asked) -> Answer:
        (text,) = parse_qs(asked.body.decode())["subject_token"]
        sent.append(text)
        errors = [{"code": "DENIED", "message": f"this is bad: {text}"}]
        return Answer(status, json.dumps({"error_description": f"this is bad: {text}", "errors": errors}).encode())

    with scripted(echo) as server:
        monkeypatch.setenv(ID_TOKEN, token(aud=server.address).text)
        session = requests.Session()
        login = WorkloadLogin(server.address, session, TokenSource(session), plain=True, audience=None)
        failure: Failure | None
        try:
            assert login.token(TokenRequest(f"http://{server.address}/token", "", (), None), "/take") is None
            failure = login.reason
        except RegistryRefused as raised:
            failure = raised
    said = f"{failure} {failure and failure.cause} {failure and failure.hint}"
    assert ("this is bad: ***" in said, sent[0] in said) == (True, False)


def test_what_is_no_identity() -> None:
    with pytest.raises(AuthenticationFailed, match="malformed"):
        token(sub="x" * 16_000)
    github = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://127.0.0.1:1/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}
    assert find_identity(github) is None  # somebody else's variables
    assert find_identity({**github, "GITHUB_ACTIONS": "true"}) is not None

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from registry.server.config import ObservingConfig
from registry.server.config.access import IssuerConfig, PublisherConfig
from tests.client.scripted import Answer
from tests.server.access.issuer import AUDIENCE, Issuer, other_key, serving_issuer, unsigned

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
RULES = {"repository_id": "1234", "ref": "refs/tags/v*", "sub": "repo:acme/**"}
GOOD = {"repository_id": "1234", "ref": "refs/tags/v1", "sub": "repo:acme/app:ref:refs/tags/v1"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving_issuer() as found:
        yield found


@pytest.fixture
def here(site: Any, issuer: Issuer, helpers: Any) -> Any:
    return start(site, issuer, helpers)


def start(site: Any, issuer: Issuer, helpers: Any, *, server: dict[str, Any] | None = None, **changed: Any) -> Any:
    access = {
        "issuers": (IssuerConfig(issuer.url, AUDIENCE),),
        "publishers": (PublisherConfig("app", issuer.url, RULES, "acme/*", ("pull", "push")),),
        "egress_allow": ("127.0.0.0/8",),
        **changed,
    }
    return site(helpers.rule("public/*", "everyone", "pull"), server=server, **access)


def wait_for_lines(log: Path, action: str) -> list[str]:
    """The log is written by a thread of its own."""
    for _ in range(500):
        lines = log.read_text().splitlines() if log.exists() else []
        if any(f'"action":"{action}"' in line.replace(" ", "") for line in lines):
            return lines
        time.sleep(0.02)
    raise AssertionError(lines)


def exchange(here: Any, token: str, **fields: str) -> Any:
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": JWT, **fields}
    return here.call("POST", "/auth/oidc/exchange", data=form)


def test_an_exchange(here: Any, issuer: Issuer) -> None:
    answer = exchange(here, issuer.token(**GOOD))
    body = answer.json()
    assert answer.status_code == 200, body
    assert answer.headers["Cache-Control"] == "no-store"
    assert (body["issued_token_type"], body["token_type"]) == (JWT, "Bearer")
    assert 0 < body["expires_in"] <= 300  # not longer than what it was got with
    workload = here.bearing(body["access_token"])
    workload.push_image("v1", "acme/app")
    assert workload.get_manifest("v1", "acme/app").status_code == 200
    assert workload.call("POST", "/v2/other/app/blobs/uploads/").status_code == 403
    assert workload.call("DELETE", "/v2/acme/app/manifests/v1").status_code == 403
    # It gets no further tokens, and no longer ones.
    assert workload.call("GET", "/auth/token?scope=repository:acme/app:pull").status_code == 401


def test_the_audit_log_says_which_run_it_was(site: Any, issuer: Issuer, helpers: Any, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    here = start(site, issuer, helpers, server={"observing": ObservingConfig(audit_log=str(log))})
    token = exchange(here, issuer.token(**GOOD, run_id=77)).json()["access_token"]
    here.bearing(token).push_image("v1", "acme/app")
    lines = [json.loads(line) for line in wait_for_lines(log, "tag")]
    assert {line["action"] for line in lines} >= {"push", "tag"}
    for line in lines:
        assert line["kind"] == "workload"
        assert line["claims"]["run_id"] == "77"
        assert line["claims"]["ref"] == GOOD["ref"]
        assert token not in str(line)


def test_an_exchange_for_less(here: Any, issuer: Issuer) -> None:
    scope = "repository:acme/app:pull,delete repository:other:pull"
    body = exchange(here, issuer.token(**GOOD), scope=scope).json()
    assert body["scope"] == "repository:acme/app:pull"
    workload = here.bearing(body["access_token"])
    assert workload.call("POST", "/v2/acme/app/blobs/uploads/").status_code == 401


def test_json_is_taken_as_well(here: Any, issuer: Issuer) -> None:
    form = {"grant_type": EXCHANGE, "subject_token": issuer.token(**GOOD), "subject_token_type": JWT}
    assert here.call("POST", "/auth/oidc/exchange", json=form).status_code == 200


@pytest.mark.parametrize("jti", ["given", None])
def test_nothing_is_exchanged_twice(here: Any, issuer: Issuer, jti: str | None) -> None:
    token = issuer.token(**GOOD, jti=jti)
    assert exchange(here, token).status_code == 200
    answer = exchange(here, token)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    if jti is not None:  # the same, said in another way
        assert exchange(here, issuer.token(**GOOD, jti=jti, other="claim")).status_code == 400


def test_the_token_endpoint_takes_it_until_it_ends(here: Any, issuer: Issuer) -> None:
    token = issuer.token(**GOOD, exp=int(time.time()) + 100)
    for _ in range(3):
        answer = here.call("GET", "/auth/token?scope=repository:acme/app:pull,push", auth=("oidc", token))
        assert answer.status_code == 200
        assert answer.json()["expires_in"] <= 100
        assert "refresh_token" not in answer.json()
    offline = {"grant_type": "password", "username": "oidc", "password": token, "access_type": "offline"}
    assert "refresh_token" not in here.call("POST", "/auth/token", data=offline).json()
    workload = here.bearing(answer.json()["token"])
    workload.push_image("v1", "acme/app")
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    assert claims["sub"] == f"{issuer.url}#{GOOD['sub']}"
    direct = here.as_user("oidc", token)
    assert direct.get_manifest("v1", "acme/app").status_code == 200
    assert exchange(here, token).status_code == 200


def refused(here: Any, token: str) -> bool:
    answer = exchange(here, token)
    login = here.call("GET", "/auth/token", auth=("oidc", token))
    assert (answer.status_code, login.status_code) in {(200, 200), (400, 401)}, (answer.text, login.text)
    return answer.status_code == 400


FOREIGN = [
    {"repository_id": "12345"},
    {"repository_id": "0"},
    {"repository_id": None},
    {"repository_id": True},
    {"repository_id": []},
    {"repository_id": ["1", "2"]},
    {"repository_id": {"a": "1234"}},
    {"ref": "refs/heads/main"},
    {"ref": "refs/tags/v1/x"},
    {"sub": "repo:evil/app"},
    {"sub": "repo:acme/" + "x" * 1000},
    {"sub": None},
    {"aud": "another"},
    {"aud": None},
    {"iss": "https://another.example"},
    {"iss": None},
    {"exp": None},
    {"iat": None},
    {"exp": 1},
    {"exp": int(time.time()) + 10 * 24 * 3600},
    {"nbf": int(time.time()) + 3600},
]
"""Claims of tokens that are nobody's here."""


def test_claims_that_are_nobodys(site: Any, issuer: Issuer, helpers: Any) -> None:
    here = start(site, issuer, helpers, failures_per_minute=0.0)
    assert not refused(here, issuer.token(**GOOD))
    for changed in FOREIGN:
        assert refused(here, issuer.token(**{**GOOD, **changed})), changed


@pytest.mark.parametrize("value", [1234, ["1", "1234"]])
def test_claims_that_are_not_texts(here: Any, issuer: Issuer, value: Any) -> None:
    assert not refused(here, issuer.token(**{**GOOD, "repository_id": value}))


def test_signatures_that_are_not_the_issuers(site: Any, issuer: Issuer, helpers: Any) -> None:
    here = start(site, issuer, helpers, failures_per_minute=0.0)
    good = issuer.token(**GOOD)
    assert not refused(here, good)
    other = Issuer().private
    assert refused(here, issuer.token(key=other, **GOOD))
    assert refused(here, issuer.token(key=other_key(), algorithm="RS256", **GOOD))
    assert refused(here, issuer.token(key="x" * 40, algorithm="HS256", **GOOD))
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(other.public_key(), as_dict=True)
    assert refused(here, issuer.token(key=other, headers={"jwk": jwk}, **GOOD))
    assert refused(here, unsigned(jwt.decode(good, options={"verify_signature": False})))
    assert refused(here, good[:-4] + "AAAA")
    assert refused(here, "eyJ.eyJ.x")
    assert refused(here, "eyJ" + "x" * 20_000 + "..")


def test_a_publisher_is_of_one_issuer_whatever_another_claims(site: Any, issuer: Issuer, helpers: Any) -> None:
    with serving_issuer() as other:
        here = start(site, issuer, helpers, issuers=tuple(IssuerConfig(each.url, AUDIENCE) for each in (issuer, other)))
        assert not refused(here, issuer.token(**GOOD))
        assert exchange(here, other.token(**GOOD)).json()["reason"] == "publisher"
        assert refused(here, other.token(**GOOD, iss=issuer.url))


def test_who_signs_in_a_way_that_is_not_taken_makes_nobody_ask_for_keys(here: Any, issuer: Issuer) -> None:
    assert refused(here, unsigned({"iss": issuer.url, "sub": "a"}))
    assert refused(here, issuer.token(key="x" * 40, algorithm="HS256", **GOOD))
    assert issuer.server.asked == []


def test_keys_are_looked_up_again_when_there_is_a_new_one(
    site: Any, issuer: Issuer, helpers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.server.access.oidc._AGAIN_SECONDS", 0.3)
    here = start(site, issuer, helpers)
    assert not refused(here, issuer.token(**GOOD))
    old = issuer.token(**GOOD)
    issuer.rotate()
    new = issuer.token(**GOOD)
    time.sleep(0.4)
    assert not refused(here, new)
    assert refused(here, old)
    fetched = [asked.path for asked in issuer.server.asked]
    assert fetched.count("/jwks") == 2


def test_unknown_keys_do_not_make_it_ask_each_time(site: Any, issuer: Issuer, helpers: Any) -> None:
    here = start(site, issuer, helpers, failures_per_minute=0.0)
    for number in range(5):
        assert refused(here, issuer.token(headers={"kid": f"unknown-{number}"}, **GOOD))
    assert [asked.path for asked in issuer.server.asked].count("/jwks") == 1


def test_an_issuer_that_is_away_takes_no_keys_along(
    site: Any, issuer: Issuer, helpers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or whoever makes up a key could keep everybody out for as long as its issuer has an outage."""
    monkeypatch.setattr("registry.server.access.oidc._AGAIN_SECONDS", 0.0)
    monkeypatch.setattr("registry.server.access.oidc._SOON_SECONDS", 0.0)
    here = start(site, issuer, helpers, failures_per_minute=0.0)
    assert not refused(here, issuer.token(**GOOD))
    issuer.extra["/jwks"] = Answer(503)
    for _ in range(2):
        assert refused(here, issuer.token(headers={"kid": "unknown"}, **GOOD))
        assert not refused(here, issuer.token(**GOOD))
    monkeypatch.setattr("registry.server.access.oidc._KEYS_SECONDS", 0.0)  # and now theirs is over
    assert refused(here, issuer.token(**GOOD))
    del issuer.extra["/jwks"]
    monkeypatch.setattr("registry.server.access.oidc._KEYS_SECONDS", 3600.0)
    assert not refused(here, issuer.token(**GOOD))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(200, b"no json"),
        Answer(200, b"[]"),
        Answer(200, b"[" * 5000),
        Answer(200, json.dumps({"issuer": "https://another.example", "jwks_uri": "https://x"}).encode()),
        Answer(302, b"", {"Location": "/jwks"}),
        Answer(200, b" " * 2_000_000),
    ],
)
def test_issuers_that_do_not_say_their_keys(here: Any, issuer: Issuer, answer: Answer) -> None:
    issuer.extra["/.well-known/openid-configuration"] = answer
    assert refused(here, issuer.token(**GOOD))


@pytest.mark.parametrize(
    "keys", [None, [1], [{}], [{"kid": "k", "kty": "EC"}], [{"kid": "k", "kty": "oct", "k": "AAAA"}]]
)
def test_keys_that_are_none(here: Any, issuer: Issuer, keys: Any) -> None:
    issuer.extra["/jwks"] = Answer(200, json.dumps({"keys": keys}).encode())
    assert refused(here, issuer.token(**GOOD))
    assert refused(here, issuer.token(key="x" * 40, algorithm="HS256", headers={"kid": "k"}, **GOOD))


def test_keys_for_something_else(here: Any, issuer: Issuer) -> None:
    """One that is for encryption, and one for an algorithm that is not taken."""
    private, good = other_key(), issuer.jwks()
    rsa_key = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    keys = [{**good["keys"][0], "use": "enc"}, {**rsa_key, "kid": "pss", "alg": "PS256"}]
    issuer.extra["/jwks"] = Answer(200, json.dumps({"keys": keys}).encode())
    assert refused(here, issuer.token(**GOOD))
    assert refused(here, issuer.token(key=private, algorithm="PS256", headers={"kid": "pss"}, **GOOD))


@pytest.mark.parametrize(("status", "named"), [(200, "https://another.example"), (404, None)])
def test_a_document_that_is_not_the_issuers_word(here: Any, issuer: Issuer, status: int, named: str | None) -> None:
    document = {"issuer": named or issuer.url, "jwks_uri": f"{issuer.url}/jwks"}
    issuer.extra["/.well-known/openid-configuration"] = Answer(status, json.dumps(document).encode())
    assert refused(here, issuer.token(**GOOD))


def test_an_issuer_inside_is_reached_only_when_that_is_allowed(
    site: Any, issuer: Issuer, helpers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    here = start(site, issuer, helpers, egress_allow=())
    answer = exchange(here, issuer.token(**GOOD))
    assert answer.status_code == 400
    assert answer.json()["error_description"] == "the keys of the issuer cannot be had"
    assert "127.0.0.1" not in answer.text
    assert "127.0.0.1, which is not a public address" in caplog.text  # the operator is told why
    assert issuer.server.asked == []


def test_keys_without_a_discovery_document(site: Any, issuer: Issuer, helpers: Any) -> None:
    here = start(site, issuer, helpers, issuers=(IssuerConfig(issuer.url, AUDIENCE, f"{issuer.url}/jwks"),))
    assert not refused(here, issuer.token(**GOOD))
    assert [asked.path for asked in issuer.server.asked] == ["/jwks"]


@pytest.mark.parametrize(
    "fields", [{"grant_type": "password"}, {"subject_token_type": "x"}, {"subject_token": ""}, {"subject_token": "x"}]
)
def test_exchanges_that_are_none(here: Any, issuer: Issuer, fields: dict[str, str]) -> None:
    answer = exchange(here, issuer.token(**GOOD), **fields)
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_request", "invalid_grant"}
    assert answer.json()["errors"]


def test_who_takes_such_tokens_says_so_in_every_challenge(site: Any, issuer: Issuer, helpers: Any) -> None:
    here = start(site, issuer, helpers)
    asked = [
        ("GET", "/v2/"),
        ("POST", "/v2/acme/app/blobs/uploads/"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/acme/x/tags/list"),
    ]
    for method, path in asked:
        said = here.call(method, path).headers["WWW-Authenticate"]
        assert 'exchange="/auth/oidc/exchange"' in said, path
    narrow = exchange(here, issuer.token(**GOOD), scope="repository:acme/app:pull").json()["access_token"]
    answer = here.bearing(narrow).call("POST", "/v2/acme/app/blobs/uploads/")
    assert 'exchange="/auth/oidc/exchange"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://another.example"}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"exp": 1}, "expired"),
        ({"ref": "refs/heads/main"}, "publisher"),
        ({"nbf": int(time.time()) + 3600}, "invalid"),
    ],
)
def test_a_refusal_has_a_reason_for_programs(here: Any, issuer: Issuer, changed: Any, reason: str) -> None:
    answer = exchange(here, issuer.token(**{**GOOD, **changed}))
    assert (answer.status_code, answer.json()["error"], answer.json()["reason"]) == (400, "invalid_grant", reason)
    assert issuer.url not in answer.text


def test_a_second_exchange_has_its_own_reason(here: Any, issuer: Issuer) -> None:
    token = issuer.token(**GOOD)
    assert "reason" not in exchange(here, token).json()
    assert exchange(here, token).json()["reason"] == "used"
    late = exchange(here, issuer.token(**GOOD, exp=int(time.time()) - 5))
    assert (late.status_code, late.json()["reason"]) == (400, "expired")


def test_what_was_believed_is_said_and_written_down(site: Any, issuer: Issuer, helpers: Any, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    here = start(site, issuer, helpers, server={"observing": ObservingConfig(audit_log=str(log))})
    token = issuer.token(**GOOD, workflow="a\x1b[31m\u202eb", actor="x" * 5000, secret="not one that is remembered")
    said = exchange(here, token, scope="repository:acme/app:pull,delete").json()
    assert said["claims"]["ref"] == GOOD["ref"]
    assert said["claims"]["workflow"] == "a\\x1b[31m\\u202eb"
    assert len(said["claims"]["actor"]) < 300
    assert "secret" not in said["claims"]
    scope = "repository:acme/app:pull,push"
    again = here.call("GET", f"/auth/token?scope={scope}", auth=("oidc", token)).json()
    assert again["claims"] == said["claims"]
    assert "claims" not in here.token("repository:acme/app:pull", user="root")  # only what was believed of a workload
    for _ in range(100):
        lines = [json.loads(line) for line in wait_for_lines(log, "exchange") if line.endswith("}")]
        if len(lines) == 2:
            break
        time.sleep(0.02)
    assert [line["scope"] for line in lines] == ["repository:acme/app:pull", scope]
    for line in lines:
        assert (line["kind"], line["groups"], line["client"]) == ("workload", ["app"], "127.0.0.1")
        assert line["request"]
        assert line["claims"] == said["claims"]
    written = log.read_text()
    assert not any(secret in written for secret in (token, said["access_token"], again["token"]))


STRANGE = [
    *({"exp": value} for value in ("soon", [1], {}, True, 10**400, 1e308, float("inf"), float("nan"))),
    {"exp": str(int(time.time()) + 300)},
    *({"iat": value} for value in ("now", [], True, float("-inf"), -(10**400), int(time.time()) + 3600)),
    {"iat": str(int(time.time()))},
    *({"nbf": value} for value in ({}, "now", float("nan"))),
    *({"sub": value} for value in (7, ["repo:acme/app"])),
    *({"aud": value} for value in (7, {}, [], [7, AUDIENCE], [[AUDIENCE]], f"{AUDIENCE} ", f"*{AUDIENCE}")),
    *({"jti": value} for value in (7, ["x"])),
    *({"repository_id": value} for value in ("*", "1234\n", "12?4", 10**4000)),
    {"ref": "refs/tags/v1\n/x"},
]
"""Claims that an issuer may sign all the same."""

ODD = [
    {"sub": "repo:acme/\ud800"},
    {"sub": "repo:acme/\n\0"},
    {"jti": "\ud800"},
    {"actor": "\ud800\0"},
    {"actor": [[]]},
]


def test_claims_of_another_kind_are_refused_and_are_no_fault_of_ours(site: Any, issuer: Issuer, helpers: Any) -> None:
    here = start(site, issuer, helpers, failures_per_minute=0.0)
    for changed in STRANGE:
        assert refused(here, issuer.token(**{**GOOD, **changed})), changed
    for changed in ODD:
        assert not refused(here, issuer.token(**{**GOOD, **changed})), changed
    assert refused(here, unsigned({**GOOD, "iss": ["x"]}))
    assert exchange(here, issuer.token(**GOOD, actor="x" * 20_000)).status_code == 400

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.server.access import tokens
from registry.server.access.accounts import set_password
from registry.server.access.passwords import hash_password
from registry.server.access.rules import add_rule, parse_rule, remove_rule
from registry.server.access.signing_keys import list_keys, rotate_key
from tests.server.access.issuer import unsigned
from tests.server.access.starting import Shared, started

PULL = "repository:team/app:pull"
BOTH = "repository:team/app:pull,push"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, tools: Any, helpers: Any) -> Iterator[Shared]:
    rules = [
        helpers.rule("team/*", "user:ada", "pull", "push"),
        helpers.rule("public/*", "everyone", "pull"),
    ]
    with started(tmp_path_factory.mktemp("tokens"), tools, helpers, *rules, failures_per_minute=0.0) as here:
        yield here


def ask(here: Any, *scopes: str, user: str | None = "ada", **query: str) -> Any:
    return here.call("GET", "/auth/token", user, params={"scope": list(scopes), **query})


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_the_shape_of_a_token(shared: Any) -> None:
    answer = ask(shared, BOTH, service="wasmbuild", client_id="docker", account="ada")
    body = answer.json()
    assert set(body) == {"token", "access_token", "expires_in", "issued_at"}
    assert body["token"] == body["access_token"]
    assert body["expires_in"] == 300
    assert answer.headers["Cache-Control"] == "no-store"
    header, found = jwt.get_unverified_header(body["token"]), claims(body["token"])
    assert header["alg"] == "EdDSA"
    assert set(header) == {"alg", "kid", "typ"}
    assert (found["iss"], found["aud"], found["sub"]) == ("wasmbuild", "wasmbuild", "ada")
    assert found["exp"] - found["iat"] == 300
    assert found["nbf"] <= time.time()
    assert found["access"] == [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}]
    assert found["jti"] != claims(ask(shared, BOTH).json()["token"])["jti"]


def test_the_rest_of_what_is_asked_is_left_out(shared: Any) -> None:
    token = ask(shared, "repository:team/app:pull,delete", "repository:other:pull", "thing:x:y").json()["token"]
    assert claims(token)["access"] == [{"type": "repository", "name": "team/app", "actions": ["pull"]}]
    nobody = ask(shared, "repository:public/app:pull,push repository:team/app:pull", user=None).json()["token"]
    assert claims(nobody)["access"] == [{"type": "repository", "name": "public/app", "actions": ["pull"]}]
    assert claims(nobody)["sub"] == "anonymous"
    assert claims(ask(shared).json()["token"])["access"] == []


def test_public_pulls_with_an_anonymous_token(shared: Any) -> None:
    shared.api.session.auth = ("root", shared.helpers.password)
    shared.api.push_image("v1", "public/app")
    shared.api.session.auth = None
    nobody = shared.bearing(ask(shared, "repository:public/app:pull", user=None).json()["token"])
    assert nobody.get_manifest("v1", "public/app").status_code == 200
    assert nobody.call("GET", "/v2/").status_code == 200
    assert nobody.get_manifest("v1", "team/app").status_code == 401
    assert nobody.call("POST", "/v2/public/app/blobs/uploads/").status_code == 401


@pytest.mark.parametrize("query", ["scope=x", "scope=repository:a", "service=other"])
def test_what_cannot_be_asked(shared: Any, tools: Any, query: str) -> None:
    answer = shared.call("GET", f"/auth/token?{query}", "ada")
    assert answer.status_code == 400
    assert tools.codes(answer) == ["UNSUPPORTED"]


def form(here: Any, **fields: str) -> Any:
    return here.call("POST", "/auth/token", data=fields)


def test_the_form_of_oauth(shared: Any) -> None:
    given = {"grant_type": "password", "username": "ada", "password": shared.helpers.password, "client_id": "x"}
    body = form(shared, **given, service="wasmbuild", scope=f"{PULL} repository:team/b:push").json()
    assert [entry["name"] for entry in claims(body["access_token"])["access"]] == ["team/app", "team/b"]
    assert "refresh_token" not in body
    refresh = form(shared, **given, access_type="offline").json()["refresh_token"]
    again = form(shared, grant_type="refresh_token", refresh_token=refresh, scope=PULL).json()
    assert again["refresh_token"] == refresh
    assert claims(again["access_token"])["access"][0]["name"] == "team/app"


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"grant_type": "password", "username": "ada", "password": "wrong"}, 401, "invalid_grant"),
        ({"grant_type": "password"}, 401, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 401, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 43}, 401, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 9999}, 401, "invalid_grant"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({}, 400, "unsupported_grant_type"),
    ],
)
def test_forms_that_are_refused(shared: Any, fields: dict[str, str], status: int, error: str) -> None:
    answer = form(shared, **fields)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["errors"][0]["code"] == ("UNAUTHORIZED" if status == 401 else "UNSUPPORTED")
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"grant_type=password&grant_type=password", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=" % n for n in range(200)), 400),
        ("application/x-www-form-urlencoded", b"\xff", 400),
        ("application/json", b"[" * 10_000, 400),
        ("application/json", b'{"grant_type": 1}', 400),
        ("application/json", b'{"grant_type": "password", "username": "ada", "password": "\\ud800"}', 400),
        ("application/json", b'{"grant_type": "client_credentials", "grant_type": "password"}', 400),
        ("application/json", b"[]", 400),
        ("application/x-www-form-urlencoded", b"a" * 70_000, 413),
    ],
)
def test_bodies_that_are_no_forms(shared: Any, content_type: str, body: bytes, status: int) -> None:
    answer = shared.call("POST", "/auth/token", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert answer.json()["errors"]


def test_a_refresh_token_ends_with_its_password(site: Any) -> None:
    here = site()
    here.add_account("ada")
    refresh = here.token(user="ada", offline_token="true")["refresh_token"]
    assert form(here, grant_type="refresh_token", refresh_token=refresh).status_code == 200
    assert refresh.encode() not in b"".join(path.read_bytes() for path in here.data.glob("registry.db*"))
    hashed = hash_password("another horse")
    here.change(lambda connection: set_password(connection, "ada", hashed))
    assert form(here, grant_type="refresh_token", refresh_token=refresh).status_code == 401


def test_a_refresh_token_ends(site: Any) -> None:
    here = site(refresh_lifetime=0.0)
    refresh = here.token(user="root", offline_token="true")["refresh_token"]
    assert form(here, grant_type="refresh_token", refresh_token=refresh).status_code == 401
    # ... and opens nothing else
    assert here.call("GET", "/v2/", headers={"Authorization": f"Bearer {refresh}"}).status_code == 401
    assert here.call("GET", "/v2/", auth=("root", refresh)).status_code == 401


def test_a_token_is_not_got_with_a_token(shared: Any) -> None:
    token = ask(shared, PULL).json()["token"]
    answer = shared.call("GET", f"/auth/token?scope={BOTH}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert shared.call("GET", "/v2/", auth=("ada", token)).status_code == 401


def test_a_token_for_less_is_sent_back_for_more(shared: Any) -> None:
    ada = shared.bearing(ask(shared, PULL).json()["token"])
    answer = ada.call("POST", "/v2/team/app/blobs/uploads/")
    assert answer.status_code == 401
    assert 'scope="repository:team/app:pull,push",error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert ada.call("POST", "/v2/other/blobs/uploads/").status_code == 403  # no token would help
    answer = ada.call("GET", "/v2/_catalog")
    assert answer.status_code == 401
    assert 'scope="registry:catalog:*"' in answer.headers["WWW-Authenticate"]


def test_who_mounts_is_told_to_ask_for_both(shared: Any) -> None:
    path = f"/v2/team/app/blobs/uploads/?mount=sha256:{'0' * 64}"
    scope = shared.call("POST", f"{path}&from=team/b").headers["WWW-Authenticate"].split('scope="')[1]
    assert scope == 'repository:team/app:pull,push repository:team/b:pull"'
    for query in ("", "&from=", "&from=A%22B", "&from=../b"):
        answer = shared.call("POST", path + query)
        assert answer.headers["WWW-Authenticate"].endswith('scope="repository:team/app:pull,push"')


def test_a_token_for_the_target_alone_is_sent_back_by_a_mount(shared: Any) -> None:
    path = f"/v2/team/app/blobs/uploads/?mount=sha256:{'0' * 64}"
    ada = shared.bearing(ask(shared, BOTH).json()["token"])
    answer = ada.call("POST", f"{path}&from=team/b")
    assert answer.status_code == 401
    scope = 'scope="repository:team/app:pull,push repository:team/b:pull",error="insufficient_scope"'
    assert scope in answer.headers["WWW-Authenticate"]
    assert ada.call("POST", f"{path}&from=other").status_code == 202  # no token would help: it is uploaded
    both = shared.bearing(ask(shared, BOTH, "repository:team/b:pull").json()["token"])
    assert both.call("POST", f"{path}&from=team/b").status_code == 202


def test_the_rules_of_the_moment_decide(site: Any, helpers: Any) -> None:
    here = site(users=("ada",))
    key = here.change(lambda connection: add_rule(connection, parse_rule("team/*", "user:ada", ["pull", "push"])))
    ada = here.bearing(here.token(BOTH, user="ada")["token"])
    place = ada.begin("team/app")
    assert ada.call("PATCH", place, data=b"half").status_code == 202
    here.change(lambda connection: remove_rule(connection, key))
    assert ada.call("PATCH", place, data=b"rest").status_code == 403
    assert ada.call("POST", "/v2/team/app/blobs/uploads/").status_code == 403
    here.change(lambda connection: add_rule(connection, parse_rule("team/*", "user:ada", ["push"])))
    assert ada.call("PATCH", place, data=b"rest").status_code == 202


def key_of(here: Any) -> tuple[str, Ed25519PrivateKey]:
    found = here.helpers.change(here.data, list_keys)[0]
    private = serialization.load_pem_private_key(found.private.encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    assert found.private not in repr(found)
    return found.id, private


def forged(here: Any, *, key: Any = None, kid: Any = "", headers: Any = None, **other: Any) -> str:
    """What our own token would be, but for what is given; None leaves a claim out."""
    identifier, private = key_of(here)
    now = int(time.time())
    body = {
        "iss": "wasmbuild",
        "aud": "wasmbuild",
        "sub": "root",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "jti": "x",
        "kind": "user",
        "groups": [],
        **other,
    }
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(body, key or private, "EdDSA", {"kid": identifier if kid == "" else kid, **(headers or {})})


def works(here: Any, token: str) -> bool:
    status = here.bearing(token).call("GET", "/v2/").status_code
    assert status in {200, 401}
    return status == 200


def test_forging_is_done_right_here(shared: Any) -> None:
    ask(shared, PULL)
    assert works(shared, forged(shared))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another"},
        {"aud": "another"},
        {"aud": ["wasmbuild", "another"]},
        {"exp": 1},
        {"exp": int(time.time()) - 60},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"iat": None},
        {"nbf": None},
        {"exp": None},
        {"jti": None},
        {"sub": None},
        {"iss": None},
        {"aud": None},
        {"exp": "soon"},
        {"kid": "f" * 32},
        {"kid": "../../key"},
    ],
)
def test_tokens_that_are_not_for_us(shared: Any, changed: Any) -> None:
    ask(shared, PULL)
    assert not works(shared, forged(shared, **changed))


def test_a_key_of_ones_own_in_the_header(shared: Any) -> None:
    """CVE-2025-24976: a header must not bring the key that it is checked with."""
    ask(shared, PULL)
    own = Ed25519PrivateKey.generate()
    raw = own.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}
    for headers in ({"jwk": jwk}, {"jku": "http://127.0.0.1:1/"}, {"x5c": ["AAAA"]}, {"x5u": "http://127.0.0.1:1/"}):
        assert not works(shared, forged(shared, key=own, headers=headers))
    assert not works(shared, forged(shared, key=own))
    assert works(shared, forged(shared, headers={"jwk": jwk}))  # not read at all


def test_other_algorithms(shared: Any) -> None:
    ask(shared, PULL)
    identifier, private = key_of(shared)
    good = forged(shared)
    body = claims(good)
    assert not works(shared, unsigned(body))
    assert not works(shared, good.rpartition(".")[0] + ".")
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": identifier}).encode()).rstrip(b"=")
    signed = header + b"." + good.split(".")[1].encode()
    for secret in (public, public.strip()):
        signature = base64.urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")
        assert not works(shared, (signed + b"." + signature).decode())


@pytest.mark.parametrize("text", ["..", "a.b.c", "e30.e30.", "x" * 20_000, "e30.e30.e30", "🦀"])
def test_texts_that_are_no_tokens(shared: Any, text: str) -> None:
    answer = shared.call("GET", "/v2/", headers={"Authorization": b"Bearer " + text.encode()})
    assert answer.status_code == 401


def test_a_token_ends_although_it_was_seen_before(site: Any) -> None:
    here = site(token_lifetime=1.0)
    root = here.bearing(here.token(user="root")["token"])
    assert root.call("GET", "/v2/").status_code == 200
    time.sleep(1.2)
    answer = root.call("GET", "/v2/team/app/manifests/v1")
    assert answer.status_code == 401
    assert 'scope="repository:team/app:pull",error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_keys_are_rotated_while_the_server_runs(site: Any) -> None:
    here = site()
    old = here.token(user="root")["token"]
    here.change(lambda connection: rotate_key(connection, keep=3600.0))
    time.sleep(1.1)
    here.helpers = type("Helpers", (), {"change": staticmethod(lambda _, work: here.change(work))})
    assert works(here, forged(here))  # a kid that it has not seen makes it look again
    assert works(here, old)
    assert jwt.get_unverified_header(here.token(user="root")["token"])["kid"] == key_of(here)[0]
    here.change(lambda connection: rotate_key(connection, keep=-1.0))
    assert len(here.change(list_keys)) == 1


def test_a_key_that_was_removed_is_good_for_nothing(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever had it may have come before, with a token that never ends."""
    here = site()
    old = here.token(user="root")["token"]
    assert works(here, old)
    monkeypatch.setattr(tokens, "_KEYS_SECONDS", -1.0)
    assert works(here, old)
    here.change(lambda connection: rotate_key(connection, keep=-1.0))
    assert not works(here, old)

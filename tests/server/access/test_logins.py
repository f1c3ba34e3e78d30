import base64
import time
from pathlib import Path
from typing import Any

import pytest

from registry.errors import InvalidConfiguration
from registry.server.access import passwords
from registry.server.access.accounts import disable_user, list_users, set_password
from registry.server.access.api_tokens import issue_token, list_tokens, revoke_token
from registry.server.access.htpasswd import parse_htpasswd
from registry.server.access.passwords import hash_password
from registry.server.access.rules import parse_grant

LONG = "x" * 72
HASH = "$2b$04$0123456789abcdefghijkuJBaJN7kVimEf/chYXLbfaXAOztPSKcm"


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def status(site: Any, **options: Any) -> int:
    return site.call("GET", "/v2/", **options).status_code


def test_ping_always_challenges(site: Any, tools: Any) -> None:
    here = site()
    answer = here.call("GET", "/v2/")
    assert answer.status_code == 401
    assert tools.codes(answer) == ["UNAUTHORIZED"]
    realm = f'Bearer realm="http://{here.address}/auth/token",service="wasmbuild"'
    assert answer.headers["WWW-Authenticate"] == realm
    assert status(here, user="root") == 200


@pytest.mark.parametrize("cost", [4, 5])
def test_nobodys_password_costs_as_much_as_that_of_a_user(
    tmp_path: Path, site: Any, helpers: Any, monkeypatch: pytest.MonkeyPatch, cost: int
) -> None:
    """How long the answer takes must not tell who is in the file."""
    seen: list[str] = []
    monkeypatch.setattr(passwords, "_verify", lambda _, stored: seen.append(stored))
    users = tmp_path / "costly"
    users.write_text(helpers.htpasswd_line("root") + f"ada:{HASH.replace('04', f'{cost:02}', 1)}\n")
    here = site(htpasswd=users)
    for name in ("ada", "nobody", "no such name"):
        assert status(here, headers=basic(f"{name}:wrong")) == 401
    assert [stored[:7] for stored in seen] == [f"$2b${cost:02}$"] * 3
    assert [len(stored) for stored in seen] == [60] * 3


@pytest.mark.parametrize(
    "headers",
    [
        basic("root:wrong"),
        basic("nobody:correct horse"),
        basic("root"),
        basic("root:"),
        basic(":"),
        basic("root:" + "x" * 20_000),
        basic("a\0b:correct horse"),
        basic("local:x"),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic"},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer wbt_x"},
        {"Authorization": "Digest username=root"},
        {"Authorization": b"Basic \xff\xfe"},
    ],
)
@pytest.mark.parametrize("path", ["/v2/", "/v2/public/app/manifests/v1", "/auth/token?scope=repository:a:pull"])
def test_wrong_credentials_are_refused_everywhere(shared: Any, tools: Any, headers: dict[str, Any], path: str) -> None:
    answer = shared.call("GET", path, headers=headers)
    assert answer.status_code == 401
    assert tools.codes(answer) == ["UNAUTHORIZED"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert "correct horse" not in answer.text


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, tools: Any, helpers: Any) -> Any:
    from tests.server.access.starting import started

    folder = tmp_path_factory.mktemp("logins")
    with started(folder, tools, helpers, failures_per_minute=0.0) as here:
        yield here


def test_two_authorizations_are_one_too_many(site: Any) -> None:
    import http.client

    here = site()
    connection = http.client.HTTPConnection(here.address, timeout=10)
    connection.putrequest("GET", "/v2/")
    for _ in range(2):
        connection.putheader("Authorization", basic("root:correct horse")["Authorization"])
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_bcrypt_sees_72_bytes_and_more_are_a_clean_refusal(site: Any, helpers: Any, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(helpers.htpasswd_line("root", LONG))
    here = site(htpasswd=users)
    assert status(here, auth=("root", LONG)) == 200
    answer = here.call("GET", "/v2/", auth=("root", LONG + "y"))
    assert answer.status_code == 401
    assert "72 bytes" in answer.text


def test_a_long_password_of_an_account(site: Any) -> None:
    here = site()
    here.add_account("ada", LONG * 2)
    assert status(here, auth=("ada", LONG * 2)) == 200
    assert status(here, auth=("ada", LONG)) == 401


def test_another_password_is_needed_at_once(site: Any) -> None:
    here = site(users=())
    here.add_account("ada")
    assert status(here, user="ada") == 200
    hashed = hash_password("another horse")
    here.change(lambda connection: set_password(connection, "ada", hashed))
    assert status(here, user="ada") == 401
    assert status(here, auth=("ada", "another horse")) == 200
    here.change(lambda connection: disable_user(connection, "ada"))
    assert status(here, auth=("ada", "another horse")) == 401


def test_a_disabled_account_disables_the_user_of_the_file(site: Any) -> None:
    here = site(users=("ada",))
    here.add_account("ada", "of the database")
    assert status(here, user="ada") == 200
    assert status(here, auth=("ada", "of the database")) == 401  # the file comes first
    here.change(lambda connection: disable_user(connection, "ada"))
    assert status(here, user="ada") == 401


def test_the_file_is_read_again(site: Any, helpers: Any, tmp_path: Path) -> None:
    here = site(users=("ada",))
    users = tmp_path / "htpasswd"
    assert status(here, user="ada") == 200
    users.write_text(helpers.htpasswd_line("root") + helpers.htpasswd_line("bob"))
    assert status(here, user="ada") == 401
    assert status(here, user="bob") == 200
    users.write_text("bob:plain\n")
    assert status(here, user="bob") == 200  # a mistake in the file changes nothing
    users.unlink()
    assert status(here, user="bob") == 200


def test_who_is_gone_from_the_file_may_do_nothing_with_a_token(site: Any, helpers: Any, tmp_path: Path) -> None:
    here = site(helpers.rule("**", "users", "pull", "push"), users=("ada",))
    here.as_user("ada").push_image("v1", "team/app")
    ada = here.bearing(here.token("repository:team/app:pull", user="ada")["token"])
    assert ada.get_manifest("v1", "team/app").status_code == 200
    (tmp_path / "htpasswd").write_text(helpers.htpasswd_line("root"))
    assert ada.get_manifest("v1", "team/app").status_code == 403


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ada:$apr1$x$y", "MD5"),
        ("ada:{SHA}abc", "SHA-1"),
        ("ada:plain-secret", "something else"),
        ("ada", "something else"),
        (f"ada:{HASH}x", "bcrypt"),
        (f"ada:{HASH.replace('$04$', '$31$')}", "bcrypt"),
        (f"ada:{HASH}\nada:{HASH}", "twice"),
        (f"a b:{HASH}", "name"),
        (f"local:{HASH}", "name"),
        (f":{HASH}", "name"),
    ],
)
def test_files_that_are_none(text: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_htpasswd(text, "users")
    failure = caught.value
    words = f"{failure.what} {failure.cause}"
    assert said in words
    assert "line" in words
    assert "secret" not in words
    assert HASH not in words


def test_comments_and_the_kinds_of_bcrypt() -> None:
    text = "".join(f"u{kind}:{HASH.replace('2b', '2' + kind)}\n" for kind in "aby")
    assert set(parse_htpasswd(f"# users\n\n{text}", "users")) == {"ua", "ub", "uy"}


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, "wbt_0123456789"])
def test_no_passwords(password: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        hash_password(password)
    assert not password or password not in str(caught.value).replace("wbt_", "")


def test_too_many_wrong_passwords(site: Any, tools: Any) -> None:
    here = site(failures_per_minute=3.0)
    assert status(here, user="root") == 200
    assert [status(here, auth=("root", "wrong")) for _ in range(3)] == [401] * 3
    answer = here.call("GET", "/v2/", auth=("root", "wrong"))
    assert answer.status_code == 429
    assert tools.codes(answer) == ["TOOMANYREQUESTS"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 20
    assert status(here, user="root") == 200  # who was right a while ago is not kept out
    assert here.token("repository:a:pull")["token"]


def test_wrong_passwords_wait(site: Any) -> None:
    here = site(fail_delay=0.4)
    begun = time.monotonic()
    assert status(here, auth=("root", "wrong")) == 401
    assert time.monotonic() - begun >= 0.4


def test_api_tokens(site: Any, helpers: Any) -> None:
    here = site(helpers.rule("team/*", "user:ada", "pull", "push"))
    here.add_account("ada")

    def issue(**options: Any) -> str:
        return here.change(lambda connection: issue_token(connection, "ada", lifetime=60, **options))

    whole, narrow = issue(note="ci"), issue(grants=(parse_grant("**:pull"),))
    for name in ("ada", "token"):
        assert status(here, auth=(name, whole)) == 200
    assert status(here, headers={"Authorization": f"Bearer {whole}"}) == 200
    for name in ("root", "bob", ""):
        assert status(here, auth=(name, whole)) == 401
    assert status(here, auth=("ada", whole[:-1] + ("A" if whole[-1] != "A" else "B"))) == 401
    here.as_user("ada", whole).push_image("v1", "team/app")
    assert here.as_user("ada", narrow).get_manifest("v1", "team/app").status_code == 200
    assert here.as_user("ada", narrow).call("POST", "/v2/team/app/blobs/uploads/").status_code == 403
    assert here.as_user("ada", narrow).call("POST", "/v2/other/blobs/uploads/").status_code == 403
    found = here.change(list_tokens)
    assert {token.note for token in found} == {"ci", ""}
    assert all(token.used is not None for token in found)
    secret = whole.rpartition("_")[2]
    assert secret not in repr(found)
    assert secret.encode() not in b"".join(path.read_bytes() for path in here.data.glob("registry.db*"))


def test_a_token_that_came_of_an_api_token_ends_with_it(site: Any, helpers: Any) -> None:
    here = site(helpers.rule("**", "user:ada", "pull", "push"))
    here.add_account("ada")
    here.as_user("ada").push_image("v1", "team/app")
    api_token = here.change(lambda connection: issue_token(connection, "ada", lifetime=None))
    answer = here.call("GET", "/auth/token?scope=repository:team/app:pull&offline_token=true", auth=("ada", api_token))
    assert "refresh_token" not in answer.json()
    ada = here.bearing(answer.json()["token"])
    assert ada.get_manifest("v1", "team/app").status_code == 200
    key = here.change(list_tokens)[0].id
    assert here.change(lambda connection: revoke_token(connection, key))
    assert ada.get_manifest("v1", "team/app").status_code == 403
    assert status(here, auth=("ada", api_token)) == 401
    assert not here.change(lambda connection: revoke_token(connection, key))


def test_an_api_token_ends(site: Any) -> None:
    here = site()
    here.add_account("ada")
    token = here.change(lambda connection: issue_token(connection, "ada", lifetime=1))
    assert status(here, auth=("ada", token)) == 200
    time.sleep(1.1)
    assert status(here, auth=("ada", token)) == 401
    other = here.change(lambda connection: issue_token(connection, "ada", lifetime=None))
    here.change(lambda connection: disable_user(connection, "ada"))
    assert status(here, auth=("ada", other)) == 401
    with pytest.raises(InvalidConfiguration):
        here.change(lambda connection: issue_token(connection, "bob", lifetime=None))


def test_accounts_are_listed_without_their_secrets(site: Any) -> None:
    here = site()
    here.add_account("ada")
    accounts = here.change(list_users)
    assert [(account.name, account.password, account.disabled) for account in accounts] == [("ada", True, False)]
    assert "argon2" not in repr(accounts)

"""The same over PostgreSQL: whatever is written to rows, once."""

import asyncio
import time
from typing import Any

import requests

from registry.server.access.accounts import add_user, join_group, leave_group, list_users, remove_user, set_password
from registry.server.access.api_tokens import issue_token, list_tokens, revoke_token
from registry.server.access.passwords import hash_password
from registry.server.access.replays import use_assertion
from registry.server.access.rules import add_rule, list_rules, parse_grant, parse_rule, remove_rule
from registry.server.access.signing_keys import list_keys, rotate_key
from registry.server.config import ServerConfig
from registry.server.config.access import AccessConfig
from registry.server.database import open_database
from registry.server.testing import running_server

PASSWORD = "correct horse"


def change(url: str, *works: Any) -> list[Any]:
    async def run() -> list[Any]:
        database = open_database(url)
        try:
            return [await database.write(work) for work in works]
        finally:
            database.close()

    return asyncio.run(run())


def test_two_replicas_share_users_rules_and_keys(tmp_path: Any, postgres_url: str, tools: Any) -> None:
    hashed, other = hash_password(PASSWORD), hash_password("another horse")
    _, key, token = change(
        postgres_url,
        lambda connection: add_user(connection, "ada", hashed, ["dev"]),
        lambda connection: add_rule(connection, parse_rule("team/*", "group:dev", ["pull", "push"])),
        lambda connection: issue_token(connection, "ada", grants=(parse_grant("**:pull"),), lifetime=60),
    )
    config = ServerConfig(tmp_path / "data", database=postgres_url, access=AccessConfig(fail_delay=0.0))
    session = requests.Session()
    session.trust_env = False
    session.auth = ("ada", PASSWORD)
    with (
        running_server(tmp_path / "data", config) as one,
        running_server(tmp_path / "data", config) as two,
        session,
    ):
        first, second = tools.Api(one, session), tools.Api(two, session)
        first.push_image("v1", "team/app")
        asked = "/auth/token?scope=repository:team/app:pull,push&offline_token=true"
        given = first.call("GET", asked).json()
        session.auth = None
        bearer = {"Authorization": f"Bearer {given['token']}"}
        here = "/v2/team/app/manifests/v1"
        assert second.call("GET", here, headers=bearer).status_code == 200
        assert second.call("GET", here, auth=("ada", token)).status_code == 200
        assert second.call("POST", "/v2/team/app/blobs/uploads/", auth=("ada", token)).status_code == 403
        assert second.call("GET", here, auth=("ada", "wrong")).status_code == 401
        form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
        assert second.call("POST", "/auth/token", data=form).status_code == 200
        change(postgres_url, lambda connection: leave_group(connection, "ada", "dev"))
        for api in (first, second):
            assert api.call("GET", here, headers=bearer).status_code == 403
        change(postgres_url, lambda connection: join_group(connection, "ada", "dev"))
        assert first.call("GET", here, headers=bearer).status_code == 200
        change(postgres_url, lambda connection: remove_rule(connection, key))
        assert second.call("GET", here, headers=bearer).status_code == 403
        change(postgres_url, lambda connection: set_password(connection, "ada", other))
        assert first.call("POST", "/auth/token", data=form).status_code == 401


def test_rows(postgres_url: str) -> None:
    soon = time.time() + 60
    found = change(
        postgres_url,
        lambda connection: add_user(connection, "ada", None),
        lambda connection: issue_token(connection, "ada", lifetime=None),
        lambda connection: revoke_token(connection, list_tokens(connection)[0].id),
        lambda connection: [use_assertion(connection, "x" * 64, soon) for _ in range(2)],
        lambda connection: rotate_key(connection, keep=60.0),
        lambda connection: rotate_key(connection, keep=60.0),
        list_keys,
        lambda connection: remove_user(connection, "ada"),
        list_users,
        list_rules,
    )
    assert found[2] is True
    assert found[3] == [True, False]
    assert [key.id for key in found[6]] == [found[5], found[4]]
    assert found[8:] == [[], []]

"""Tags of several repositories that are set all or none, over SQLite and over PostgreSQL."""

import asyncio
import json
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.model import OCI_MANIFEST
from registry.server.access.gate import OpenGate, Permit
from registry.server.access.principals import Action, Principal
from registry.server.config import AccessConfig, ObservingConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.database import open_database
from registry.server.metadata.together import Move, set_together
from registry.server.refusal import Refusal
from registry.server.routes.together import _parse as parsed
from registry.server.testing import running_server
from tests.server.access.conftest import PASSWORD, htpasswd_line
from tests.server.conftest import Api, codes, sha256

PATH = "/v2/_wasmbuild/tags"
JSON = {"Content-Type": "application/json"}
ABSENT = sha256(b"nobody has this")


def move(repository: str, tag: str, digest: str, **more: Any) -> dict[str, Any]:
    return {"repository": repository, "tag": tag, "digest": digest, **more}


def together(api: Api, *moves: dict[str, Any]) -> requests.Response:
    return api.call("POST", PATH, json={"tags": list(moves)})


def meaning(api: Api, repository: str, tag: str) -> str | None:
    return api.get_manifest(tag, repository).headers.get("Docker-Content-Digest")


def test_it_is_announced(api: Api) -> None:
    entries = {each["name"]: each for each in api.call("GET", "/v2/_oci/ext/discover").json()["extensions"]}
    assert entries["_wasmbuild_tags"]["endpoints"] == [PATH]
    assert set(entries) == {"_oci", "_oci_tag_history", "_wasmbuild_lease", "_wasmbuild_tags"}
    assert api.call("GET", PATH).status_code == 405


def test_tags_of_several_repositories(api: Api) -> None:
    one, two = api.push_image("", "team/one"), api.push_image("", "team/two", annotations={"n": "2"})
    old = api.push_image("latest", "team/two")
    for _ in range(2):  # the second answer is one that was kept
        assert [meaning(api, *each) for each in (("team/one", "1.0"), ("team/two", "latest"))] == [None, old]
    answer = together(
        api, move("team/one", "1.0", one), move("team/two", "latest", two), move("team/two", "old", old, expected=None)
    )
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "changed": [
            move("team/one", "1.0", one, before=None),
            move("team/two", "latest", two, before=old),
            move("team/two", "old", old, before=None),
        ]
    }
    assert [meaning(api, *each) for each in (("team/one", "1.0"), ("team/two", "latest"))] == [one, two]
    again = together(api, move("team/one", "1.0", one, expected=None), move("team/two", "latest", two))
    assert (again.status_code, again.json()) == (200, {"changed": []})
    history = api.call("GET", "/v2/team/two/_oci/tag-history/latest").json()["history"]
    assert [entry["digest"] for entry in history] == [two, old]


CONFLICTS = [
    ({"expected": None}, "team/two:v1 means sha256:"),
    ({"expected": ABSENT}, "team/two:v1 means sha256:"),
    ({"tag": "v2", "expected": ABSENT}, "team/two:v2 means nothing"),
    ({"digest": ABSENT}, f"team/two@{ABSENT}"),
    ({"repository": "team/nowhere"}, "team/nowhere@sha256:"),
]


def test_all_or_none(api: Api) -> None:
    one = api.push_image("", "team/one")
    api.push_image("v1", "team/two")
    new = api.push_image("", "team/two", annotations={"n": "2"})
    for bad, said in CONFLICTS:
        answer = together(api, move("team/one", "v1", one), {**move("team/two", "v1", new), **bad})
        assert answer.status_code == (409 if "means" in said else 404)
        assert codes(answer) == ["DENIED" if answer.status_code == 409 else "MANIFEST_UNKNOWN"]
        assert said in answer.json()["errors"][0]["detail"]
        assert meaning(api, "team/one", "v1") is None
        assert meaning(api, "team/two", "v1") not in (new, None)


def test_what_was_expected_is_moved(api: Api) -> None:
    old, new = api.push_image("v1"), api.push_image("", annotations={"n": "2"})
    assert together(api, move("demo/hello", "v1", new, expected=old)).json()["changed"][0]["before"] == old
    assert meaning(api, "demo/hello", "v1") == new


MALFORMED = [
    (b"", 400),
    (b"{", 400),
    (b"[]", 400),
    (b'{"tags": []}', 400),
    (b'{"tags": ' + b"[" * 100_000, 400),
    (b'{"tags": [1]}', 400),
    (b'{"tags": [], "tags": []}', 400),
    (b'{"tags": [], "more": 1}', 400),
    (json.dumps({"tags": [move("Bad", "v1", ABSENT)]}).encode(), 400),
    (json.dumps({"tags": [move("a", "no tag", ABSENT)]}).encode(), 400),
    (json.dumps({"tags": [move("a", "v1", "sha256:12")]}).encode(), 400),
    (json.dumps({"tags": [move("a", "v1", ABSENT, expected=7)]}).encode(), 400),
    (json.dumps({"tags": [move("a", "v1", ABSENT, expectd=None)]}).encode(), 400),
    (json.dumps({"tags": [{"repository": ["a"], "tag": {}, "digest": 1}]}).encode(), 400),
    (json.dumps({"tags": [move("a", "v1", ABSENT)] * 2}).encode(), 400),
    (json.dumps({"tags": [move("a", f"v{n}", ABSENT) for n in range(1001)]}).encode(), 413),
    (b" " * (1024 * 1024 + 1), 413),
]


def test_what_is_malformed_is_refused(api: Api) -> None:
    for body, status in MALFORMED:
        answer = api.call("POST", PATH, data=body, headers=JSON)
        assert answer.status_code == status, (body[:100], answer.text)
        codes(answer)


_TEXTS = st.sampled_from(["team/app", "v1", ABSENT, "", "\0", "A/b", "sha256:"]) | st.text(max_size=5)
_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | _TEXTS, st.lists, max_leaves=5)
_ENTRIES = st.dictionaries(st.sampled_from(["repository", "tag", "digest", "expected", "more"]), _VALUES)


@given(st.dictionaries(st.sampled_from(["tags", "more"]), st.lists(_ENTRIES, max_size=3) | _VALUES))
@example({"tags": [move("team/app", "v1", ABSENT, expected=None)]})
def test_any_document_is_read_or_refused(value: object) -> None:
    try:
        moves = parsed(BytesIO(json.dumps(value).encode()))
    except Refusal as refusal:
        assert refusal.status_code == 400
    else:
        assert isinstance(value, dict)
        assert [(each.repository, each.tag, str(each.digest)) for each in moves] == [
            (entry["repository"], entry["tag"], entry["digest"]) for entry in value["tags"]
        ]


def test_a_form_of_a_browser_is_no_request(api: Api) -> None:
    digest = api.push_image("")
    body = json.dumps({"tags": [move("demo/hello", "v1", digest)]})
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert api.call("POST", PATH, data=body, headers={"Content-Type": kind}).status_code == 400
    assert meaning(api, "demo/hello", "v1") is None


def test_a_thousand_tags_are_set(api: Api) -> None:
    digest = api.push_image("")
    answer = together(api, *(move("demo/hello", f"v{n}", digest) for n in range(1000)))
    assert len(answer.json()["changed"]) == 1000
    assert len(api.call("GET", "/v2/demo/hello/tags/list").json()["tags"]) == 1000


def test_two_at_once_wait_for_one_another_and_never_mix(api: Api) -> None:
    names = [f"team/r{n}" for n in range(4)]
    digests = [{name: api.push_image("", name, annotations={"n": str(n)}) for name in names} for n in range(2)]
    answers = []

    def run(which: int) -> None:
        order = names if which else names[::-1]
        with requests.Session() as session:
            for _ in range(8):
                moves = [move(name, "latest", digests[which][name]) for name in order]
                answers.append(together(Api(api.address, session), *moves).status_code)

    threads = [threading.Thread(target=run, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == {200}
    found = {name: meaning(api, name, "latest") for name in names}
    assert found in digests


def test_another_server_of_the_same_registry_sees_it_at_once(data: Path, database: str | None) -> None:
    config = ServerConfig(data, database=database)
    with (
        running_server(data, config) as here,
        running_server(data, config) as there,
        requests.Session() as session,
    ):
        api, other = Api(here, session), Api(there, session)
        old, new = api.push_image("v1"), api.push_image("", annotations={"n": "2"})
        for _ in range(2):  # the second answer is one that was kept, where any is
            assert meaning(other, "demo/hello", "v1") == old
        assert together(api, move("demo/hello", "v1", new, expected=old)).status_code == 200
        assert meaning(other, "demo/hello", "v1") == new
        assert together(other, move("demo/hello", "v1", old, expected=old)).status_code == 409


@pytest.fixture
def users(data: Path, database: str | None) -> ServerConfig:
    """``ada`` may push to what is hers and move nothing in ``shared``; ``bob`` may only pull, there only push."""
    htpasswd = data.with_name("users")
    htpasswd.write_text(htpasswd_line("ada") + htpasswd_line("bob"))
    rules = (
        RuleConfig("ada/*", "user:ada", ("pull", "push", "overwrite")),
        RuleConfig("shared/*", "user:ada", ("pull", "push")),
        RuleConfig("ada/*", "user:bob", ("pull",)),
        RuleConfig("shared/*", "user:bob", ("push",)),
    )
    access = AccessConfig(htpasswd=htpasswd, rules=rules, immutable=("ada/*:fixed",))
    audit = ObservingConfig(audit_log=str(data.with_name("audit.jsonl")))
    return ServerConfig(data, database=database, access=access, observing=audit)


def as_user(address: str, session: requests.Session, name: str) -> Api:
    session.auth = (name, PASSWORD)
    return Api(address, session)


def test_every_right_is_asked_for(users: ServerConfig) -> None:
    with running_server(users.data, users) as address, requests.Session() as one, requests.Session() as other:
        ada, bob = as_user(address, one, "ada"), as_user(address, other, "bob")
        digest, shared = ada.push_image("", "ada/app"), ada.push_image("v1", "shared/app")
        new = ada.push_image("", "shared/app", annotations={"n": "2"})
        assert together(bob, move("ada/app", "v1", digest)).status_code == 403
        assert together(ada, move("ada/app", "v1", digest), move("bob/app", "v1", digest)).status_code == 403
        moving = together(ada, move("ada/app", "v1", digest), move("shared/app", "v1", new))
        assert (moving.status_code, Action.OVERWRITE in moving.text) == (403, True)
        assert meaning(ada, "ada/app", "v1") is None
        assert together(ada, move("ada/app", "fixed", digest), move("shared/app", "v1", shared)).status_code == 200
        second = ada.push_image("", "ada/app", annotations={"n": "2"})
        fixed = together(ada, move("ada/app", "fixed", second), move("ada/app", "v1", second))
        assert (fixed.status_code, fixed.json()["errors"][0]["detail"]) == (409, "ada/app:fixed")
        assert meaning(ada, "ada/app", "v1") is None
        # Who may not see what tags mean is not told by way of a conflict, nor whether a manifest is there.
        for asked in (shared, ABSENT):
            blind = together(bob, move("shared/app", "v1", asked, expected=None))
            assert (blind.status_code, "shared/app: pull" in blind.text, "sha256:" in blind.text) == (403, True, False)
        nobody = requests.post(f"http://{address}{PATH}", json={"tags": [move("ada/app", "v1", digest)]}, timeout=30)
        assert nobody.status_code == 401
        assert 'scope="repository:ada/app:pull,push"' in nobody.headers["WWW-Authenticate"]
    lines = [json.loads(line) for line in users.data.with_name("audit.jsonl").read_text().splitlines()]
    told = [(line["action"], line["repository"], line["tag"], line["principal"]) for line in lines if "tag" in line]
    assert told[-2:] == [("push", "ada/app", "fixed", "ada"), ("tag", "ada/app", "fixed", "ada")]


def test_a_lease_ends_with_a_tag_and_no_token_of_another_repository_will_do(users: ServerConfig) -> None:
    with running_server(users.data, users) as address, requests.Session() as session:
        ada = as_user(address, session, "ada")
        body = ada.image("ada/app")
        headers = {"Content-Type": OCI_MANIFEST, "Wasmbuild-Lease": "600"}
        path = f"/v2/ada/app/manifests/{sha256(body)}"
        assert ada.call("PUT", path, data=body, headers=headers).headers["Wasmbuild-Lease"] == "600"
        assert "Wasmbuild-Lease-Ends" in ada.call("HEAD", path).headers
        scope = {"scope": "repository:shared/app:pull,push"}
        token = ada.call("GET", "/auth/token", params=scope).json()["token"]
        narrow = {"Authorization": f"Bearer {token}"}
        moves = {"tags": [move("ada/app", "v1", sha256(body))]}
        refused = requests.post(f"http://{address}{PATH}", json=moves, headers=narrow, timeout=30)
        assert (refused.status_code, "insufficient_scope" in refused.headers["WWW-Authenticate"]) == (401, True)
        assert together(ada, *moves["tags"]).status_code == 200
        assert "Wasmbuild-Lease-Ends" not in ada.call("HEAD", path).headers


class PullOnly(OpenGate):
    def allowed(self, *_: object) -> frozenset[Action]:
        return frozenset({Action.PULL})


def test_rights_are_those_of_the_moment_in_which_tags_are_set(empty: str) -> None:
    """They were asked for before as well; whoever is asked in between may take long."""
    database = open_database(empty)
    permit, moves = Permit(PullOnly(), Principal("user", "ada")), [Move("team/app", "v1", Digest.parse(ABSENT))]
    with pytest.raises(Refusal) as caught:
        asyncio.run(database.write(lambda connection: set_together(connection, permit, moves, due=0.0)))
    assert caught.value.status_code == 403
    database.close()


def test_what_was_meant_as_a_rehearsal_sets_nothing(api: Api) -> None:
    digest = api.push_image("")
    for query in ("dry-run=1", "dry-run=false", "dry-run", "dry-run=", "dry-run=true&dry-run=true", "dry-run=True"):
        answer = api.call("POST", f"{PATH}?{query}", json={"tags": [move("demo/hello", "v1", digest)]})
        assert (answer.status_code, codes(answer)[0]) == (400, "UNSUPPORTED"), query
    assert meaning(api, "demo/hello", "v1") is None


def test_a_rehearsal_asks_for_the_same_rights_and_sets_nothing(users: ServerConfig) -> None:
    """``ada`` wants to know before she has made what the tags are to mean."""
    with running_server(users.data, users) as address, requests.Session() as one, requests.Session() as other:
        ada, bob = as_user(address, one, "ada"), as_user(address, other, "bob")
        digest, shared = ada.push_image("v1", "ada/app"), ada.push_image("v1", "shared/app")
        ada.push_image("fixed", "ada/app")

        def rehearse(api: Api, *moves: dict[str, Any]) -> requests.Response:
            return api.call("POST", f"{PATH}?dry-run=true", json={"tags": list(moves)})

        may = rehearse(ada, move("ada/app", "v1", ABSENT), move("ada/app", "v2", ABSENT), move("ada/new", "v1", ABSENT))
        assert (may.status_code, may.json()) == (200, {"changed": []})
        assert (meaning(ada, "ada/app", "v1"), meaning(ada, "ada/app", "v2")) == (digest, None)
        assert rehearse(ada, move("shared/app", "v2", ABSENT), move("shared/app", "v1", shared)).status_code == 200
        moving = rehearse(ada, move("ada/app", "v1", ABSENT), move("shared/app", "v1", ABSENT))
        assert (moving.status_code, Action.OVERWRITE in moving.text) == (403, True)
        fixed = rehearse(ada, move("ada/app", "fixed", ABSENT))
        assert (fixed.status_code, fixed.json()["errors"][0]["detail"]) == (409, "ada/app:fixed")
        assert rehearse(bob, move("ada/app", "v9", ABSENT)).status_code == 403
        assert rehearse(bob, move("shared/app", "v1", shared)).status_code == 403

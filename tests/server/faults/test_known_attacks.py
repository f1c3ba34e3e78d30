"""What was done to other registries, and what shows that it cannot be done to this one.

Attacks by the names under which they are known, and below each the tests, in files of ``tests/server``;
``here`` is this one. Attacks on clients are tested with the client.

CVE-2017-11468, zot 3977: manifests without end
    test_manifests.py::test_the_largest_document_and_one_byte_more
    faults/test_runtime.py::test_manifests_that_never_end_are_not_held_in_memory
CVE-2017-11468, zot 3977: deep and huge JSON
    faults/fuzz/test_requests.py::test_deep_json
    faults/fuzz/test_requests.py::test_documents_that_are_made_to_hurt
CVE-2023-2253: giant pages
    faults/fuzz/test_requests.py::test_a_giant_page_costs_nothing
CVE-2021-41190: two kinds of document in one
    test_manifests.py::test_a_document_that_could_be_both
    test_manifests.py::test_a_document_must_be_what_it_is_sent_as
CVE-2025-24976: a key in the token's header
    access/test_tokens.py::test_a_key_of_ones_own_in_the_header
CVE-2026-33540: a realm of somebody else
    access/test_origins.py::test_the_external_url_is_said_whatever_the_host
    access/test_origins.py::test_hosts_that_are_none
CVE-2026-35172: a cache that grants
    here::test_a_kept_answer_is_asked_for_anew
    test_blobs.py::test_delete_is_of_one_repository
    test_uploads.py::test_a_deleted_blob_cannot_be_mounted
CVE-2026-41888: another way to delete
    access/test_matrix.py::test_nobody_moves_or_deletes_what_is_immutable
    collection/test_retention.py::test_immutable_tags_stay
CVE-2024-39897, Harbor 23270: a mount without the right
    access/test_matrix.py::test_a_mount_needs_pull_where_it_comes_from
CVE-2024-39897, Harbor 23270: whether something is there
    access/test_matrix.py::test_what_is_there_and_what_is_not_are_refused_alike
CVE-2026-31801, zot 4266: several tags, one forbidden
    here::test_of_several_tags_one_that_is_forbidden_forbids_all
CVE-2025-23208: groups that stay
    access/test_rules.py::test_groups_of_the_settings_and_of_the_database
    access/test_tokens.py::test_the_rules_of_the_moment_decide
CVE-2026-32589: somebody else's upload
    access/test_matrix.py::test_an_upload_is_its_principals
CVE-2026-32589: ids that can be guessed
    here::test_ids_of_uploads_cannot_be_guessed
CVE-2026-32590: pickle in rows
    here::test_nothing_that_runs_is_read_from_rows
CVE-2026-32591, -2376, -2377: requests of ours, to inside
    access/test_egress.py::test_what_is_not_public_is_not_reached
    access/test_egress.py::test_one_address_that_is_not_public_is_enough
CVE-2026-32591, -2376, -2377: redirects to inside
    access/test_egress.py::test_redirects_are_answers
CVE-2026-18255: secrets that are shown
    here::test_the_database_holds_no_secret
    access/test_logins.py::test_accounts_are_listed_without_their_secrets
CVE-2026-4404: a password that everyone knows
    access/test_start.py::test_strangers_need_users_or_a_word
CVE-2022-31667: objects of another repository
    test_uploads.py::test_an_upload_belongs_to_its_repository
CVE-2026-27771: private images for everyone
    access/test_matrix.py::test_the_matrix
distribution 7ed654e0a: users found by the clock
    here::test_an_unknown_user_costs_as_much_as_a_known_one
distribution 7ed654e0a: passwords tried without end
    access/test_logins.py::test_too_many_wrong_passwords
zot 3844, 4238, 3980: other web pages
    here::test_no_other_page_may_read_an_answer
zot 3844, 4238, 3980: redirects to elsewhere
    here::test_nothing_redirects_elsewhere
CVE-2026-55588, zot 4318: deep graphs
    here::test_deep_graphs_cost_little
CVE-2026-50163: ways out of the folder
    faults/fuzz/test_paths.py::test_nothing_outside_is_touched
CVE-2025-62727: ranges without end
    test_ranges.py::test_other_shapes_are_ignored
    here::test_many_ranges_are_read_at_once
CVE-2024-47874: forms without end
    access/test_tokens.py::test_bodies_that_are_no_forms
Granian 885: readers that stand still
    faults/test_slow_clients.py::test_many_readers_that_stand_still_are_nobodys_trouble
PROJQUAY-10573, -10885: patterns that take for ever
    access/test_globs.py::test_no_name_makes_a_glob_slow
Harbor 22900: tokens outlive what they name
    access/test_rules.py::test_what_was_undone_decides_nothing"""

import ast
import re
import socket
import statistics
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests

from registry.model import OCI_INDEX, OCI_MANIFEST
from registry.server.access.accounts import add_user
from registry.server.access.api_tokens import issue_token
from registry.server.access.passwords import hash_password
from registry.server.config import AccessConfig, CollectionConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.services import open_services
from registry.server.testing import running_server
from tests.server.faults.serving import answers, drain, until

SERVER_TESTS = Path(__file__).parents[1]
PASSWORDS = {"root": "the password of root", "dev": "the password of dev"}
RULES = (
    RuleConfig("**", "user:root", ("admin",)),
    RuleConfig("team/*", "user:dev", ("pull", "push")),
)
ROW = re.compile(r" {4}(?P<file>\S+)::(?P<test>\w+)")


def test_each_row_names_a_test_that_there_is() -> None:
    rows = [ROW.fullmatch(line) for line in (__doc__ or "").splitlines() if "::" in line]
    assert len(rows) > 40
    for row in rows:
        assert row is not None
        file = Path(__file__) if row["file"] == "here" else SERVER_TESTS / row["file"]
        names = {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}
        assert row["test"] in names, f"{row['file']} has no {row['test']}"


class Site:
    """A server with two users, of which ``dev`` may push to ``team`` and overwrite nothing."""

    def __init__(self, address: str, data: Path, tools: Any) -> None:
        self.address, self.data, self.tools = address, data, tools

    def client(self, user: str | None = None) -> Any:
        session = requests.Session()
        session.trust_env = False
        if user is not None:
            session.auth = (user, PASSWORDS[user])
        return self.tools.Api(self.address, session)


@pytest.fixture
def site(data: Path, tmp_path: Path, tools: Any) -> Iterator[Site]:
    file = tmp_path / "htpasswd"
    hashes = {name: bcrypt.hashpw(text.encode(), bcrypt.gensalt(10)).decode() for name, text in PASSWORDS.items()}
    file.write_text("".join(f"{name}:{hashed}\n" for name, hashed in hashes.items()))
    access = AccessConfig(htpasswd=file, rules=RULES, fail_delay=0.0, failures_per_minute=0.0)
    with running_server(data, ServerConfig(data, access=access)) as address:
        yield Site(address, data, tools)


def test_a_kept_answer_is_asked_for_anew(site: Site) -> None:
    root, dev = site.client("root"), site.client("dev")
    digest = root.push_image("latest", "team/app")
    root.push_image("latest", "other/app")
    for path in ("manifests/latest", f"manifests/{digest}", "tags/list", f"referrers/{digest}"):
        for _ in range(3):
            assert dev.call("GET", f"/v2/team/app/{path}").status_code == 200
            assert root.call("GET", f"/v2/other/app/{path}").status_code == 200
            assert dev.call("GET", f"/v2/other/app/{path}").status_code == 403
            assert site.client().call("GET", f"/v2/team/app/{path}").status_code == 401
    assert root.call("DELETE", f"/v2/team/app/manifests/{digest}").status_code == 202
    assert dev.get_manifest("latest", "team/app").status_code == 404
    assert dev.get_manifest(digest, "team/app").status_code == 404


def test_of_several_tags_one_that_is_forbidden_forbids_all(site: Site) -> None:
    """``latest`` is a tag as any other, and nothing is done of what may not be done as a whole."""
    root, dev = site.client("root"), site.client("dev")
    for taken in ("latest", "v1"):
        before = root.push_image(taken, "team/app")
        body = site.tools.manifest(annotations={"not": taken})
        path = f"/v2/team/app/manifests/{site.tools.sha256(body)}?tag=new&tag={taken}"
        answer = dev.call("PUT", path, data=body, headers={"Content-Type": OCI_MANIFEST})
        assert (answer.status_code, site.tools.codes(answer)) == (403, ["DENIED"])
        assert root.get_manifest(taken, "team/app").headers["Docker-Content-Digest"] == before
        assert root.get_manifest("new", "team/app").status_code == 404
        assert root.get_manifest(site.tools.sha256(body), "team/app").status_code == 404


def test_ids_of_uploads_cannot_be_guessed(site: Site) -> None:
    dev = site.client("dev")
    names = [uuid.UUID(dev.begin("team/app").rpartition("/")[2]) for _ in range(50)]
    assert {name.version for name in names} == {4}
    # Random in every place but those that say what it is: no counter, no clock.
    columns = list(zip(*(name.hex for name in names), strict=True))
    assert [place for place, column in enumerate(columns) if len(set(column)) < 3] in ([12], [12, 16])


def test_nothing_that_runs_is_read_from_rows() -> None:
    unsafe = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml"}
    for file in (SERVER_TESTS.parents[1] / "registry").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert not unsafe & {alias.name.partition(".")[0] for alias in node.names}, file
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in unsafe, file
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), file


async def add_secrets(data: Path) -> list[str]:
    """An account and a token in the database; what nobody may find there."""
    services = open_services(ServerConfig(data))
    hashed = hash_password(PASSWORDS["dev"])
    await services.write(lambda connection: add_user(connection, "eve", hashed))
    token = await services.write(lambda connection: issue_token(connection, "eve", lifetime=3600.0))
    await services.close()
    return [PASSWORDS["dev"], token]


def test_the_database_holds_no_secret(site: Site) -> None:
    import asyncio

    secrets = asyncio.run(add_secrets(site.data))
    eve = site.tools.Api(site.address, requests.Session())
    eve.session.auth = ("eve", PASSWORDS["dev"])
    found = eve.call("GET", "/auth/token", params={"offline_token": "true", "account": "eve"})
    assert found.status_code == 200, found.text
    secrets += [found.json()["token"], found.json()["refresh_token"]]
    everything = b"".join(path.read_bytes() for path in site.data.rglob("*") if path.is_file())
    for secret in secrets:
        # Without what a token begins with, which says only which one it is.
        for part in (secret, secret[-20:]):
            assert part.encode() not in everything


def test_an_unknown_user_costs_as_much_as_a_known_one(site: Site) -> None:
    client = site.client()

    def seconds(name: str, number: int) -> float:
        began = time.perf_counter()
        assert client.call("GET", "/v2/", auth=(name, f"wrong {number}")).status_code == 401
        return time.perf_counter() - began

    known, unknown = (statistics.median(seconds(name, number) for number in range(5)) for name in ("dev", "nobody"))
    assert 0.3 < known / unknown < 3
    assert unknown > 0.01


def test_no_other_page_may_read_an_answer(site: Site) -> None:
    for user in (None, "dev"):
        for method in ("GET", "OPTIONS", "POST"):
            for path in ("/v2/", "/auth/token", "/v2/team/app/tags/list", "/v2/_catalog"):
                headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
                answer = site.client(user).call(method, path, headers=headers)
                assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_nothing_redirects_elsewhere(site: Site) -> None:
    dev = site.client("dev")
    for path in ("//evil.example/v2/", "/v2//evil.example/", "/\\evil.example", "/v2/?next=https://evil.example",
                 "/auth/token?redirect_uri=https://evil.example&callback_ui=https://evil.example"):  # fmt: skip
        answer = dev.call("GET", path, allow_redirects=False)
        assert not 300 <= answer.status_code < 400
        assert "evil.example" not in answer.headers.get("Location", "")
    assert dev.begin("team/app").startswith("/v2/team/app/")


DEPTH = 150


@pytest.mark.parametrize("by", ["listed", "subject"])
def test_deep_graphs_cost_little(data: Path, tools: Any, by: str) -> None:
    """Indexes in indexes, or referrers of referrers, a hundred deep: listed, kept and collected in bounded time."""
    with running_server(data, ServerConfig(data, collection=CollectionConfig(interval=0))) as address:
        digests = push_deep(tools.Api(address, requests.Session()), tools, by)
    collection = CollectionConfig(grace=0.0, interval=0.05, untagged_after=0.0, pinned_after=0.0)
    with running_server(data, ServerConfig(data, collection=collection)) as address, requests.Session() as session:
        api = tools.Api(address, session)
        until(lambda: collections(api) > 3)
        for digest in digests:
            assert api.get_manifest(digest).status_code == 200
            found = api.call("GET", f"/v2/demo/hello/referrers/{digest}").json()["manifests"]
            assert len(found) == (by == "subject" and digest != digests[-1])
        assert api.call("DELETE", "/v2/demo/hello/manifests/held").status_code == 202
        until(lambda: {api.get_manifest(digest).status_code for digest in digests} == {404}, 30)
        until(lambda: not list(data.glob("blobs/*/*/*")), 30)


def push_deep(api: Any, tools: Any, by: str) -> list[str]:
    """Manifests, each of which leads to the one before; what keeps all of them has the tag ``held``."""
    body, media_type = api.image(), OCI_MANIFEST
    digests = [tools.sha256(body)]
    assert api.put_manifest("held" if by == "subject" else digests[0], body).status_code == 201
    for level in range(1, DEPTH):
        before = tools.descriptor(body, media_type)
        media_type = OCI_INDEX
        if by == "listed":
            body = tools.index({**before, "annotations": {"level": str(level)}})
        else:
            body = tools.index(subject=before, annotations={"level": str(level)})
        digests.append(tools.sha256(body))
        top = by == "listed" and level == DEPTH - 1
        assert api.put_manifest("held" if top else digests[-1], body, media_type=OCI_INDEX).status_code == 201
    return digests


def collections(api: Any) -> int:
    """How often the server has collected."""
    found = re.search(
        r"^wasmbuild_registry_collection_runs_total (\d+)", api.call("GET", "/metrics").text, re.MULTILINE
    )
    assert found
    return int(found[1])


def test_many_ranges_are_read_at_once(data: Path, tools: Any) -> None:
    """In a time that does not grow with the square of their number."""
    with running_server(data) as address:
        digest = tools.Api(address, requests.Session()).push_blob(b"content")
        host, _, port = address.rpartition(":")
        for text in ("bytes=" + "0-0," * 70_000, "bytes=" + "9" * 300_000, "bytes=0-" + "-" * 300_000):
            head = f"GET /v2/demo/hello/blobs/{digest} HTTP/1.1\r\nHost: {address}\r\nRange: {text}\r\n"
            began = time.process_time()  # the server's, too
            with socket.create_connection((host, int(port)), timeout=20) as client:
                client.sendall(f"{head}Connection: close\r\n\r\n".encode())
                (answer,) = answers(drain(client))
            assert (answer.status, answer.body) == (200, b"content")
            assert time.process_time() - began < 2

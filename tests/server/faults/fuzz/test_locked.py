"""A server with users, and strangers who send it anything: they get tokens for nothing, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.server.faults.fuzz.target import Target, head_of
from tests.server.faults.fuzz.test_requests import METHODS, headers, paths, queries
from tests.server.faults.serving import serving

PASSWORD = b"a password of root"
PUBLIC = ("/healthz", "/readyz", "/.well-known/wasm-pkg/registry.json")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("locked")
    (folder / "htpasswd").write_text(f"root:{bcrypt.hashpw(PASSWORD, bcrypt.gensalt(4)).decode()}\n")
    rule = 'repositories = "**", subject = "user:root", actions = ["admin"]'
    access = f'[access]\nhtpasswd = "{folder}/htpasswd"\nrules = [{{ {rule} }}]\n'
    access += 'fail_delay = "0s"\nfailures_per_minute = 0\n'
    with serving(Path(folder), f'patience = "0.3s"\n{access}') as served, requests.Session() as session:
        session.trust_env = False
        session.auth = ("root", PASSWORD)
        target = Target(served, session)
        target.set_up(b"what nobody else may see")
        yield target


@settings(max_examples=400)
@given(method=st.sampled_from(METHODS), path=paths, query=queries, lines=headers, body=st.binary(max_size=100))
@example("GET", "/v2/demo/hello/manifests/latest", [], [("Authorization", b"Basic cm9vdDo=")], b"")
@example("GET", "/v2/demo/hello/manifests/latest", [], [("Authorization", b"Bearer eyJhbGciOiJub25lIn0.e30.")], b"")
@example("GET", "/v2/%0A", [], [], b"")
@example("POST", "/auth/token", [], [("Content-Type", b"application/x-www-form-urlencoded")], b"grant_type=password")
@example("GET", "/auth/token", [("scope", "repository:demo/hello:pull,push,delete,*")], [], b"")
def test_a_stranger_gets_nothing(
    target: Target, method: str, path: str, query: list[Any], lines: list[tuple[str, bytes]], body: bytes
) -> None:
    answer = target.ask(head_of(method, path, query, lines, len(body)), body)
    assert b"nobody else may see" not in answer.body
    if answer.status == 200 and path == "/auth/token":
        token = json.loads(answer.body)["token"]
        found = requests.get(
            f"http://{target.served.address}/v2/demo/hello/manifests/latest",
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        assert found.status_code == 401
    elif answer.status < 400:
        assert path in PUBLIC, answer


def test_nothing_was_harmed(target: Target) -> None:
    assert target.call("GET", "/v2/").status_code == 200
    assert target.call("GET", "/v2/demo/hello/manifests/latest").content == target.document
    assert target.call("GET", "/v2/_catalog").json()["repositories"] == ["demo/hello"]
    assert list((target.served.log.parent / "data" / "uploads").iterdir()) == []

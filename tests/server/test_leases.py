"""What is pushed for a time, as a client asks for it and sees it; its end is tested in ``collection``."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from registry.model import OCI_MANIFEST
from registry.server.config import ObservingConfig, ServerConfig
from registry.server.testing import running_server
from tests.server.conftest import REPOSITORY, Api, codes, sha256


def put(api: Api, name: str, body: bytes, lease: str | None) -> requests.Response:
    headers = {"Content-Type": OCI_MANIFEST} | ({} if lease is None else {"Wasmbuild-Lease": lease})
    return api.call("PUT", f"/v2/{REPOSITORY}/manifests/{name}", data=body, headers=headers)


def ends(api: Api, name: str) -> datetime | None:
    said = api.call("HEAD", f"/v2/{REPOSITORY}/manifests/{name}").headers.get("Wasmbuild-Lease-Ends")
    return None if said is None else datetime.strptime(said, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def test_what_was_granted_is_said(api: Api) -> None:
    body = api.image()
    name = sha256(body)
    assert put(api, name, body, "60").headers["Wasmbuild-Lease"] == "60"
    for _ in range(2):  # the second answer is one that was kept
        found = ends(api, name)
        assert found is not None
        assert abs(found - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=30)
    assert put(api, name, body, "604800").headers["Wasmbuild-Lease"] == "604800"
    later = put(api, name, body, "600")
    assert int(later.headers["Wasmbuild-Lease"]) > 600_000
    assert put(api, name, body, None).status_code == 201
    assert ends(api, name) is None
    assert put(api, name, body, "600").headers["Wasmbuild-Lease"] == "0"
    assert ends(api, name) is None


def test_a_push_by_tag_has_no_lease_and_ends_one(api: Api) -> None:
    body = api.image()
    assert "Wasmbuild-Lease" not in put(api, "v1", body, "600").headers
    assert ends(api, sha256(body)) is None
    other = api.image(annotations={"n": "2"})
    assert put(api, sha256(other), other, "600").status_code == 201
    assert ends(api, sha256(other)) is not None
    assert "Wasmbuild-Lease" not in put(api, f"{sha256(other)}?tag=v2", other, "600").headers
    assert ends(api, sha256(other)) is None


def test_no_such_lease(api: Api) -> None:
    body = api.image()
    for lease in ("", "0", "59", "604801", "-60", "1e3", "60.0", "soon", "٦٠", "9" * 5000):
        answer = put(api, sha256(body), body, lease.encode().decode("latin-1"))
        assert (answer.status_code, codes(answer)) == (400, ["UNSUPPORTED"])
        assert "from 60 to 604800" in answer.json()["errors"][0]["message"]
    assert api.get_manifest(sha256(body)).status_code == 404


def test_the_audit_log_has_it(data: Path) -> None:
    log = data.with_name("audit.jsonl")
    config = ServerConfig(data, observing=ObservingConfig(audit_log=str(log)))
    with running_server(data, config) as address, requests.Session() as session:
        api = Api(address, session)
        body = api.image()
        put(api, sha256(body), body, "600")
        put(api, "v1", body, None)
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line.get("lease") for line in told if line["action"] == "push"] == [600, None]

"""Metrics, request ids, access log, health: what is told of requests."""

import asyncio
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from registry.errors import StorageFailed
from registry.server.app import create_app
from registry.server.config import AccessConfig, ObservingConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.observing.meter import Meter, route_of
from registry.server.testing import running_server

LABELS = ("route", "method", "status", "le")


def numbers(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels."""
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_what_was_done(api: Any, tools: Any) -> None:
    digest = api.push_image("latest")
    for _ in range(3):
        assert api.get_manifest("latest").status_code == 200
    assert api.get_manifest("missing").status_code == 404
    assert api.get_blob(tools.sha256(b"layer")).status_code == 200
    api.begin()
    answer = api.call("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found, manifest = numbers(answer.text), "/v2/{name}/manifests/{reference}"
    requests_total, seconds = "wasmbuild_registry_requests_total", "wasmbuild_registry_request_seconds_count"
    assert found[requests_total, manifest, "GET", "200"] == 3
    assert found[requests_total, manifest, "GET", "404"] == 1
    assert found[requests_total, manifest, "PUT", "201"] == 1
    assert found[seconds, manifest, "GET"] == 4
    assert found["wasmbuild_registry_request_seconds_bucket", manifest, "GET", "+Inf"] == 4
    assert found["wasmbuild_registry_received_bytes_total",] >= len(b"{}layer")
    assert found["wasmbuild_registry_sent_bytes_total",] > 3 * 300
    assert found["wasmbuild_registry_uploads_open",] == 1
    assert found["wasmbuild_registry_write_seconds_count",] >= 4
    assert found["wasmbuild_registry_database_transactions_total",] >= 4
    assert found["wasmbuild_registry_collection_runs_total",] >= 0
    assert found["process_resident_memory_bytes",] > 0
    assert digest not in answer.text


def test_no_label_comes_from_a_client(api: Any) -> None:
    for number in range(20):
        api.call("GET", f"/nothing/{number}")
        api.call("GET", f"/v2/x{number}/manifests/{number}")
        api.call(f"M{number}", "/v2/")
    labels = [key for key in numbers(api.call("GET", "/metrics").text) if key[0].endswith("requests_total")]
    assert len(labels) < 8
    assert ("wasmbuild_registry_requests_total", "/v2/", "other", "405") in labels


@given(st.text())
def test_every_path_has_one_of_few_templates(path: str) -> None:
    assert route_of(path) in {"other", "/v2/"} or route_of(path).startswith("/")
    assert "{" in route_of(f"/v2/{path}/manifests/{path}")


def test_methods_nobody_knows_share_a_series() -> None:
    meter = Meter()
    for number in range(100):
        meter.request("other", f"X{number}", 405, 0.1, 0)
    assert {key: series.count for key, series in meter.requests.items()} == {("other", "other", 405): 100}


@pytest.mark.parametrize("sent", ["abc-123", "A" * 128, "a:b/c.d+e=="])
def test_a_request_keeps_its_id(api: Any, sent: str) -> None:
    for path in ("/v2/", "/nowhere", "/v2/demo/hello/manifests/x"):
        assert api.call("GET", path, headers={"X-Request-ID": sent}).headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "A" * 129, "a\tb", "<script>"])
def test_other_ids_are_replaced(api: Any, sent: str) -> None:
    first = api.call("GET", "/v2/", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    second = api.call("GET", "/v2/").headers["X-Request-ID"]
    assert first != sent
    assert first != second


def test_kept_answers_are_counted_and_have_an_id_each(api: Any) -> None:
    api.push_image("latest")
    ids = {api.get_manifest("latest").headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5


def test_the_access_log_says_who_asked_for_what(data: Path, tools: Any, lines: Any, until: Any) -> None:
    log = data.with_name("access.jsonl")
    config = ServerConfig(data, observing=ObservingConfig(access_log=str(log)))
    with running_server(data, config) as address, requests.Session() as session:
        api = tools.Api(address, session)
        digest = tools.sha256(b"hello")
        path = f"/v2/demo/blobs/uploads/?digest={digest}&token=hunter2"
        headers = {"Authorization": "Bearer hunter2", "X-Request-ID": "mine", "User-Agent": "test/1"}
        assert api.call("POST", path, data=b"hello", headers=headers).status_code == 201
        assert api.get_blob(digest, "demo").content == b"hello"
        until(lambda: len(lines(log)) >= 3)
    pushed = next(line for line in lines(log) if line["request"] == "mine")
    assert pushed["method"] == "POST"
    assert pushed["path"] == "/v2/demo/blobs/uploads/"
    assert (pushed["status"], pushed["received"], pushed["client"]) == (201, 5, "127.0.0.1")
    assert pushed["principal"] == "local"
    assert pushed["agent"] == "test/1"
    assert pushed["ms"] > 0
    pulled = next(line for line in lines(log) if line["method"] == "GET" and "sha256" in line["path"])
    assert (pulled["status"], pulled["sent"]) == (200, 5)
    assert "hunter2" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_nothing_is_logged_on_loopback_unless_asked(data: Path) -> None:
    with running_server(data) as address:
        requests.get(f"http://{address}/v2/", timeout=10)
    assert not list(data.rglob("*.jsonl"))


def test_a_log_that_cannot_be_opened_is_an_error(data: Path) -> None:
    config = ServerConfig(data, observing=ObservingConfig(audit_log=str(data / "no" / "folder" / "x")))
    with pytest.raises(StorageFailed, match="cannot write the log"):
        create_app(config)


def test_health(api: Any) -> None:
    assert (api.call("GET", "/healthz").status_code, api.call("GET", "/healthz").text) == (200, "ok\n")
    ready = api.call("GET", "/readyz")
    assert (ready.status_code, ready.text) == (200, "ready\n")
    assert api.call("HEAD", "/readyz").status_code == 200


def test_a_server_whose_database_is_gone_is_not_ready(data: Path) -> None:
    async def ask() -> tuple[int, bytes, int]:
        app = create_app(ServerConfig(data))
        async with app.router.lifespan_context(app):
            app.state.services.database._engine.dispose()
            app.state.services.database._reader.close()
            ready, alive = await call(app, "/readyz"), await call(app, "/healthz")
        return ready[0], ready[1], alive[0]

    ready, said, alive = asyncio.run(ask())
    assert (ready, alive) == (503, 200)
    assert said.startswith(b"not ready: ")


async def call(app: Any, path: str) -> tuple[int, bytes]:
    """One GET, without a socket."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:5000")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    await app({**scope, "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1"}, receive, send)
    return sent[0]["status"], sent[1]["body"]


def test_metrics_on_an_address_of_their_own(data: Path, until: Any) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = ServerConfig(data, observing=ObservingConfig(metrics_listen=f"127.0.0.1:{port}"))
    with running_server(data, config) as address:
        requests.get(f"http://{address}/v2/", timeout=10)
        there = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
        assert numbers(there.text)["wasmbuild_registry_requests_total", "/v2/", "GET", "200"] >= 1
        assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200
        assert requests.get(f"http://127.0.0.1:{port}/v2/", timeout=10).status_code == 404


def test_discover_and_where_packages_are(api: Any) -> None:
    there = api.call("GET", "/v2/_oci/ext/discover").json()["extensions"]
    assert {"_oci", "_oci_tag_history"} <= {entry["name"] for entry in there}
    assert all(set(entry) <= {"name", "url", "description", "endpoints"} for entry in there)
    here = api.call("GET", "/v2/demo/hello/_oci/ext/discover").json()["extensions"]
    assert "/v2/demo/hello/_oci/ext/discover" in here[0]["endpoints"]
    assert api.call("GET", "/v2/Demo/_oci/ext/discover").status_code == 400
    packages = api.call("GET", "/.well-known/wasm-pkg/registry.json").json()
    assert packages == {"preferredProtocol": "oci", "oci": {"registry": api.address}}


def test_packages_are_where_clients_reach_the_server(data: Path) -> None:
    config = ServerConfig(data, external_url="https://registry.example.com/", namespace_prefix="wasm/")
    with running_server(data, config) as address:
        found = requests.get(f"http://{address}/.well-known/wasm-pkg/registry.json", timeout=10).json()
    assert found["oci"] == {"registry": "registry.example.com", "namespacePrefix": "wasm/"}


@pytest.mark.parametrize(("public", "status"), [(False, 401), (True, 200)])
def test_who_may_read_metrics_when_there_are_users(data: Path, public: bool, status: int) -> None:
    users = data.with_name("htpasswd")
    hashed = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
    users.write_text(f"root:{hashed}\nsomebody:{hashed}\n")
    access = AccessConfig(htpasswd=users, rules=(RuleConfig("**", "user:root", ("admin",)),), fail_delay=0.0)
    config = ServerConfig(data, access=access, observing=ObservingConfig(metrics_public=public))
    with running_server(data, config) as address:
        url = f"http://{address}/metrics"
        assert requests.get(url, timeout=10).status_code == status
        answer = requests.get(url, timeout=10, auth=("somebody", "correct horse"))
        assert answer.status_code == (200 if public else 403)
        assert public or "may not do this to the whole registry: admin" in answer.text
        assert requests.get(url, timeout=10, auth=("root", "correct horse")).status_code == 200
        for path in ("/healthz", "/readyz", "/.well-known/wasm-pkg/registry.json"):
            assert requests.get(f"http://{address}{path}", timeout=10).status_code == 200

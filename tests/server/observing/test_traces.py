"""Spans: sent only when asked for, as children of the client's."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.server.config import ObservingConfig, ServerConfig
from registry.server.testing import running_server

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_request_is_a_span(data: Path, listener: Any) -> None:
    collector = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    config = ServerConfig(data, observing=ObservingConfig(traces=f"{listener.url}/v1/traces"))
    with running_server(data, config) as address:
        requests.get(f"http://{address}/v2/demo/manifests/x", headers={"traceparent": PARENT}, timeout=10)
        requests.get(f"http://{address}/v2/", timeout=10)
    spans: dict[str, Any] = {}
    for path, _, body in listener.wait(1):
        assert path == "/v1/traces"
        message = collector.ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                spans |= {span.name: span for span in scope.spans}
    found = spans["GET /v2/{name}/manifests/{reference}"]
    assert found.trace_id.hex() == PARENT.split("-")[1]
    assert found.parent_span_id.hex() == PARENT.split("-")[2]
    attributes = {each.key: each.value for each in found.attributes}
    assert attributes["http.response.status_code"].int_value == 404
    assert attributes["http.route"].string_value == "/v2/{name}/manifests/{reference}"
    assert spans["GET /v2/"].parent_span_id == b""


def test_nothing_is_imported_for_what_is_off(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom registry.server.testing import running_server\n"
        f"with running_server(Path({str(tmp_path / 'data')!r})): pass\n"
        "print(*[name for name in sys.modules if '.' not in name])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not set(finished.stdout.split()) & {"opentelemetry", "prometheus_client", "psycopg", "aiobotocore"}

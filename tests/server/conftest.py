import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.model import OCI_INDEX, OCI_MANIFEST
from registry.server.testing import running_server

REPOSITORY = "demo/hello"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Api:
    """A client that knows the paths and hides nothing of the answers."""

    address: str
    session: requests.Session

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"http://{self.address}{path}", timeout=30, **options)

    def begin(self, repository: str = REPOSITORY) -> str:
        answer = self.call("POST", f"/v2/{repository}/blobs/uploads/")
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def push_blob(self, data: bytes, repository: str = REPOSITORY) -> str:
        digest = sha256(data)
        answer = self.call("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", data=data)
        assert answer.status_code == 201, answer.text
        return digest

    def get_blob(self, digest: str, repository: str = REPOSITORY, **options: Any) -> requests.Response:
        return self.call("GET", f"/v2/{repository}/blobs/{digest}", **options)

    def put_manifest(
        self, reference: str, body: bytes, repository: str = REPOSITORY, media_type: str = OCI_MANIFEST
    ) -> requests.Response:
        path = f"/v2/{repository}/manifests/{reference}"
        return self.call("PUT", path, data=body, headers={"Content-Type": media_type})

    def get_manifest(self, reference: str, repository: str = REPOSITORY) -> requests.Response:
        return self.call("GET", f"/v2/{repository}/manifests/{reference}")

    def image(self, repository: str = REPOSITORY, **fields: Any) -> bytes:
        """A manifest whose blobs are pushed."""
        self.push_blob(b"{}", repository)
        self.push_blob(b"layer", repository)
        return manifest(**fields)

    def push_image(self, reference: str, repository: str = REPOSITORY, **fields: Any) -> str:
        body = self.image(repository, **fields)
        name = sha256(body) if reference == "" else reference
        answer = self.put_manifest(name, body, repository)
        assert answer.status_code == 201, answer.text
        return sha256(body)


def descriptor(data: bytes, media_type: str = "application/octet-stream") -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}


def manifest(**fields: Any) -> bytes:
    head = {"schemaVersion": 2, "mediaType": OCI_MANIFEST}
    body = {"config": descriptor(b"{}", "application/vnd.oci.empty.v1+json"), "layers": [descriptor(b"layer")]}
    return json.dumps({**head, **body, **fields}).encode()


def index(*manifests: dict[str, Any], **fields: Any) -> bytes:
    head = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(manifests)}
    return json.dumps({**head, **fields}).encode()


def codes(answer: requests.Response) -> list[str]:
    """The codes of an error; fails unless it has exactly the shape of the specification."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    body = answer.json()
    assert set(body) == {"errors"}
    for entry in body["errors"]:
        assert {"code", "message"} <= set(entry) <= {"code", "message", "detail"}
        assert entry["code"].replace("_", "").isupper()
    return [entry["code"] for entry in body["errors"]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def api(data: Path) -> Iterator[Api]:
    with running_server(data) as address, requests.Session() as session:
        yield Api(address, session)


class Tools:
    """The helpers of this file, for tests in other files."""

    Api = Api
    codes = staticmethod(codes)
    descriptor = staticmethod(descriptor)
    index = staticmethod(index)
    manifest = staticmethod(manifest)
    sha256 = staticmethod(sha256)


@pytest.fixture(scope="session")
def tools() -> type[Tools]:
    return Tools

import hashlib
import inspect
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.model import OCI_INDEX, OCI_MANIFEST
from registry.server.config import ServerConfig, StorageConfig
from registry.server.database import open_database
from registry.server.testing import running_server
from scripts.postgres import Postgres, find_postgres, running_postgres
from scripts.versity import ACCESS, SECRET, Versity, find_versity, running_versity

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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL, with a database ``template`` of the current schema."""
    if find_postgres() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no PostgreSQL is installed here")
        pytest.skip("no PostgreSQL is installed here")
    with running_postgres() as server:
        open_database(server.create("template")).close()
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A database of one's own, of the current schema."""
    name = uuid.uuid4().hex
    yield postgres.create(name, "template")
    postgres.drop(name)


@pytest.fixture(scope="session")
def versity() -> Iterator[Versity]:
    """A real S3 server."""
    if not os.environ.get("TEST_S3"):
        pytest.skip("make interop runs this, with TEST_S3=1")
    if find_versity() is None:
        if os.environ.get("CI"):
            pytest.fail("versitygw is not available")
        pytest.skip("versitygw is not available: scripts/peers.py gets it")
    with running_versity() as server:
        yield server


ON_BOTH = {
    "test_blobs",
    "test_errors",
    "test_leases",
    "test_listings",
    "test_manifests",
    "test_together",
    "test_uploads",
}
"""Modules whose tests with ``api`` run over SQLite and over PostgreSQL."""


ON_S3 = {"test_blobs", "test_manifests", "test_uploads"}
"""Modules whose tests with ``api`` also run over SQLite and a bucket."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = metafunc.module.__name__.rpartition(".")[2]
    if "database" in metafunc.fixturenames and module in ON_BOTH:
        # Whoever asks for the folder looks into it.
        in_folder = "data" in inspect.signature(metafunc.function).parameters
        more = ["s3"] if module in ON_S3 and not in_folder else []
        metafunc.parametrize("database", ["sqlite", "postgresql", *more], indirect=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'registry.db'}"
        return
    postgres: Any = request.getfixturevalue("postgres")
    name = uuid.uuid4().hex
    yield postgres.create(name)
    postgres.drop(name)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str | None:
    """The database behind ``api``; None: a file."""
    if getattr(request, "param", "sqlite") != "postgresql":
        return None
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> Iterator[StorageConfig]:
    """Where bytes are behind ``api``; by default a folder."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is None or callspec.params.get("database") != "s3":
        yield StorageConfig()
        return
    server: Versity = request.getfixturevalue("versity")
    bucket = server.create()
    yield StorageConfig(f"s3://{bucket}", endpoint=server.endpoint, access_key=ACCESS, secret_key=SECRET)
    server.drop(bucket)


@pytest.fixture
def api(data: Path, database: str | None, storage: StorageConfig) -> Iterator[Api]:
    config = ServerConfig(data, database=database, storage=storage)
    with running_server(data, config) as address, requests.Session() as session:
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

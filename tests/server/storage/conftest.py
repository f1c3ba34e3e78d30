from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.server.config import ServerConfig, StorageConfig
from scripts.versity import ACCESS, SECRET, Versity
from tests.server.storage.bench import Bench
from tests.server.storage.trouble import Trouble


@pytest.fixture
def bucket(versity: Versity) -> Iterator[str]:
    """A bucket of one's own."""
    name = versity.create()
    yield name
    versity.drop(name)


@pytest.fixture
def place(bucket: str, versity: Versity) -> StorageConfig:
    """That bucket, as settings; below a prefix, as is usual."""
    return StorageConfig(f"s3://{bucket}/some/where", endpoint=versity.endpoint, access_key=ACCESS, secret_key=SECRET)


@pytest.fixture
def s3(place: StorageConfig, versity: Versity, tmp_path: Path) -> Bench:
    (tmp_path / "data").mkdir()
    return Bench(ServerConfig(tmp_path / "data", storage=place), versity.folder / place.bucket)


@pytest.fixture(params=["folder", "s3"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Every storage there is."""
    if request.param == "s3":
        found: Bench = request.getfixturevalue("s3")
        return found
    (tmp_path / "data").mkdir()
    return Bench(ServerConfig(tmp_path / "data"), tmp_path / "data")


@pytest.fixture
def trouble(versity: Versity) -> Iterator[Trouble]:
    """A way to the bucket on which things happen."""
    with Trouble.started(versity.port) as trouble:
        yield trouble

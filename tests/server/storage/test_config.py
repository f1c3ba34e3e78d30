import asyncio
import os
from pathlib import Path

import pytest

from registry.errors import InvalidConfiguration, StorageFailed
from registry.server.config import StorageConfig
from registry.server.storage.bucket import Bucket
from registry.server.storage.protocol import StorageDown
from registry.server.storage.s3 import part_size


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [("s3://blobs", "blobs", ""), ("s3://blobs/", "blobs", ""), ("s3://my.blobs/a/b/", "my.blobs", "a/b/")],
)
def test_places(url: str, bucket: str, prefix: str) -> None:
    config = StorageConfig(url)
    assert (config.bucket, config.prefix) == (bucket, prefix)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "s3://"},
        {"url": "s3://UPPER"},
        {"url": "http://bucket"},
        {"url": "s3://bucket/a?b"},
        {"endpoint": "bucket.example"},
        {"endpoint": "https://user:hunter22@bucket.example"},
        {"access_key": "known", "url": "s3://bucket"},
        {"secret_key": "hunter22"},
        {"timeout": 0.0},
        {"attempts": 0},
    ],
)
def test_what_cannot_work_is_refused(fields: dict) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        StorageConfig(**fields)
    assert "hunter22" not in f"{caught.value} {caught.value.hint}"


def test_the_secret_is_not_shown() -> None:
    assert "hunter22" not in repr(StorageConfig("s3://bucket", access_key="known", secret_key="hunter22"))


@pytest.mark.parametrize("largest", [1, 64 * 1024**3, 1024**4])
def test_there_are_never_too_many_parts(largest: int) -> None:
    assert part_size(largest) >= 5 * 1024 * 1024
    assert -(-largest // part_size(largest)) < 10_000


def test_a_bucket_without_credentials_says_where_to_put_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    async def ask() -> StorageFailed:
        bucket = Bucket(StorageConfig("s3://blobs", endpoint="http://127.0.0.1:1"))
        with pytest.raises(StorageFailed) as caught:
            await bucket.check("probe")
        with pytest.raises(StorageDown, match="there are no credentials for it"):
            await bucket.size("probe")
        await bucket.close()
        return caught.value

    failure = asyncio.run(ask())
    assert str(failure.cause).startswith("there are no credentials for it")
    assert "storage.access_key" in str(failure.hint)

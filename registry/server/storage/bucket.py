"""A bucket of an S3 server: what is asked of it, and what its errors mean. Nothing here knows what a blob is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from registry.errors import StorageFailed
from registry.server.config.storage import StorageConfig
from registry.server.storage.buffer import Sealed
from registry.server.storage.protocol import StorageDown

__all__ = ["Bucket", "ObjectReader"]

_CHUNK = 1024 * 1024
_CONNECTIONS = 4096
"""More than the server has: nobody waits for a connection that a slow reader holds."""

_CONNECT_SECONDS = 5.0
_COPY_LIMIT = 1024**3
"""Bytes that are copied in one request; a bucket takes five times as many."""

_MISSING = {"NoSuchKey", "NoSuchUpload", "InvalidPart", "404", "NotFound", "InvalidRange", "416"}

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (NoCredentialsError, "there are no credentials for it, in the settings or where S3 clients look"),
    (PartialCredentialsError, "of its credentials, only a part is there"),
    (NoRegionError, "its region is not known"),
    (ConnectTimeoutError, "it took too long to connect"),
    (EndpointConnectionError, "nobody answers at its address"),
    (ReadTimeoutError, "it stood still for too long"),
    (TimeoutError, "it took too long"),
)


class Bucket:
    """Objects by key. All that waits raises StorageDown when the bucket does not answer within its bounds.

    Belongs to the event loop that uses it first.
    """

    def __init__(self, config: StorageConfig) -> None:
        self._config = config
        self._name = config.bucket
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None

    async def _s3(self) -> Any:  # noqa: ANN401  the library makes its methods when it runs
        async with self._opening:
            if self._client is None:
                self._client = await self._stack.enter_async_context(
                    get_session().create_client(
                        "s3",
                        region_name=self._config.region or ("us-east-1" if self._config.endpoint else None),
                        endpoint_url=self._config.endpoint,
                        aws_access_key_id=self._config.access_key,
                        aws_secret_access_key=self._config.secret_key,
                        config=self._settings(),
                    )
                )
        return self._client

    def _settings(self) -> AioConfig:
        return AioConfig(
            connect_timeout=min(_CONNECT_SECONDS, self._config.timeout),
            read_timeout=self._config.timeout,
            max_pool_connections=_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": self._config.attempts},
            signature_version="s3v4",
            # Content-MD5 guards the bytes, and every server knows it; hashing once more would cost as much as ours.
            s3={"addressing_style": "path" if self._config.path_style else "auto", "payload_signing_enabled": False},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    async def _ask(self, operation: str, key: str, **options: object) -> dict[str, Any]:
        client = await self._s3()
        async with _translated():
            answer: dict[str, Any] = await getattr(client, operation)(Bucket=self._name, Key=key, **options)
        return answer

    async def check(self, probe: str) -> None:
        """Write and delete an object. Raises StorageFailed, which says why that does not work."""
        try:
            client = await self._s3()
            await client.put_object(Bucket=self._name, Key=probe, Body=b"")
            await client.list_objects_v2(Bucket=self._name, Prefix=probe, MaxKeys=1)
            await client.delete_object(Bucket=self._name, Key=probe)
        except (BotoCoreError, ClientError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _unusable(self._name, error) from error

    # -- objects --------------------------------------------------------------------------------------

    async def put(self, key: str, content: Sealed) -> None:
        """Store an object of at most one part."""
        await self._ask("put_object", key, **_body(content))

    async def size(self, key: str) -> int:
        """How many bytes an object has. Raises FileNotFoundError."""
        answer = await self._ask("head_object", key)
        return int(answer["ContentLength"])

    async def open(self, key: str, size: int, start: int = 0, stop: int | None = None) -> "ObjectReader":
        """Read an object, which must have ``size`` bytes, or some of them. Raises FileNotFoundError."""
        reader = ObjectReader(self, key, size, start, size if stop is None else stop)
        await reader.begin()
        return reader

    async def stream(self, key: str, start: int, stop: int, size: int) -> "Body":
        """The body of one answer. Raises FileNotFoundError when there is no object of that size."""
        options = {} if (start, stop) == (0, size) else {"Range": f"bytes={start}-{stop - 1}"}
        answer = await self._ask("get_object", key, **options)
        whole = str(answer.get("ContentRange", "")).rpartition("/")[2] or answer["ContentLength"]
        if int(whole) != size:
            answer["Body"].close()
            raise FileNotFoundError(key)
        body: Body = answer["Body"]
        return body

    async def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            await self._ask("delete_object", key)

    async def keys(self, prefix: str) -> list[str]:
        """All keys that begin so; to be asked only for prefixes with few of them."""
        client = await self._s3()
        found: list[str] = []
        async with _translated():
            async for page in client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix):
                found += [each["Key"] for each in page.get("Contents", ())]
        return found

    async def link(self, key: str, seconds: int) -> str:
        """A URL by which everybody may read an object for a while."""
        client = await self._s3()
        named = {
            "Bucket": self._name,
            "Key": key,
            "ResponseContentType": "application/octet-stream",
            "ResponseContentDisposition": "attachment",
        }
        async with _translated():
            url: str = await client.generate_presigned_url("get_object", Params=named, ExpiresIn=seconds)
        return url

    # -- objects in parts -----------------------------------------------------------------------------

    async def begin_parts(self, key: str) -> str:
        """An object that will come in parts: its multipart id."""
        answer = await self._ask("create_multipart_upload", key, ContentType="application/octet-stream")
        return str(answer["UploadId"])

    async def put_part(self, key: str, multipart: str, number: int, content: Sealed) -> str:
        """Store one part: its entity tag. Raises FileNotFoundError when the multipart upload has ended."""
        answer = await self._ask("upload_part", key, UploadId=multipart, PartNumber=number, **_body(content))
        return str(answer["ETag"])

    async def finish_parts(self, key: str, multipart: str, tags: Sequence[str]) -> None:
        """Make an object of the parts with these entity tags, and no others.

        Raises FileNotFoundError when the multipart upload has ended.
        """
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        await self._ask("complete_multipart_upload", key, UploadId=multipart, MultipartUpload={"Parts": parts})

    async def abort_parts(self, key: str) -> None:
        """End all multipart uploads of a key, and delete their parts."""
        client = await self._s3()
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=self._name, Prefix=key)
        async with _translated():
            found = [each async for page in pages for each in page.get("Uploads", ()) if each["Key"] == key]
        for each in found:
            with contextlib.suppress(FileNotFoundError):
                await self._ask("abort_multipart_upload", key, UploadId=each["UploadId"])

    async def move(self, source: str, target: str, limit: int = _COPY_LIMIT) -> None:
        """Give an object another key; at most ``limit`` bytes of it in one request. Raises FileNotFoundError."""
        size, place = await self.size(source), {"Bucket": self._name, "Key": source}
        if size <= limit:
            await self._ask("copy_object", target, CopySource=place)
        else:
            await self._copy_parts(place, target, [(at, min(at + limit, size)) for at in range(0, size, limit)])
        await self.delete(source)

    async def _copy_parts(self, place: dict[str, str], target: str, spans: list[tuple[int, int]]) -> None:
        multipart = await self.begin_parts(target)
        tags = []
        for number, (start, stop) in enumerate(spans, 1):
            named = {"CopySource": place, "CopySourceRange": f"bytes={start}-{stop - 1}"}
            answer = await self._ask("upload_part_copy", target, UploadId=multipart, PartNumber=number, **named)
            tags.append(str(answer["CopyPartResult"]["ETag"]))
        await self.finish_parts(target, multipart, tags)

    async def close(self) -> None:
        """Close all connections."""
        await self._stack.aclose()


class Body(Protocol):
    """What an answer brings."""

    async def read(self, amount: int) -> bytes:
        """At most so many bytes; none at the end."""

    def close(self) -> None:
        """Close the connection, unless everything was read."""


class ObjectReader:
    """Bytes of an object from ``position`` to ``stop``; a broken connection is made anew, a few times."""

    def __init__(self, bucket: Bucket, key: str, size: int, start: int, stop: int) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self._position = start
        self._stop = stop
        self._body: Body | None = None
        self._chances = 3

    async def begin(self) -> None:
        """Wait for the first answer."""
        self._body = await self._bucket.stream(self._key, self._position, self._stop, self._size)

    async def read(self) -> bytes:
        """Some bytes, at most 1 MiB; none at the end. Raises StorageDown."""
        while self._position < self._stop:
            try:
                async with _translated():
                    assert self._body is not None
                    data = await self._body.read(min(_CHUNK, self._stop - self._position))
            except StorageDown:
                data = b""
            if data:
                self._position += len(data)
                return data
            await self._resume()
        return b""

    async def _resume(self) -> None:
        self.close()
        self._chances -= 1
        if self._chances < 0:
            raise StorageDown("the bucket broke off several times")
        await self.begin()

    def close(self) -> None:
        """Let go of the connection; it is of further use only when everything was read."""
        if self._body is not None:
            self._body.close()
            self._body = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """All that is left."""
        try:
            while data := await self.read():
                yield data
        finally:
            self.close()


def _body(content: Sealed) -> dict[str, object]:
    # The bucket refuses bytes that were damaged on the way.
    return {"Body": content.file, "ContentLength": content.size, "ContentMD5": content.md5}


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Errors of the library as FileNotFoundError or StorageDown, without what they say about the request."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in _MISSING:
            raise FileNotFoundError(code) from error
        raise StorageDown(f"the bucket answers {error.operation_name} with {code}") from error
    except (BotoCoreError, aiohttp.ClientError, TimeoutError) as error:
        raise StorageDown(f"the bucket does not answer ({_reason(error)})") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "an error"))


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _reason(error: Exception) -> str:
    """What kept a request from an answer, in words; the library's own may quote the request."""
    return next((words for kind, words in _REASONS if isinstance(error, kind)), type(error).__name__)


def _unusable(name: str, error: Exception) -> StorageFailed:
    hint = "is its server up, and are storage.endpoint and storage.region right?"
    if isinstance(error, NoCredentialsError):
        hint = "give storage.access_key and storage.secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    elif isinstance(error, ClientError) and _code(error) == "NoSuchBucket":
        hint = "create the bucket; the registry never does"
    elif isinstance(error, ClientError) and _status(error) in (401, 403):
        hint = "these credentials must be allowed to get, put, list and delete objects there"
    cause = _code(error) if isinstance(error, ClientError) else _reason(error)
    return StorageFailed(f"cannot use the bucket {name}", cause=cause, hint=hint)

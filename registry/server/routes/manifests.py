"""Manifests and indexes: get, push, delete (distribution-spec 1.1, end-3, end-7 and end-9)."""

import asyncio
from typing import IO

from starlette.requests import Request
from starlette.responses import Response

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.model import MAX_MANIFEST, parse_document
from registry.server.bodies import HELD, write_body
from registry.server.metadata.manifests import (
    MissingContent,
    NewManifest,
    find_manifest,
    remove_manifest,
    store_manifest,
)
from registry.server.metadata.tags import remove_tag
from registry.server.parameters import pushed_tags, reference_of, repository_of
from registry.server.refusal import Refusal, manifest_unknown
from registry.server.services import Services

__all__ = ["Manifests"]

_MAX_DETAILS = 100


class Manifests:
    """Manifests of a repository, by tag or digest."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """The bytes as they were pushed, or with HEAD only what they are."""
        repository, reference = repository_of(request), reference_of(request)
        content = request.method != "HEAD"
        found = self._services.read(
            lambda connection: find_manifest(connection, repository, reference, content=content)
        )
        if found is None:
            raise manifest_unknown(str(reference))
        headers = {
            "content-type": found.media_type,
            "content-length": str(found.size),
            "docker-content-digest": str(found.digest),
            "etag": f'"{found.digest}"',
        }
        if not content:
            return Response(headers=headers)
        return self._services.answer(found.content, headers)

    async def put(self, request: Request) -> Response:
        """Keep a manifest and let its tags mean it."""
        repository, reference = repository_of(request), reference_of(request)
        extra = pushed_tags(request)
        names = extra if isinstance(reference, Digest) else (reference, *extra)
        with self._services.spools.scratch(HELD) as body:
            await write_body(request, body, MAX_MANIFEST, self._services.config.patience)
            async with self._services.documents:
                # Parsing up to 4 MiB of JSON would keep everyone else waiting.
                new = await asyncio.to_thread(_parse, body, request.headers.get("content-type", ""), reference)
                await self._store(repository, new, names)
                return _created(repository, new, extra)

    async def _store(self, repository: str, new: NewManifest, names: tuple[str, ...]) -> None:
        try:
            await self._services.write(lambda connection: store_manifest(connection, repository, new, names))
        except MissingContent as error:
            missing = tuple(error.digests[:_MAX_DETAILS])
            raise Refusal(
                404, "MANIFEST_BLOB_UNKNOWN", "the repository lacks what the manifest needs", details=missing
            ) from error

    async def delete(self, request: Request) -> Response:
        """Delete a tag; or, by digest, a manifest and all tags that mean it."""
        repository, reference = repository_of(request), reference_of(request)
        if isinstance(reference, Digest):
            gone = await self._services.write(lambda connection: remove_manifest(connection, repository, reference))
        else:
            gone = await self._services.write(lambda connection: remove_tag(connection, repository, reference))
        if not gone:
            raise manifest_unknown(str(reference))
        return Response(status_code=202)


def _parse(body: IO[bytes], content_type: str, reference: Digest | str) -> NewManifest:
    expected = reference if isinstance(reference, Digest) else None
    body.seek(0)
    content = body.read()
    digest = Digest.of(content, expected.algorithm if expected else "sha256")
    if expected not in (None, digest):
        raise Refusal(400, "DIGEST_INVALID", "the manifest has another digest", details=(str(digest),))
    try:
        document = parse_document(content, content_type.partition(";")[0].strip())
    except InvalidDocument as error:
        raise Refusal(400, "MANIFEST_INVALID", str(error)) from error
    return NewManifest(digest, content, document)


def _created(repository: str, new: NewManifest, tags: tuple[str, ...]) -> Response:
    headers = {"location": f"/v2/{repository}/manifests/{new.digest}", "docker-content-digest": str(new.digest)}
    if new.document.subject is not None:
        headers["oci-subject"] = str(new.document.subject.digest)
    response = Response(status_code=201, headers=headers)
    for tag in tags:
        response.headers.append("oci-tag", tag)
    return response

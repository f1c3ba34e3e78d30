"""Manifests and indexes: get, push, delete (distribution-spec 1.1, end-3, end-7 and end-9)."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import IO

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.model import MAX_MANIFEST, Descriptor, parse_document
from registry.server import crashes
from registry.server.access.gate import Permit
from registry.server.access.principals import Action
from registry.server.admission.asking import Asking
from registry.server.bodies import declared_length, write_body
from registry.server.metadata.leases import seconds_left
from registry.server.metadata.manifests import (
    MissingContent,
    NewManifest,
    StoredManifest,
    find_manifest,
    postpone_manifest,
    remove_manifest,
    store_manifest,
)
from registry.server.metadata.quotas import expect_room
from registry.server.metadata.tags import remove_tag
from registry.server.parameters import lease_of, pushed_tags, reference_of, repository_of
from registry.server.refusal import Refusal, manifest_unknown, warning_text
from registry.server.routes.admitting import ask_about_tags
from registry.server.services import KEPT_UNTIL, Services

__all__ = ["Manifests", "manifest_headers"]

_MAX_DETAILS = 100


class Manifests:
    """Manifests of a repository, by tag or digest."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """The bytes as they were pushed, or with HEAD only what they are."""
        repository, reference = repository_of(request), reference_of(request)
        permit = self._services.permit(request)

        def find(connection: Connection) -> StoredManifest | None:
            permit.require(connection, repository, Action.PULL)
            return find_manifest(connection, repository, reference)

        found = await self._services.read(find)
        if found is None or (isinstance(reference, Digest) and not await self._postpone(request, found, reference)):
            raise manifest_unknown(str(reference))
        if request.method == "HEAD":
            return Response(headers=manifest_headers(found))
        return self._services.answer(found.content, manifest_headers(found))

    async def _postpone(self, request: Request, found: StoredManifest, reference: Digest) -> bool:
        """Whoever is told of a manifest by its digest may be about to list it. False: it has just gone."""
        if found.due is None:
            return True
        request.scope[KEPT_UNTIL] = again = self._services.again(found.due)
        if again >= time.time():
            return True
        repository = repository_of(request)

        def postpone(connection: Connection, due: float) -> bool:
            postpone_manifest(connection, repository, reference, due)
            return find_manifest(connection, repository, reference) is not None

        return await self._services.prolong(postpone)

    async def put(self, request: Request) -> Response:
        """Keep a manifest and let its tags mean it."""
        repository, reference = repository_of(request), reference_of(request)
        permit, extra, lease = self._services.permit(request), pushed_tags(request), lease_of(request)
        length = declared_length(request) or 0

        def check(connection: Connection) -> None:
            permit.require(connection, repository, Action.PUSH)
            expect_room(connection, repository, length)

        await self._services.read(check)
        names = extra if isinstance(reference, Digest) else (reference, *extra)
        with self._services.scratch() as body:
            await write_body(request, body, MAX_MANIFEST, self._services.config.patience)
            parse = partial(_parse, body, request.headers.get("content-type", ""), reference)
            if self._services.admission is not None and names:
                # Whoever decides may take long, and others' manifests do not wait for that.
                await self._ask(self._services.admission, permit, repository, parse, names)
            async with self._services.documents:
                # Parsing up to 4 MiB of JSON would keep everyone else waiting.
                new = await asyncio.to_thread(parse)
                kept = await self._store(permit, repository, replace(new, lease=lease), names)
                granted = None if lease is None or names else seconds_left(kept) or 0
                return _created(repository, new, extra, granted)

    async def _ask(
        self,
        admission: Asking,
        permit: Permit,
        repository: str,
        parse: Callable[[], NewManifest],
        names: tuple[str, ...],
    ) -> None:
        """Go on only when all the tags may mean the manifest."""
        async with admission.room:
            async with self._services.documents:
                new = await asyncio.to_thread(parse)
            kind, digest, content = new.document.media_type, new.digest, new.content
            del new
            descriptor = Descriptor(kind, digest, len(content))
            await ask_about_tags(self._services, admission, permit, (repository, names), descriptor, content)

    async def _store(self, permit: Permit, repository: str, new: NewManifest, names: tuple[str, ...]) -> float | None:
        due = self._services.due()

        def store(connection: Connection) -> float | None:
            permit.require(connection, repository, Action.PUSH)
            lease = store_manifest(connection, permit, repository, new, names, due=due)
            crashes.passing(crashes.Point.MANIFEST_STORED)
            return lease

        try:
            lease = await self._services.write(store)
            crashes.passing(crashes.Point.MANIFEST_COMMITTED)
        except MissingContent as error:
            missing = tuple(error.digests[:_MAX_DETAILS])
            raise Refusal(
                404, "MANIFEST_BLOB_UNKNOWN", "the repository lacks what the manifest needs", details=missing
            ) from error
        return lease

    async def delete(self, request: Request) -> Response:
        """Delete a tag; or, by digest, a manifest and all tags that mean it."""
        repository, reference = repository_of(request), reference_of(request)
        permit, due = self._services.permit(request), self._services.due()

        def remove(connection: Connection) -> bool:
            permit.require(connection, repository, Action.DELETE)
            if isinstance(reference, Digest):
                return remove_manifest(connection, permit, repository, reference, due=due)
            return remove_tag(connection, permit, repository, reference, due=due)

        if not await self._services.write(remove):
            raise manifest_unknown(str(reference))
        return Response(status_code=202)


def manifest_headers(found: StoredManifest) -> dict[str, str]:
    """What is said of a manifest: how to read it, its name, and whether it should be used."""
    headers = {
        "content-type": found.media_type,
        "content-length": str(found.size),
        "docker-content-digest": found.digest,
        "etag": f'"{found.digest}"',
    }
    if found.lease is not None:
        headers["wasmbuild-lease-ends"] = datetime.fromtimestamp(found.lease, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if found.yanked is not None:
        headers["warning"] = f'299 - "{warning_text(found.yanked)}"'
    return headers


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
    if "\0" in (document.kind or ""):
        raise Refusal(400, "MANIFEST_INVALID", "the artifact type has a NUL, which no media type has")
    return NewManifest(digest, content, document, pinned=expected is not None)


def _created(repository: str, new: NewManifest, tags: tuple[str, ...], granted: int | None) -> Response:
    headers = {"location": f"/v2/{repository}/manifests/{new.digest}", "docker-content-digest": str(new.digest)}
    if new.document.subject is not None:
        headers["oci-subject"] = str(new.document.subject.digest)
    if granted is not None:
        headers["wasmbuild-lease"] = str(granted)
    response = Response(status_code=201, headers=headers)
    for tag in tags:
        response.headers.append("oci-tag", tag)
    return response

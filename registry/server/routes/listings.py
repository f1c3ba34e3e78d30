"""Lists: repositories, tags, referrers (distribution-spec 1.1, end-8 and end-12; ``_catalog``)."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from registry.model import MAX_MANIFEST, OCI_INDEX, Descriptor, Index
from registry.server.access.gate import Permit
from registry.server.access.principals import Action
from registry.server.metadata.manifests import referrers
from registry.server.metadata.repositories import repository_names
from registry.server.metadata.tags import tag_names
from registry.server.metadata.yanks import yanked_tags
from registry.server.parameters import Page, digest_of, next_page, page_of, repository_of
from registry.server.refusal import name_unknown
from registry.server.services import Services
from registry.strictjson import canonical_json

__all__ = ["Listings"]

_NAMES_SEEN = 100_000
"""Repositories that are looked at for one page, however few of them the reader may see."""


class Listings:
    """Lists, in the order of their bytes, in pages."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ping(self, request: Request) -> Response:  # noqa: ARG002
        """This is a registry of version 2 (end-1)."""
        headers = {"docker-distribution-api-version": "registry/2.0"}
        return Response("{}", headers=headers, media_type="application/json")

    async def repositories(self, request: Request) -> Response:
        """Names of repositories that may be pulled from."""
        page, permit = page_of(request), self._services.permit(request)

        def names(connection: Connection) -> list[str]:
            return list(islice(_readable(connection, permit, page), page.limit + 1))

        return _names(request, page, {}, "repositories", await self._services.read(names))

    async def tags(self, request: Request) -> Response:
        """Tags of a repository."""
        repository, page = repository_of(request), page_of(request)
        permit = self._services.permit(request)

        def names(connection: Connection) -> tuple[list[str], dict[str, str]] | None:
            permit.require(connection, repository, Action.PULL)
            found = tag_names(connection, repository, page.after, page.limit + 1)
            return None if found is None else (found, yanked_tags(connection, repository, found[: page.limit]))

        answer = await self._services.read(names)
        if answer is None:
            raise name_unknown(repository)
        found, yanked = answer
        tail = {"yanked": yanked} if yanked else {}
        return _names(request, page, {"name": repository}, "tags", found, tail)

    async def referrers(self, request: Request) -> Response:
        """Descriptors of what has a manifest as its subject, in an index; never 404."""
        repository, digest = repository_of(request), digest_of(request)
        kind, page = request.query_params.get("artifactType"), page_of(request)
        permit = self._services.permit(request)

        def find(connection: Connection) -> tuple[list[Descriptor], bool]:
            permit.require(connection, repository, Action.PULL)
            return _fill(referrers(connection, repository, digest, kind, page.after), page.limit)

        found, more = await self._services.read(find)
        content = Index(manifests=tuple(found)).encode()
        response = self._services.answer(content, {"content-type": OCI_INDEX})
        if kind is not None:
            response.headers["oci-filters-applied"] = "artifactType"
        if more and found:
            query = {"artifactType": kind} if kind is not None else {}
            response.headers["link"] = next_page(request, page, {**query, "last": str(found[-1].digest)})
        return response


def _readable(connection: Connection, permit: Permit, page: Page) -> Iterator[str]:
    after, seen = page.after, 0
    while seen < _NAMES_SEEN and (names := repository_names(connection, after, page.limit + 1)):
        yield from (name for name in names if permit.may(connection, name, Action.PULL))
        after, seen = names[-1], seen + len(names)


def _fill(entries: Iterator[Descriptor], limit: int) -> tuple[list[Descriptor], bool]:
    """As many entries as an index of ``MAX_MANIFEST`` bytes holds; and whether there are more."""
    found: list[Descriptor] = []
    size = 200
    for entry in entries:
        size += len(canonical_json(entry.to_json())) + 1
        if len(found) == limit or (found and size > MAX_MANIFEST):
            return found, True
        found.append(entry)
    return found, False


def _names(
    request: Request,
    page: Page,
    head: dict[str, str],
    field: str,
    names: list[str],
    tail: Mapping[str, object] = MappingProxyType({}),
) -> Response:
    shown = names[: page.limit]
    response = Response(json.dumps({**head, field: shown, **tail}), media_type="application/json")
    if len(names) > page.limit and shown:
        response.headers["link"] = next_page(request, page, {"last": shown[-1]})
    return response

"""What a tag meant before (in the spirit of distribution-spec pull request 606, "tag history").

::

    GET /v2/<name>/_oci/tag-history/<tag>?n=<number>&last=<id>

    {"name": "team/app", "tag": "latest", "history": [
        {"id": 7, "timestamp": "2026-01-02T03:04:05.678901Z", "digest": "sha256:…"},
        {"id": 5, "timestamp": "2026-01-01T00:00:00.000000Z", "digest": null}]}

The newest comes first; ``digest`` null says that the tag was deleted. Whoever may push is told, too,
who it was (``actor``). There is a ``Link`` when there is more. A history outlives its tag.
"""

import json
from datetime import UTC, datetime

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from registry.reference import valid_tag
from registry.server.access.principals import Action
from registry.server.metadata.tags import TagEvent, tag_events
from registry.server.parameters import Page, next_page, page_of, repository_of
from registry.server.refusal import Refusal, manifest_unknown
from registry.server.services import Services

__all__ = ["History"]

_NEWEST = 2**63 - 1


class History:
    """Histories of tags."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def tag(self, request: Request) -> Response:
        """What one tag meant, and from when on."""
        repository, name = repository_of(request), request.path_params["tag"]
        if not valid_tag(name):
            raise manifest_unknown(name)
        page, permit = page_of(request), self._services.permit(request)
        before = _id(page)

        def find(connection: Connection) -> tuple[list[TagEvent], bool, bool]:
            permit.require(connection, repository, Action.PULL)
            events = tag_events(connection, repository, name, before, page.limit + 1)
            known = bool(events) or bool(tag_events(connection, repository, name, _NEWEST, 1))
            return events, known, permit.may(connection, repository, Action.PUSH)

        events, known, trusted = await self._services.read(find)
        if not known:
            raise manifest_unknown(name)
        shown = events[: page.limit]
        body = {"name": repository, "tag": name, "history": [_entry(event, trusted) for event in shown]}
        response = Response(json.dumps(body), media_type="application/json")
        if len(events) > page.limit and shown:
            response.headers["link"] = next_page(request, page, {"last": str(shown[-1].id)})
        return response


def _id(page: Page) -> int:
    text = page.after
    if not text:
        return _NEWEST
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refusal(400, "UNSUPPORTED", "last must be the id of an entry", details=(text[:100],))
    return int(text)


def _entry(event: TagEvent, trusted: bool) -> dict[str, object]:
    moment = datetime.fromtimestamp(event.moved, UTC).isoformat(timespec="microseconds")
    entry = {"id": event.id, "timestamp": moment.replace("+00:00", "Z"), "digest": event.digest}
    return {**entry, "actor": event.actor} if trusted else entry

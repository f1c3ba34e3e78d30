"""The paths of a repository's content: one look at a path instead of one for each route.

Starlette tries one route after another; with a dozen of them that is a tenth of what a small push
costs. What is matched here is what its routes would match.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from registry.server.routes.blobs import Blobs
from registry.server.routes.listings import Listings
from registry.server.routes.manifests import Manifests
from registry.server.routes.uploads import Uploads
from registry.server.services import Services

__all__ = ["ContentRoute"]

Endpoint = Callable[[Request], Awaitable[Response]]

_LOGGER = logging.getLogger(__name__)

# The name is as long as it can be: a repository may be called as a part of these paths.
_PATH = re.compile(
    r"/v2/(?P<name>.*)/(?:"
    r"(?P<manifests>manifests)/(?P<reference>[^/]+)"
    r"|(?P<uploads>blobs/uploads)/(?P<upload>[^/]*)"
    r"|(?P<blobs>blobs)/(?P<digest>[^/]+)"
    r"|(?P<tags>tags/list)"
    r"|(?P<referrers>referrers)/(?P<subject>[^/]+)"
    r")",
    re.DOTALL,
)
_KINDS = ("manifests", "uploads", "blobs", "tags", "referrers")


class ContentRoute(BaseRoute):
    """Manifests, blobs, uploads, tags and referrers of every repository."""

    def __init__(self, services: Services) -> None:
        blobs, uploads = Blobs(services), Uploads(services)
        manifests, listings = Manifests(services), Listings(services)
        self._endpoints: dict[str, dict[str, Endpoint]] = {
            "manifests": {
                "GET": manifests.get,
                "HEAD": manifests.get,
                "PUT": manifests.put,
                "DELETE": manifests.delete,
            },
            "blobs": {"GET": blobs.get, "HEAD": blobs.get, "DELETE": blobs.delete},
            "begin": {"POST": uploads.begin},
            "uploads": {
                "GET": uploads.status,
                "HEAD": uploads.status,
                "PATCH": uploads.append,
                "PUT": uploads.finish,
                "DELETE": uploads.cancel,
            },
            "tags": {"GET": listings.tags, "HEAD": listings.tags},
            "referrers": {"GET": listings.referrers, "HEAD": listings.referrers},
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is one of these; then what it names, and who answers."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return Match.NONE, {}
        named = {name: text for name, text in found.groupdict().items() if text is not None}
        kind = next(kind for kind in _KINDS if kind in named)
        if kind == "uploads" and not named["upload"]:
            kind = "begin"
        if "subject" in named:
            named["digest"] = named["subject"]
        return Match.FULL, {"path_params": named, "endpoint": self._endpoints[kind]}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises HTTPException (405) for a method that is not known there."""
        methods: dict[str, Endpoint] = scope["endpoint"]
        endpoint = methods.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
        response = await endpoint(Request(scope, receive))
        try:
            await response(scope, receive, send)
        except OSError as error:
            # Its beginning has left: what is missing at its end tells the client that it is not whole.
            _LOGGER.warning("an answer was broken off: %s", str(error) or "the client does not read it")

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:  # noqa: ANN401  as the base says
        """No name leads here."""
        raise NoMatchFound(name, path_params)

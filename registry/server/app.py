"""The server as an ASGI application: routes, and what becomes of errors.

Nothing is configured when this is imported; each call of :func:`create_app` makes a server of its
own. Not in here: sockets and signals (``runtime``).
"""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from registry.server.access.loopback import LoopbackGuard
from registry.server.config import ServerConfig
from registry.server.connections import CloseUnread
from registry.server.refusal import Refusal, error_response
from registry.server.routes.blobs import Blobs
from registry.server.routes.listings import Listings
from registry.server.routes.manifests import Manifests
from registry.server.routes.uploads import Uploads
from registry.server.services import Services, open_services

__all__ = ["create_app"]

_EXPIRY_SECONDS = 600
_LOGGER = logging.getLogger(__name__)


def create_app(config: ServerConfig) -> Starlette:
    """A registry over ``config.data``, which is opened now and closed at the lifespan's end.

    Raises StorageFailed when the folder cannot be written to or its database cannot be used.
    """
    services = open_services(config)
    app = Starlette(
        routes=_routes(services),
        middleware=[Middleware(CloseUnread), Middleware(LoopbackGuard)],
        lifespan=lambda _: _lifespan(services),
    )
    app.router.redirect_slashes = False
    app.add_exception_handler(HTTPException, _answer_refusal)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(OSError, _answer_storage)
    app.add_exception_handler(Exception, _answer_bug)
    return app


def _routes(services: Services) -> list[Route]:
    blobs, uploads = Blobs(services), Uploads(services)
    manifests, listings = Manifests(services), Listings(services)
    one_upload = "/v2/{name:path}/blobs/uploads/{upload}"
    one_blob = "/v2/{name:path}/blobs/{digest}"
    one_manifest = "/v2/{name:path}/manifests/{reference}"
    return [
        Route("/v2/", listings.ping),
        Route("/v2", listings.ping),
        Route("/v2/_catalog", listings.repositories),
        Route(one_manifest, manifests.get, methods=["GET"]),
        Route(one_manifest, manifests.put, methods=["PUT"]),
        Route(one_manifest, manifests.delete, methods=["DELETE"]),
        Route("/v2/{name:path}/blobs/uploads/", uploads.begin, methods=["POST"]),
        Route(one_upload, uploads.status, methods=["GET"]),
        Route(one_upload, uploads.append, methods=["PATCH"]),
        Route(one_upload, uploads.finish, methods=["PUT"]),
        Route(one_upload, uploads.cancel, methods=["DELETE"]),
        Route(one_blob, blobs.get, methods=["GET"]),
        Route(one_blob, blobs.delete, methods=["DELETE"]),
        Route("/v2/{name:path}/tags/list", listings.tags),
        Route("/v2/{name:path}/referrers/{digest}", listings.referrers),
    ]


@asynccontextmanager
async def _lifespan(services: Services) -> AsyncIterator[None]:
    expiry = asyncio.create_task(_expire(services))
    try:
        yield
    finally:
        expiry.cancel()
        await asyncio.wait({expiry})
        await services.close()


async def _expire(services: Services) -> None:
    while True:
        try:
            await services.expire_uploads()
        except (OSError, SQLAlchemyError) as error:
            _LOGGER.warning("unfinished uploads could not be cleaned up: %s", error)
        await asyncio.sleep(_EXPIRY_SECONDS)


async def _answer_refusal(request: Request, error: Exception) -> Response:  # noqa: ARG001
    if isinstance(error, Refusal):
        return error.response()
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return error_response(405, "UNSUPPORTED", "this is not done here", headers=error.headers)
    return error_response(error.status_code, "UNSUPPORTED", "there is nothing of that name", headers=error.headers)


async def _answer_nobody(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return error_response(400, "BLOB_UPLOAD_INVALID", "the request's body ended early")


async def _answer_storage(request: Request, error: Exception) -> Response:  # noqa: ARG001
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return error_response(507, "UNKNOWN", "the registry's disk is full")
    raise error


async def _answer_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return error_response(500, "UNKNOWN", "the registry failed; its log says why", headers={"connection": "close"})

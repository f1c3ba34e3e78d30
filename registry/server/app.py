"""The server as an ASGI application: routes, and what becomes of errors.

Nothing is configured when this is imported; each call of :func:`create_app` makes a server of its
own. Not in here: sockets and signals (``runtime``).
"""

import asyncio
import errno
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from registry.server.access.door import Door
from registry.server.collection.background import keeping_house
from registry.server.collection.clock import Clock
from registry.server.config import ServerConfig
from registry.server.connections import CloseUnread
from registry.server.database.protocol import DatabaseDown
from registry.server.fast import KeptAnswers
from registry.server.observing.background import sending
from registry.server.observing.requests import Observer
from registry.server.refusal import Refusal, error_response
from registry.server.routes.auth import authorization_routes
from registry.server.routes.content import ContentRoute
from registry.server.routes.extensions import Extensions
from registry.server.routes.health import Health
from registry.server.routes.history import History
from registry.server.routes.listings import Listings
from registry.server.routes.together import TAGS_PATH, Together
from registry.server.services import Services, open_services
from registry.server.storage.protocol import StorageDown

__all__ = ["create_app"]

_EXPIRY_SECONDS = 600
_RETRY_SECONDS = "2"
_SICK = frozenset({errno.EIO, errno.EROFS, errno.ESTALE, errno.EMFILE, errno.ENFILE})
_LOGGER = logging.getLogger(__name__)


def create_app(config: ServerConfig) -> Starlette:
    """A registry over ``config.data``, which is opened now and closed at the lifespan's end.

    Raises StorageFailed when the folder cannot be written to or its database cannot be used.
    """
    services = open_services(config)
    app = Starlette(
        routes=_routes(services),
        middleware=_layers(services),
        lifespan=lambda _: _lifespan(services),
    )
    app.state.services = services
    app.router.redirect_slashes = False
    app.add_exception_handler(HTTPException, _answer_refusal)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(OSError, _answer_storage)
    app.add_exception_handler(Exception, _answer_bug)
    return app


def _layers(services: Services) -> list[Middleware]:
    """What a request goes through before a route, the outermost first."""
    return [
        Middleware(Observer, observing=services.observing),
        Middleware(CloseUnread),
        Middleware(Door, control=services.access),
        Middleware(KeptAnswers, services),
    ]


def _routes(services: Services) -> list[BaseRoute]:
    routes = _plain_routes(services)
    for route in routes:
        # Starlette's patterns end with "$", which is also before a line break at the end.
        route.path_regex = re.compile(rf"{route.path_regex.pattern}(?!\n)")
    return [ContentRoute(services), *routes]


def _plain_routes(services: Services) -> list[Route]:
    listings = Listings(services)
    health, extensions = Health(services), Extensions(services)
    return [
        Route("/v2/", listings.ping),
        Route("/v2", listings.ping),
        Route("/v2/_catalog", listings.repositories),
        Route("/v2/_oci/ext/discover", extensions.discover),
        Route("/v2/{name:path}/_oci/ext/discover", extensions.discover_here),
        Route(TAGS_PATH, Together(services).set, methods=["POST"]),
        Route("/.well-known/wasm-pkg/registry.json", extensions.packages),
        *authorization_routes(services.access, services.observing),
        Route("/healthz", health.alive),
        Route("/readyz", health.ready),
        Route("/metrics", health.metrics),
        Route("/v2/{name:path}/_oci/tag-history/{tag}", History(services).tag),
    ]


@asynccontextmanager
async def _lifespan(services: Services) -> AsyncIterator[None]:
    try:
        await services.access.start()
        await services.storage.check()
        services.observing.counters |= {"collection": services.collection, "database": services.database}
        expiry = asyncio.create_task(_expire(services))
        try:
            told = sending(services.config, services.database, services.observing, services.access.egress)
            async with keeping_house(services), told:
                yield
        finally:
            expiry.cancel()
            await asyncio.wait({expiry})
    finally:
        await services.close()


async def _expire(services: Services) -> None:
    clock = Clock(services.config.upload_lifetime)
    while True:
        try:
            if clock.steady():
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
    if isinstance(error, (DatabaseDown, StorageDown)):
        _LOGGER.warning("%s: %s", error, error.__cause__)
        return error_response(503, "UNKNOWN", f"{error} at the moment", headers={"retry-after": _RETRY_SECONDS})
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        _LOGGER.warning("the registry's disk is full")
        return error_response(507, "UNKNOWN", "the registry's disk is full")
    if isinstance(error, OSError) and error.errno in _SICK:
        _LOGGER.warning("the registry's disk cannot be used: %s", error)
        return error_response(
            503, "UNKNOWN", "the registry's disk cannot be used at the moment", headers={"retry-after": _RETRY_SECONDS}
        )
    raise error


async def _answer_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return error_response(500, "UNKNOWN", "the registry failed; its log says why", headers={"connection": "close"})

"""Whether the server lives, whether it can work, and its metrics."""

import asyncio

from sqlalchemy import Connection, func, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from registry.digest import Digest
from registry.server.access.principals import Action
from registry.server.refusal import NOSNIFF
from registry.server.schema import uploads
from registry.server.services import Services

__all__ = ["Health", "create_health_app"]

_SECONDS = 5.0
_NOTHING = Digest.of(b"whether the storage answers")
_KEY = "probe"
"""Without a key, a bucket would be asked for itself, and not for an object."""
_ONE = select(1)
_UPLOADS = select(func.count()).select_from(uploads)


class Health:
    """For whoever looks after the server. ``inside``: on an address of their own, where nobody is asked for more."""

    def __init__(self, services: Services, *, inside: bool = False) -> None:
        self._services = services
        self._inside = inside

    async def alive(self, request: Request) -> Response:  # noqa: ARG002
        """The process is up; nothing else is looked at, so that a slow disk restarts nobody."""
        return PlainTextResponse("ok\n", headers=NOSNIFF)

    async def ready(self, request: Request) -> Response:  # noqa: ARG002
        """Database and storage answer within seconds, and the server is not about to stop."""
        if self._services.observing.draining:
            return _not_ready("stopping")
        try:
            async with asyncio.timeout(_SECONDS):
                await self._services.read(lambda connection: connection.execute(_ONE).scalar_one())
                await self._services.storage.exists(_NOTHING, _KEY)
        except Exception as error:  # noqa: BLE001  whatever it is, this server cannot work now
            return _not_ready(type(error).__name__)
        return PlainTextResponse("ready\n", headers=NOSNIFF)

    async def metrics(self, request: Request) -> Response:
        """In the text format of Prometheus; for administrators, unless the settings say otherwise."""
        # A library that nobody needs who is not asked for metrics.
        from registry.server.observing.metrics import CONTENT_TYPE, render  # noqa: PLC0415

        services, permit = self._services, self._services.permit(request)
        public = self._inside or services.config.observing.metrics_public

        def look_up(connection: Connection) -> dict[str, float]:
            if not public:
                permit.require(connection, "", Action.ADMIN)
            return {"uploads_open": float(connection.execute(_UPLOADS).scalar_one())}

        facts = await services.read(look_up)
        return Response(render(services.observing, facts), headers={"content-type": CONTENT_TYPE, **NOSNIFF})


def _not_ready(reason: str) -> Response:
    return PlainTextResponse(f"not ready: {reason}\n", 503, headers={**NOSNIFF, "retry-after": "5"})


def create_health_app(services: Services) -> Starlette:
    """Metrics and health alone, for an address that only those reach who may read them."""
    health = Health(services, inside=True)
    paths = {"/healthz": health.alive, "/readyz": health.ready, "/metrics": health.metrics}
    return Starlette(routes=[Route(path, endpoint) for path, endpoint in paths.items()])

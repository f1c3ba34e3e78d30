"""What is sent while a server runs: webhooks, when there are any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from registry.server.access.egress import EgressGuard
from registry.server.config import ServerConfig
from registry.server.database import Database
from registry.server.observing.observing import Observing
from registry.server.observing.webhooks import Webhooks

__all__ = ["sending"]


@asynccontextmanager
async def sending(
    config: ServerConfig, database: Database, observing: Observing, egress: EgressGuard
) -> AsyncIterator[None]:
    """Send what webhooks are to hear, until it is left; what is not sent by then stays in the queue."""
    if not config.observing.webhooks:
        yield
        return
    webhooks = Webhooks(config.observing, database, observing.events, egress.deliver)
    observing.counters["webhooks"] = webhooks.counts
    task = asyncio.create_task(webhooks.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})

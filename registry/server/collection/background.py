"""What a running registry does on its own, now and then. Of several replicas, one at a time does it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from registry.server.collection.clock import Clock
from registry.server.collection.collector import Collector
from registry.server.collection.scrub import Scrubber
from registry.server.metadata.holds import claim_turn, turn_is_due
from registry.server.services import Services

__all__ = ["Housekeeping", "keeping_house"]

_SCRUB_SECONDS = 600.0
_RETRY_SECONDS = 5.0
_LOGGER = logging.getLogger(__name__)


class Housekeeping:
    """Collects and scrubs one registry, each in a turn of its own."""

    def __init__(self, services: Services, clock: Clock | None = None) -> None:
        self._services = services
        self._config = services.config.collection
        self._collector = Collector(services, clock)
        self._starting = True

    async def collect(self) -> None:
        """Collect, when it is this replica's turn."""
        config = self._config
        collection = await self._turn("collection", config.interval)
        # What a crash has left is looked for at the start as well: this replica may have been the one.
        orphans = await self._turn("orphans", config.orphans_interval) or self._starting
        retention = bool(config.retention) and await self._turn("retention", config.retention_interval)
        self._starting = False
        if collection or orphans or retention:
            await self._collector.run(orphans=orphans, retention=retention)

    async def scrub(self) -> None:
        """Read back what was not read back for long."""
        interval = self._config.scrub_interval
        if not interval:
            return
        scrubber = Scrubber(self._services, self._config.scrub_rate)
        if await self._turn("scrub", _SCRUB_SECONDS):
            await scrubber.run()
        if await self._turn("scrub_manifests", interval):
            await scrubber.run_manifests()

    async def _turn(self, name: str, interval: float) -> bool:
        now = time.time()
        due = await self._services.read(lambda connection: turn_is_due(connection, name, interval, now))
        return due and await self._services.write(lambda connection: claim_turn(connection, name, interval, now))


@asynccontextmanager
async def keeping_house(services: Services) -> AsyncIterator[None]:
    """Do all of it in the background, until this is left."""
    house, interval = Housekeeping(services), services.config.collection.interval
    tasks = set()
    if interval > 0:
        tasks.add(asyncio.create_task(_again(services, house.collect, interval)))
        tasks.add(asyncio.create_task(_again(services, house.scrub, max(interval, _SCRUB_SECONDS))))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _again(services: Services, work: Callable[[], Awaitable[None]], interval: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  whatever it was, the next time may do
            services.collection.failures += 1
            _LOGGER.warning("what nobody needs could not be collected: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.sleep(interval)

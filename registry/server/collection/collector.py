"""The collector: finds what nobody needs any more, row by row, and lets it go.

Any number of these may run at once, in any number of processes, and each may be killed at any moment:
what one has begun the next one ends.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import groupby
from typing import Literal

from sqlalchemy import Connection, select

from registry.digest import Digest
from registry.server import crashes
from registry.server.access.gate import Permit
from registry.server.access.principals import Principal
from registry.server.collection.blobs import collect_blob, collect_links
from registry.server.collection.clock import Clock
from registry.server.collection.manifests import Held, collect_manifests
from registry.server.collection.report import Gone, Report, Tell, silently
from registry.server.collection.retention import apply_retention
from registry.server.metadata.collecting import Candidate, Going, candidates, going_blobs, rearm_manifests
from registry.server.metadata.holds import find_fact, held, set_fact
from registry.server.schema import blobs
from registry.server.services import Services

__all__ = ["COLLECTION", "Collector"]

COLLECTION = Principal("system", "collection")
"""Who it is, in histories and logs."""

_AT_ONCE = 50
"""Rows that one transaction decides about: others wait for it."""

_LANES = 8
_ROUNDS = 1000
_LOGGER = logging.getLogger(__name__)


class Collector:
    """Collects in one registry."""

    def __init__(self, services: Services, clock: Clock | None = None) -> None:
        self._services = services
        self._config = services.config.collection
        self._clock = clock or Clock(self._config.grace)
        self._permit = Permit(services.gate, COLLECTION)

    async def run(
        self, *, dry_run: bool = False, orphans: bool = False, retention: bool = False, tell: Tell = silently
    ) -> Report:
        """Let everything go whose time has come; ``tell`` hears of each thing.

        ``orphans``: look for bytes, too, that no row knows. ``retention``: first take away the tags
        that the rules do not keep. ``dry_run`` changes nothing, and tells what this run would do; what
        only that makes superfluous goes a grace later. Raises OSError and SQLAlchemyError, after
        which the next run goes on.
        """
        report, began = Report(dry_run=dry_run), time.monotonic()
        now = self._clock.now()
        report.unsteady = not self._clock.steady()
        report.held = await self._services.read(partial(held, now=now))
        if dry_run or not (report.held or report.unsteady):
            await self._collect(report, tell, orphans=orphans, retention=retention)
        if not dry_run:
            self._services.collection.add(report, now, time.monotonic() - began)
        return report

    async def _collect(self, report: Report, tell: Tell, *, orphans: bool, retention: bool) -> None:
        try:
            if not report.dry_run and await self._services.read(self._settings_changed):
                await self._services.write(self._rearm)
            if retention:
                await apply_retention(self._services, report, tell, self._clock.now())
            for _ in range(_ROUNDS):
                before = report.gone
                await self._round(report, tell)
                if report.dry_run or report.held or report.gone == before:
                    break
            if orphans and not report.held:
                await self._orphans(report, tell)
        except Held:
            report.held = True

    def _settings(self) -> list[tuple[str, bool, float | None]]:
        return [
            ("untagged_after", False, self._config.untagged_after),
            ("pinned_after", True, self._config.pinned_after),
        ]

    def _settings_changed(self, connection: Connection) -> bool:
        return any(find_fact(connection, name) != repr(after) for name, _, after in self._settings())

    def _rearm(self, connection: Connection) -> None:
        """Settings that were changed are about what is there already as well."""
        for name, pinned, after in self._settings():
            if set_fact(connection, name, repr(after)) != repr(after) and after is not None:
                rearm_manifests(connection, pinned, after)

    async def _round(self, report: Report, tell: Tell) -> None:
        now, dry_run = self._clock.now(), report.dry_run
        manifests = partial(collect_manifests, permit=self._permit, config=self._config, now=now, dry_run=dry_run)
        await self._rows("manifests", now, manifests, report, tell)
        await self._rows("links", now, partial(collect_links, now=now, dry_run=dry_run), report, tell)
        await self._blobs(report, tell, now)

    async def _rows(
        self,
        kind: Literal["manifests", "links"],
        now: float,
        collect: Callable[..., list[Gone]],
        report: Report,
        tell: Tell,
    ) -> None:
        run = self._services.read if report.dry_run else self._services.write
        after = Candidate(0.0, 0, "")
        while page := await self._services.read(partial(candidates, kind=kind, now=now, after=after, limit=_AT_ONCE)):
            for batch in _by_repository(page):
                gone = await run(partial(collect, batch=batch))
                crashes.passing(crashes.Point.ROWS_GONE)
                for each in gone:
                    report.count(each)
                    tell(each)
            after = page[-1]
            await asyncio.sleep(0)  # reading may be done on the loop's own thread

    async def _blobs(self, report: Report, tell: Tell, now: float) -> None:
        before = now - self._config.grace
        states: tuple[tuple[Literal["condemned", "deleting"], float], ...] = (("deleting", now), ("condemned", before))
        for state, since in states:
            after: Going | None = None
            find = partial(going_blobs, state=state, before=since, limit=_AT_ONCE)
            while not report.held and (page := await self._services.read(partial(find, after=after))):
                await asyncio.gather(*(self._lane(lane, before, now, report, tell) for lane in _lanes(page)))
                after = page[-1]

    async def _lane(self, lane: list[Going], before: float, now: float, report: Report, tell: Tell) -> None:
        for going in lane:
            if report.held:
                return
            try:
                gone = await collect_blob(self._services, going, before, now, report)
            except Held:
                report.held = True
                return
            if gone is not None:
                report.count(gone)
                tell(gone)

    async def _orphans(self, report: Report, tell: Tell) -> None:
        async for digest, key in self._services.storage.orphans(self._known):
            if not report.dry_run:
                await self._services.storage.remove(digest, key)
            gone = Gone("orphan", "", str(digest), 0, "no row knows it")
            report.count(gone)
            tell(gone)

    async def _known(self, digests: list[Digest]) -> set[Digest]:
        names = {str(digest): digest for digest in digests}
        query = select(blobs.c.digest).where(blobs.c.digest.in_(names))
        rows = await self._services.read(lambda connection: connection.execute(query).scalars().all())
        return {names[name] for name in rows}


def _by_repository(page: list[Candidate]) -> Iterable[list[Candidate]]:
    ordered = sorted(page, key=lambda each: each.repository)
    for _, batch in groupby(ordered, key=lambda each: each.repository):
        yield list(batch)


def _lanes(page: list[Going]) -> list[list[Going]]:
    """The same blobs, in groups that do not stand in each other's way: a storage locks those that begin alike."""
    lanes: list[list[Going]] = [[] for _ in range(_LANES)]
    for going in page:
        lanes[int(going.digest.partition(":")[2][:2], 16) % _LANES].append(going)
    return [lane for lane in lanes if lane]

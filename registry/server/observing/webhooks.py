"""Sends what waits in ``deliveries``: with patience, signed, and one replica at a time for each.

A delivery is claimed by moving its ``due``, so whoever dies with one loses it to the next look. Not
in here: what an event says (``events``), and where connections may lead (``access.egress``).
"""

import asyncio
import hashlib
import hmac
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

from sqlalchemy import Connection, bindparam, delete, func, select, update

from registry.server.access.egress import EgressFailed
from registry.server.config.observing import ObservingConfig, WebhookConfig
from registry.server.database import Database
from registry.server.database.statements import Statement
from registry.server.observing.events import Events
from registry.server.schema import deliveries
from registry.words import printable

__all__ = ["MEDIA_TYPE", "SIGNATURE", "DeliveryCounts", "Poster", "Webhooks", "signature"]

MEDIA_TYPE = "application/vnd.docker.distribution.events.v2+json"
SIGNATURE = "wasmbuild-signature"
"""The header: ``t=SECONDS,v1=HEX``, see :func:`signature`."""

_NEVER = 1e15
_AT_ONCE = 4  # as many as the egress guard has threads
_LOOK_SECONDS = 5.0
_LONGEST = 3600.0
_LOGGER = logging.getLogger(__name__)

_DUE = Statement(
    select(deliveries.c.id, deliveries.c.endpoint, deliveries.c.event, deliveries.c.attempts, deliveries.c.due)
    .where(deliveries.c.due <= bindparam("now"))
    .order_by(deliveries.c.due)
    .limit(_AT_ONCE)
)
_CLAIM = Statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"), deliveries.c.due == bindparam("seen"))
    .values(due=bindparam("until"), attempts=deliveries.c.attempts + 1)
)
_LATER = Statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"))
    .values(due=bindparam("again"), error=bindparam("why"))
)
_DONE = Statement(delete(deliveries).where(deliveries.c.id == bindparam("delivery")))
_OLD = Statement(delete(deliveries).where(deliveries.c.due >= _NEVER, deliveries.c.created < bindparam("before")))
_COUNT = select(func.count()).select_from(deliveries).where(deliveries.c.due < _NEVER)
_DEAD = select(func.count()).select_from(deliveries).where(deliveries.c.due >= _NEVER)


class Poster(Protocol):
    """Sends one request, and only to where it may be sent."""

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        """The status of the answer. Raises OSError, TimeoutError or Failure when there is none."""


@dataclass(slots=True)
class DeliveryCounts:
    """What became of deliveries since the start; ``waiting`` and ``dead`` are what there is now."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    waiting: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class _Delivery:
    id: str
    endpoint: str
    event: str
    attempts: int
    due: float = field(compare=False)


class Webhooks:
    """The queue's way out."""

    def __init__(self, settings: ObservingConfig, database: Database, events: Events, post: Poster) -> None:
        self.counts = DeliveryCounts()
        self._settings, self._database, self._events, self._post = settings, database, events, post
        self._hooks = {hook.name: hook for hook in settings.webhooks}
        self._failing: set[str] = set()

    async def run(self) -> None:
        """Send for ever; ends when it is cancelled."""
        while True:
            try:
                while await self.send_due():
                    pass
                await self._look_after()
            except Exception as error:  # noqa: BLE001  this must go on, whatever the database does
                _LOGGER.warning("webhooks could not be looked after: %s", error)
            self._events.waiting.clear()
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._events.waiting.wait()
            except TimeoutError:
                continue

    async def send_due(self) -> int:
        """Send some of what is due: how many that were."""
        rows = await self._database.read(partial(_DUE.all, now=time.time()))
        found = [_Delivery(*row) for row in rows]
        mine = await self._database.write(partial(self._claim, found)) if found else []
        await asyncio.gather(*map(self._send, mine))
        return len(mine)

    def _claim(self, found: list[_Delivery], connection: Connection) -> list[_Delivery]:
        until = time.time() + self._settings.webhook_timeout + 30.0
        return [each for each in found if _CLAIM.change(connection, delivery=each.id, seen=each.due, until=until)]

    async def _send(self, delivery: _Delivery) -> None:
        hook = self._hooks.get(delivery.endpoint)
        problem = await self._try(hook, delivery) if hook else "no webhook has this name any more"
        if problem is None:
            self.counts.delivered += 1
            self._failing.discard(delivery.endpoint)
            await self._database.write(partial(_DONE.change, delivery=delivery.id))
            return
        tries = delivery.attempts + 1
        last = hook is None or tries >= self._settings.webhook_attempts
        self.counts.failed += 1
        if last:
            self.counts.given_up += 1
            _LOGGER.warning(
                "an event for the webhook %s was given up after %d attempts: %s", _who(hook), tries, problem
            )
        elif delivery.endpoint not in self._failing:
            _LOGGER.warning("the webhook %s does not take events, which wait: %s", _who(hook), problem)
        self._failing.add(delivery.endpoint)
        again = _NEVER if last else time.time() + _pause(tries)
        await self._database.write(partial(_LATER.change, delivery=delivery.id, again=again, why=problem))

    async def _try(self, hook: WebhookConfig, delivery: _Delivery) -> str | None:
        """Send once: None, or why it did not arrive."""
        body = b'{"events":[' + delivery.event.encode() + b"]}"
        headers = {"content-type": MEDIA_TYPE, "user-agent": "wasmbuild-registry"}
        if hook.secret is not None:
            headers[SIGNATURE] = signature(hook.secret, body, int(time.time()))
        try:
            status = await self._post(hook.url, body, headers, self._settings.webhook_timeout)
        except Exception as error:  # noqa: BLE001  whatever it is, it is tried again and then told
            # Not the error's own text: it may hold the URL, and that a secret.
            reason = str(error) if isinstance(error, EgressFailed) else None
            reason = reason or getattr(error, "strerror", None) or type(error).__name__
            return printable(f"no answer: {reason}", 200)
        return None if 200 <= status < 300 else f"the answer was {status}"

    async def _look_after(self) -> None:
        before = time.time() - self._settings.webhook_keep
        waiting, dead, old = await self._database.read(partial(_state, before=before))
        if old:
            await self._database.write(partial(_OLD.change, before=before))
        self.counts.waiting, self.counts.dead = waiting, dead
        self._events.room = self._settings.webhook_queue - waiting - dead


def _who(hook: WebhookConfig | None) -> str:
    """The name or the host of an endpoint: the rest of its URL may be a secret."""
    if hook is None:
        return "(gone)"
    return printable(hook.name if hook.name != hook.url else str(urlsplit(hook.url).hostname), 100)


def _state(connection: Connection, before: float) -> tuple[int, int, int]:
    old = _DEAD.where(deliveries.c.created < before)
    waiting, dead, gone = (int(connection.execute(each).scalar_one()) for each in (_COUNT, _DEAD, old))
    return waiting, dead, gone


def _pause(tries: int) -> float:
    return min(_LONGEST, 2.0 ** min(tries, 12)) * random.uniform(0.75, 1.25)  # noqa: S311  nothing to guess


def signature(secret: str, body: bytes, seconds: int) -> str:
    """``t=SECONDS,v1=HEX``: HMAC-SHA256 over the seconds since the epoch, a dot, and the body."""
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"

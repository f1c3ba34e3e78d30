"""What webhooks hear, written beside the rows that it tells of: both are committed, or neither.

The envelope is that of the CNCF Distribution registry ("Work with notifications"), with actions of
our own beside ``push`` and ``delete``. How it is sent: ``webhooks``.
"""

import asyncio
import json
import socket
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert

from registry.server.access.globs import parse_glob
from registry.server.changes import Change
from registry.server.config.observing import ObservingConfig, WebhookConfig
from registry.server.database.statements import Statement
from registry.server.observing.audit import who
from registry.server.observing.requests import Seen
from registry.server.schema import deliveries

__all__ = ["Events", "event_of"]

_INSTANCE = str(uuid.uuid4())
_HOST = socket.gethostname()
_ADD = Statement(
    insert(deliveries).values(
        id=bindparam("id"),
        endpoint=bindparam("endpoint"),
        event=bindparam("event"),
        created=bindparam("now"),
        attempts=0,
        due=bindparam("now"),
    )
)


class Events:
    """The queue's way in. ``dropped`` counts what found it full; ``room`` is what it still takes."""

    def __init__(self, settings: ObservingConfig | None = None, base: str | None = None) -> None:
        settings = settings or ObservingConfig()
        self.hooks = settings.webhooks
        self.room = settings.webhook_queue
        self.dropped = 0
        self.waiting = asyncio.Event()
        self._base = base

    def record(self, connection: Connection, changes: list[Change], seen: Seen | None = None) -> None:
        """Queue what each endpoint is to hear of the changes, in their own transaction."""
        for change in changes if self.hooks else ():
            hooks = [hook for hook in self.hooks if _hears(hook, change)]
            text = json.dumps(event_of(change, seen, self._base)) if hooks else ""
            for hook in hooks:
                # The sender counts rows now and then; in between, this does.
                if self.room <= 0:
                    self.dropped += 1
                    continue
                self.room -= 1
                _ADD.change(connection, id=str(uuid.uuid4()), endpoint=hook.name, event=text, now=time.time())

    def wake(self) -> None:
        """Something was committed: do not wait for the next look at the queue."""
        if self.hooks:
            self.waiting.set()


def _hears(hook: WebhookConfig, change: Change) -> bool:
    return change.action in hook.actions and (
        not hook.repositories or any(parse_glob(glob).matches(change.repository) for glob in hook.repositories)
    )


def event_of(change: Change, seen: Seen | None, base: str | None) -> dict[str, Any]:
    """One event of the envelope; without what is not known."""
    principal = who(change, seen)
    base = base or (f"{seen.scope.get('scheme', 'http')}://{seen.header(b'host')}" if seen else None)
    kind = "blobs" if change.action.startswith("blob-") else "manifests"
    name = change.digest or change.tag
    target = {
        "mediaType": change.media_type,
        "digest": change.digest,
        "size": change.size,
        "length": change.size,
        "repository": change.repository,
        "tag": change.tag,
        "url": f"{base.rstrip('/')}/v2/{change.repository}/{kind}/{name}" if base and name else None,
        "before": change.before,
        "reason": change.reason,
    }
    return {
        "id": str(uuid.uuid4()),
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "action": change.action,
        "target": {key: value for key, value in target.items() if value is not None},
        "request": _request(seen) if seen else {},
        "actor": {"name": principal.name} if principal else {},
        "source": {"addr": _HOST, "instanceID": _INSTANCE},
    }


def _request(seen: Seen) -> dict[str, str]:
    return {
        "id": seen.id.decode(),
        "addr": seen.client,
        "host": seen.header(b"host"),
        "method": seen.scope["method"],
        "useragent": seen.header(b"user-agent"),
    }

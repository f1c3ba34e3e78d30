"""Everything that tells of one server, opened and closed together."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from registry.errors import StorageFailed
from registry.server.changes import Change, listening
from registry.server.config import ServerConfig, is_loopback
from registry.server.database import Database
from registry.server.observing.audit import audit_line
from registry.server.observing.events import Events
from registry.server.observing.journal import Journal
from registry.server.observing.meter import Meter
from registry.server.observing.requests import CURRENT, Seen
from registry.server.observing.traces import Traces, open_traces

__all__ = ["Observing", "open_observing"]

Result = TypeVar("Result")


@dataclass(slots=True)
class Observing:
    """What looks at one server.

    ``draining``: it is about to stop, and says so when asked whether it is ready; ``refusing``: it
    takes no more requests. ``counters`` are other parts' objects whose numeric attributes become
    metrics, by name. ``tasks`` are those that answer requests.
    """

    events: Events = field(default_factory=Events)
    access: Journal | None = None
    audit: Journal | None = None
    traces: Traces | None = None
    meter: Meter = field(default_factory=Meter)
    counters: dict[str, object] = field(default_factory=dict)
    tasks: "set[asyncio.Task[Any] | None]" = field(default_factory=set)
    draining: bool = False
    refusing: bool = False

    async def write(self, database: Database, work: Callable[[Connection], Result]) -> Result:
        """Change rows, and tell whom it concerns: webhooks in the same transaction, the audit log after it."""
        seen, heard, started = CURRENT.get(), list[Change](), time.perf_counter()
        job = database.write(listening(heard, work, partial(self.events.record, seen=seen)))
        if self.audit is None:
            result = await job
        else:
            # Whoever waits may be gone before the commit, which happens all the same and is told of.
            task = asyncio.ensure_future(job)
            task.add_done_callback(partial(self._committed, heard, seen))
            result = await asyncio.shield(task)
        self.meter.write(time.perf_counter() - started)
        if heard:
            self.events.wake()
        return result

    def _committed(self, heard: list[Change], seen: Seen | None, task: "asyncio.Future[Result]") -> None:
        if task.cancelled() or task.exception() is not None or self.audit is None:
            return
        for change in heard:
            self.audit.write(audit_line(change, seen))

    def refused(self, change: Change) -> None:
        """Tell the audit log of what was not done."""
        if self.audit is not None:
            self.audit.write(audit_line(change, CURRENT.get()))

    async def cut_off(self, seconds: float) -> None:
        """End the requests that are left, and wait a moment until each has cleaned up behind itself."""
        left = {task for task in self.tasks if task is not None and task is not asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=seconds)

    def reopen(self) -> None:
        """Go on in new files, if somebody renamed the logs."""
        for journal in (self.access, self.audit):
            if journal is not None:
                journal.reopen()

    def close(self) -> None:
        """Write what waits."""
        for journal in (self.access, self.audit):
            if journal is not None:
                journal.close()
        if self.traces is not None:
            self.traces.close()


def open_observing(config: ServerConfig) -> Observing:
    """Open the logs and what else the settings ask for.

    Raises StorageFailed when a log cannot be written, InvalidConfiguration when traces are asked for
    and not installed.
    """
    settings, loopback = config.observing, is_loopback(config.host)
    access = settings.access_log or ("off" if loopback else "-")
    audit = settings.audit_log or ("off" if loopback else str(config.data / "audit.jsonl"))
    return Observing(
        Events(settings, config.external_url),
        _journal(access, config, lossy=True),
        _journal(audit, config, lossy=False),
        open_traces(settings.traces) if settings.traces else None,
    )


def _journal(where: str, config: ServerConfig, *, lossy: bool) -> Journal | None:
    if where == "off":
        return None
    settings = config.observing
    try:
        return Journal(None if where == "-" else Path(where), settings.log_bytes, settings.log_files, lossy=lossy)
    except OSError as error:
        raise StorageFailed(f"cannot write the log {where}", cause=error.strerror) from error

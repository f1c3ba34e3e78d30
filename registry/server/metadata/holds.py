"""Holds: while one lasts, nothing is collected, since a backup is being made; and facts about the registry."""

import time
import uuid

from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert  # what it writes, SQLite understands as well

from registry.server.database.statements import Statement
from registry.server.schema import facts, holds

__all__ = ["claim_turn", "find_fact", "held", "place_hold", "release_hold", "renew_hold", "set_fact", "turn_is_due"]

_HELD = Statement(select(holds.c.id).where(holds.c.until > bindparam("now")).limit(1))
_FACT = select(facts.c.value).where(facts.c.name == bindparam("name")).with_for_update()


def place_hold(connection: Connection, why: str, seconds: float) -> str:
    """Let nothing be collected for some time: the name of the hold.

    What was going already when the transaction ends may lose rows, and no bytes.
    """
    name, now = str(uuid.uuid4()), time.time()
    connection.execute(delete(holds).where(holds.c.until <= now))
    connection.execute(insert(holds).values(id=name, why=why, until=now + seconds))
    return name


def renew_hold(connection: Connection, name: str, seconds: float) -> bool:
    """Let a hold last so much longer from now on. False when it had ended."""
    changed = connection.execute(
        holds.update().where(holds.c.id == name, holds.c.until > time.time()).values(until=time.time() + seconds)
    )
    return changed.rowcount > 0


def release_hold(connection: Connection, name: str) -> None:
    """End a hold."""
    connection.execute(delete(holds).where(holds.c.id == name))


def held(connection: Connection, now: float) -> bool:
    """Whether something holds collection back."""
    return _HELD.first(connection, now=now) is not None


def find_fact(connection: Connection, name: str) -> str | None:
    """A fact; None: nobody has set it."""
    value: str | None = connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one_or_none()
    return value


def set_fact(connection: Connection, name: str, value: str) -> str | None:
    """Remember a fact: what it was before, which nobody else changes until the transaction ends."""
    connection.execute(upsert(facts).values(name=name, value="").on_conflict_do_nothing())
    before: str | None = connection.execute(_FACT, {"name": name}).scalar_one() or None
    connection.execute(facts.update().where(facts.c.name == name).values(value=value))
    return before


def claim_turn(connection: Connection, name: str, interval: float, now: float) -> bool:
    """Whether something that one replica does once in ``interval`` seconds is to be done now, by this one."""
    before = set_fact(connection, name, repr(now))
    if _due(before, interval, now):
        return True
    set_fact(connection, name, before or "")
    return False


def turn_is_due(connection: Connection, name: str, interval: float, now: float) -> bool:
    """Whether ``claim_turn`` is worth trying."""
    return _due(find_fact(connection, name), interval, now)


def _due(before: str | None, interval: float, now: float) -> bool:
    return not before or not now - interval < float(before) <= now

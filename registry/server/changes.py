"""What writing tells: who did what to which tag, manifest or blob.

The functions of ``metadata`` say it where they change rows; ``Services.write`` listens while they
run, writes what webhooks are to hear in the same transaction, and the audit log after it. Not here:
who is told, and how.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, TypeVar

from sqlalchemy import Connection

from registry.server.access.principals import Principal

__all__ = ["Change", "ChangeAction", "listening", "tell"]

ChangeAction = Literal[
    "push",
    "delete",
    "tag",
    "tag-moved",
    "tag-deleted",
    "tag-refused",
    "yank",
    "unyank",
    "blob-push",
    "blob-mount",
    "blob-delete",
]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of rows. ``size`` in bytes; ``before`` is the digest that a tag meant until then.

    ``lease`` is for how many seconds what was pushed is kept although nothing leads to it.

    ``principal`` None: whoever sent the request, where rows do not need to know it.
    """

    action: ChangeAction
    repository: str
    digest: str | None = None
    tag: str | None = None
    media_type: str | None = None
    size: int | None = None
    before: str | None = None
    reason: str | None = None
    lease: int | None = None
    principal: Principal | None = None


_HEARD: ContextVar[list[Change] | None] = ContextVar("registry_changes", default=None)


def tell(change: Change) -> None:
    """Say what was just changed; nobody may be listening."""
    heard = _HEARD.get()
    if heard is not None:
        heard.append(change)


def listening(
    heard: list[Change], work: Callable[[Connection], Result], then: Callable[[Connection, list[Change]], None]
) -> Callable[[Connection], Result]:
    """``work``, then ``then`` with what it told, which is ``heard`` as well; a second run begins anew."""

    def run(connection: Connection) -> Result:
        heard.clear()
        token = _HEARD.set(heard)
        try:
            result = work(connection)
        finally:
            _HEARD.reset(token)
        if heard:
            then(connection, heard)
        return result

    return run

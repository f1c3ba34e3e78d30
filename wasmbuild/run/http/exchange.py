"""One request and its answer, between the guest on its thread and the server on its event loop.

Both sides see the same state under one lock. The guest waits on the condition; the server is woken
through ``wake``. Buffers are bounded on both ways: who is faster waits for the other.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["BUFFER", "Abandoned", "Exchange", "Head", "Headers", "OutOfTime", "Request"]

BUFFER = 64 * 1024
"""Bytes that wait for the other side, each way."""

Headers = tuple[tuple[str, bytes], ...]


class OutOfTime(Exception):
    """The guest took longer than it may."""


class Abandoned(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request; ``target`` is path and query as they were sent."""

    method: str
    target: str
    scheme: str
    authority: str | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer."""

    status: int
    headers: Headers


@dataclass(slots=True, eq=False)
class Exchange:
    """What the two sides share. ``deadline`` is of the monotonic clock, ``most`` in bytes of the request's body.

    ``broken``: the answer will not be completed; ``ended``: the guest has returned or was stopped;
    ``abandoned``: it shall stop; ``left``: because the client has gone.
    Attributes are written under ``changed``.
    """

    request: Request
    most: int
    wake: Callable[[], None]
    deadline: float = math.inf
    changed: threading.Condition = field(default_factory=threading.Condition)
    incoming: bytearray = field(default_factory=bytearray)
    received: int = 0
    received_all: bool = False
    too_large: bool = False
    discarding: bool = False
    head: Head | None = None
    refused: str | None = None
    outgoing: bytearray = field(default_factory=bytearray)
    sent_all: bool = False
    broken: bool = False
    ended: bool = False
    failure: Exception | None = None
    abandoned: bool = False
    left: bool = False

    def check(self) -> None:
        """Raises Abandoned or OutOfTime when the guest shall go no further."""
        if self.abandoned:
            raise Abandoned
        if time.monotonic() >= self.deadline:
            raise OutOfTime

    # The server's side.

    def room(self) -> bool:
        """Whether more of the request's body may come."""
        with self.changed:
            return self.discarding or len(self.incoming) < BUFFER

    def receive(self, data: bytes, *, last: bool) -> None:
        """Take a part of the request's body; what is beyond ``most`` is not kept."""
        with self.changed:
            self.received += len(data)
            self.too_large = self.too_large or self.received > self.most
            if not (self.discarding or self.too_large):
                self.incoming += data
            self.received_all = self.received_all or last
            self.changed.notify_all()

    def abandon(self) -> None:
        """Nobody waits any more: the guest stops at its next call."""
        with self.changed:
            self.abandoned = True
            self.changed.notify_all()

    def leave(self) -> None:
        """The client has gone, or cannot be understood any more."""
        self.left = True
        self.abandon()

    def take(self) -> tuple[bytes, bool]:
        """What there is of the answer's body, and whether that was all."""
        with self.changed:
            data = bytes(self.outgoing)
            self.outgoing.clear()
            self.changed.notify_all()
            return data, self.sent_all

    # The guest's side.

    def read(self, most: int) -> bytes:
        """Up to ``most`` bytes of the request's body; nothing when none are there."""
        with self.changed:
            data = bytes(self.incoming[:most])
            del self.incoming[: len(data)]
        if data:
            self.wake()
        return data

    def discard(self) -> None:
        """Nobody will read the rest of the request's body."""
        with self.changed:
            self.discarding = True
            self.incoming.clear()
        self.wake()

    def answer(self, head: Head) -> None:
        """Set the answer's head, once."""
        with self.changed:
            self.head = head
        self.wake()

    def refuse(self, code: str) -> None:
        """There is an error code in place of an answer."""
        with self.changed:
            self.refused = code
        self.wake()

    def write(self, data: bytes) -> None:
        """Add to the answer's body; who calls has looked at the room."""
        with self.changed:
            self.outgoing += data
        self.wake()

    def finish(self) -> None:
        """The answer is complete."""
        with self.changed:
            self.sent_all = True
        self.wake()

    def fail(self) -> None:
        """The answer is not complete, and will not be."""
        with self.changed:
            self.broken = self.broken or not self.sent_all
        self.wake()

    def begin(self, seconds: float) -> None:
        """The guest begins, and has so much time."""
        with self.changed:
            self.deadline = time.monotonic() + seconds

    def end(self, failure: Exception | None) -> None:
        """The guest has returned, or was stopped."""
        with self.changed:
            self.failure = failure
            self.ended = True
        self.wake()

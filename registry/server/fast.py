"""Answers that are given again, as long as nothing has changed.

What a registry is asked most (a manifest by tag or digest, a list of tags, of referrers) is asked
again and again, and building the answer costs many times what sending it does. So an answer is kept
together with the database's count of changes, and is the answer only while that count is the same:
any change by anybody, in this process or in another, makes it worthless. Who may have it is asked
each time. With a database that is across a network there is no such count to be had for less than
the look-up itself: then nothing is kept. An answer that prolongs a lease is kept only while the lease
need not be prolonged.
"""

import math
import time
from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.server.access.principals import Action
from registry.server.services import KEPT_UNTIL, Services

__all__ = ["KeptAnswers"]

_KINDS = ("/manifests/", "/tags/list", "/referrers/")
_MAX_BODY = 64 * 1024
_MAX_KEPT = 4096
_MAX_BYTES = 32 * 1024 * 1024

Key = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True)
class _Answer:
    version: int
    until: float
    repository: str
    start: Message
    body: Message


class KeptAnswers:
    """Stands before the routes; whoever asks is known by then."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._kept: dict[Key, _Answer] = {}
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is kept, or pass the request on, and keep what is answered."""
        if scope["type"] != "http" or (method := scope["method"]) not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        version = self._services.database.version()
        if version is None:
            await self._app(scope, receive, send)
            return
        key = (method, scope["path"], scope["query_string"])
        found = self._kept.get(key)
        fresh = found is not None and found.version == version and time.time() < found.until
        if found is not None and fresh and await self._allowed(scope, found.repository):
            # Copies: whoever stands in between may add to them.
            await send({**found.start})
            await send({**found.body})
        elif any(kind in key[1] for kind in _KINDS):
            await self._ask(scope, receive, send, key, version)
        else:
            await self._app(scope, receive, send)

    async def _allowed(self, scope: Scope, repository: str) -> bool:
        permit = self._services.permit_of(scope)

        def may(connection: Connection) -> bool:
            return permit.may(connection, repository, Action.PULL)

        return await self._services.read(may)

    async def _ask(self, scope: Scope, receive: Receive, send: Send, key: Key, version: int) -> None:
        messages: list[Message] = []

        async def watched(message: Message) -> None:
            if len(messages) < 3:
                messages.append({**message})
            await send(message)

        await self._app(scope, receive, watched)
        if len(messages) == 2 and messages[0].get("status") == 200 and "body" in messages[1]:
            self._keep(key, version, scope, *messages)

    def _keep(self, key: Key, version: int, scope: Scope, start: Message, body: Message) -> None:
        # Whoever asks decides how long a question is, and it is kept as well.
        size, name = len(body["body"]) + len(key[1]) + len(key[2]), scope.get("path_params", {}).get("name")
        if size > _MAX_BODY or body.get("more_body") or name is None:
            return
        # A repository may be called as one of these: only what comes after its name tells what was asked.
        if not key[1].removeprefix(f"/v2/{name}").startswith(_KINDS):
            return
        if len(self._kept) >= _MAX_KEPT or self._bytes + size > _MAX_BYTES:
            self._kept.clear()
            self._bytes = 0
        self._kept[key] = _Answer(version, scope.get(KEPT_UNTIL, math.inf), name, start, body)
        self._bytes += size

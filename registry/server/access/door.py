"""The door: the first thing a request meets. It says who asks, or refuses whoever is not who they say.

What somebody may do is asked later, by what they want to do (``gate``).
"""

import logging
from dataclasses import replace
from urllib.parse import parse_qs

from sqlalchemy import Connection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.reference import valid_repository
from registry.server.access.challenges import CATALOG, challenge, scope_of, scope_of_request
from registry.server.access.control import AccessControl
from registry.server.access.gate import Caller, Permit
from registry.server.access.logins import Login, basic_credentials
from registry.server.access.loopback import reason_to_refuse
from registry.server.access.principals import ANONYMOUS, ANYONE_HERE, Action, Principal
from registry.server.access.rates import address_key, too_many
from registry.server.access.scopes import CATALOG_GRANT
from registry.server.observing.requests import CLIENT, PRINCIPAL
from registry.server.refusal import NOSNIFF, Refusal, error_response

__all__ = ["CALLER", "LOGIN", "Door"]

_LOGGER = logging.getLogger(__name__)

CALLER = "registry.caller"
"""Where in an ASGI scope the ``Caller`` is."""

LOGIN = "registry.login"
"""Where in an ASGI scope the login is that a request came with."""

_NOSNIFF = [(name.encode(), value.encode()) for name, value in NOSNIFF.items()]
_MAX_QUERY = 4096
_PINGS = ("/v2/", "/v2")


class Door:
    """ASGI middleware: sets ``registry.principal``, ``registry.client`` and ``registry.caller`` in the scope."""

    def __init__(self, app: ASGIApp, control: AccessControl) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its principal, and forbid sniffing in the answer; or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair not in _NOSNIFF]
                message["headers"] = headers + _NOSNIFF
            await send(message)

        try:
            await self._enter(scope)
        except Refusal as refusal:
            await refusal.response()(scope, receive, guarded)
        except OSError as error:
            _LOGGER.warning("nobody can be recognised: %s", error)
            headers = {"retry-after": "2"}
            answer = error_response(503, "UNKNOWN", "the registry cannot tell who asks at the moment", headers=headers)
            await answer(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    async def _enter(self, scope: Scope) -> None:
        control = self._control
        if await control.open():
            if not control.everybody and (reason := reason_to_refuse(scope["headers"])) is not None:
                raise Refusal(403, "DENIED", reason)
            scope[PRINCIPAL] = ANYONE_HERE
            scope[CLIENT] = control.origins.client(scope)
            return
        scope[PRINCIPAL] = ANONYMOUS  # before anything else: who it is, is not known yet
        scope[CLIENT] = client = control.origins.client(scope)
        origin = control.origins.address(scope)
        scope[CALLER] = Caller(origin, _source(scope))
        _slow_down(control, address_key(client))
        try:
            login = await self._login(scope, client)
        except Refusal as refusal:
            raise self._challenged(refusal, scope, origin) from refusal
        if login is not None:
            scope[LOGIN] = login
            scope[PRINCIPAL] = login.principal
            if not login.principal.anonymous:
                _slow_down(control, f"principal {login.principal.name}")
        self._challenge(scope, login, origin)
        if login is not None and login.principal.renewable and scope[CALLER].source is not None:
            await self._challenge_mount(scope, login.principal)

    async def _login(self, scope: Scope, client: str) -> Login | None:
        said = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        if not said:
            return None
        kind, _, text = said[0].partition(" ")
        text = text.strip()
        if len(said) == 1 and kind.lower() == "bearer" and text:
            return await self._control.logins.bearer(text, client)
        given = basic_credentials(text) if len(said) == 1 and kind.lower() == "basic" else None
        if given is None:
            raise Refusal(401, "UNAUTHORIZED", "the credentials are malformed")
        return await self._control.logins.password(given, client)

    def _challenged(self, refusal: Refusal, scope: Scope, origin: str) -> Refusal:
        """The same refusal, and how to come back."""
        if refusal.status_code != 401:
            return refusal
        wanted = scope_of_request(scope["method"], scope["path"])
        headers = challenge(origin, self._control.config, wanted, "invalid_token")
        return Refusal(401, "UNAUTHORIZED", refusal.detail, headers=headers)

    def _challenge(self, scope: Scope, login: Login | None, origin: str) -> None:
        """Refuse what is no repository's, and wants a token all the same. Raises Refusal (401)."""
        path, config = scope["path"], self._control.config
        if path in _PINGS and login is None:
            raise Refusal(401, "UNAUTHORIZED", "this needs a login", headers=challenge(origin, config))
        if path == "/v2/_catalog":
            if login is None or not _may_list(login.principal):
                raise Refusal(401, "UNAUTHORIZED", "this needs a login", headers=challenge(origin, config, CATALOG))
            # What is listed is what the rules let it pull, and not only what the token names.
            scope[PRINCIPAL] = replace(login.principal, grants=None)

    async def _challenge_mount(self, scope: Scope, principal: Principal) -> None:
        """Refuse a token that is not for the source of a mount, when one could be had that is. Raises Refusal (401).

        What is in the source does not matter here, only what the rules say of it.
        """
        caller: Caller = scope[CALLER]
        source, gate = caller.source or "", self._control.gate

        def ask(connection: Connection) -> bool:
            permit = Permit(gate, principal)
            whole = Permit(gate, replace(principal, grants=None))
            return permit.may(connection, source, Action.PULL) or not whole.may(connection, source, Action.PULL)

        if not await self._control.database.read(ask):
            wanted = scope_of_request("POST", scope["path"]) or ""
            scopes = f"{wanted} {scope_of(source, (Action.PULL,))}"
            headers = challenge(caller.origin, self._control.config, scopes, "insufficient_scope")
            raise Refusal(401, "UNAUTHORIZED", "the token is not for the repository to mount from", headers=headers)


def _source(scope: Scope) -> str | None:
    query: bytes = scope["query_string"]
    if scope["method"] != "POST" or b"mount=" not in query or len(query) > _MAX_QUERY:
        return None
    source = parse_qs(query.decode("latin-1")).get("from", [""])[0]
    return source if valid_repository(source) else None


def _may_list(principal: Principal) -> bool:
    return principal.grants is None or CATALOG_GRANT in principal.grants


def _slow_down(control: AccessControl, key: str) -> None:
    wait = control.rates.take(key)
    if wait:
        raise too_many(wait)

"""The token endpoint, in the forms of distribution and of OAuth 2, and the exchange of trusted publishing.

What is asked for and not allowed is left out, and is no error. Whoever has no credentials gets a
token for what everyone may do.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry.errors import InvalidDocument
from registry.server.access.challenges import EXCHANGE_PATH, TOKEN_PATH, challenge
from registry.server.access.control import AccessControl
from registry.server.access.door import CALLER, LOGIN
from registry.server.access.gate import Caller
from registry.server.access.logins import Credentials, Login
from registry.server.access.oidc import InvalidAssertion, Unbelieved
from registry.server.access.principals import ANONYMOUS, Principal
from registry.server.access.refresh_tokens import RefreshedUser, issue_refresh_token
from registry.server.access.replays import use_assertion
from registry.server.access.scopes import Scope, granted, parse_scopes, scopes_text
from registry.server.access.tokens import IssuedToken
from registry.server.bodies import batches
from registry.server.observing.audit import login_line
from registry.server.observing.observing import Observing
from registry.server.observing.requests import CLIENT, CURRENT
from registry.server.refusal import NOSNIFF, Refusal
from registry.strictjson import load_json

__all__ = ["authorization_routes"]

_MAX_FORM = 64 * 1024
_PATIENCE = 10.0
_EXCHANGED_SECONDS = 900.0
_SHORTEST = 1.0
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_TAKEN = (_JWT, "urn:ietf:params:oauth:token-type:id_token")
_HEADERS = {"cache-control": "no-store", **NOSNIFF}


class Authorization:
    """Gives tokens to whoever logs in."""

    def __init__(self, control: AccessControl, observing: Observing) -> None:
        self._control = control
        self._observing = observing

    async def token(self, request: Request) -> Response:
        """A token for what the query asks for."""
        await self._closed()
        query = request.query_params
        self._check_service(query.get("service"))
        login: Login = request.scope.get(LOGIN) or Login(ANONYMOUS)
        if login.principal.renewable or (login.principal.kind == "workload" and login.expires is None):
            raise Refusal(401, "UNAUTHORIZED", "a token is not got with a token", headers=self._how(request))
        return await self._answer(request, login, query.getlist("scope"), offline=query.get("offline_token") == "true")

    async def token_by_form(self, request: Request) -> Response:
        """The same in the form of OAuth 2 (RFC 6749, sections 4.3 and 6)."""
        await self._closed()
        form = await _form(request)
        self._check_service(form.get("service"))
        client = str(request.scope.get(CLIENT, ""))
        try:
            if form.get("grant_type") == "password":
                given = Credentials(form.get("username", ""), form.get("password", ""))
                login = await self._control.logins.password(given, client)
            elif form.get("grant_type") == "refresh_token":
                login = await self._control.logins.refresh(form.get("refresh_token", ""), client)
            else:
                return _oauth_error(400, "unsupported_grant_type", "password and refresh_token are taken here")
        except Refusal as refusal:
            if refusal.status_code != 401:
                raise
            return _oauth_error(401, "invalid_grant", refusal.detail, self._how(request))
        offline = form.get("access_type") == "offline"
        scopes, refresh = [form.get("scope", "")], form.get("refresh_token")
        return await self._answer(request, login, scopes, offline=offline, refresh=refresh)

    async def exchange(self, request: Request) -> Response:
        """A token of ours for one of an issuer, which is taken once (RFC 8693, section 2)."""
        await self._closed()
        form = await _form(request)
        if form.get("grant_type") != _EXCHANGE or form.get("subject_token_type") not in _TAKEN:
            return _oauth_error(400, "invalid_request", f"grant_type is {_EXCHANGE}, subject_token_type {_JWT}")
        try:
            workload = await self._control.issuers.verify(form.get("subject_token", ""))
        except InvalidAssertion as error:
            return _unbelieved(str(error), error.why)
        lifetime = min(_EXCHANGED_SECONDS, workload.expires - time.time())
        if lifetime <= 0:  # it is believed for as long as a clock may be late by, and good for nothing new
            return _unbelieved("the token has ended", "expired")
        first = await self._control.database.write(
            lambda connection: use_assertion(connection, workload.identity, workload.expires)
        )
        if not first:
            return _unbelieved("the token was exchanged before", "used")
        access = await self._granted(workload.principal, [form["scope"]]) if "scope" in form else None
        issued = await self._control.tokens.issue(workload.principal, access, max(_SHORTEST, lifetime))
        body = {"access_token": issued.text, "issued_token_type": _JWT, "token_type": "Bearer", **_times(issued)}
        if access is not None:
            body["scope"] = scopes_text(access)
        body |= self._told(request, workload.principal, access)
        return JSONResponse(body, headers=_HEADERS)

    async def _answer(
        self, request: Request, login: Login, scopes: Iterable[str], *, offline: bool, refresh: str | None = None
    ) -> Response:
        lifetime = self._control.config.token_lifetime
        if login.expires is not None:
            lifetime = max(_SHORTEST, min(lifetime, login.expires - time.time()))
        access = await self._granted(login.principal, scopes)
        issued = await self._control.tokens.issue(login.principal, access, lifetime)
        body = {"token": issued.text, "access_token": issued.text, **_times(issued)}
        body |= self._told(request, login.principal, access)
        if refresh is None and offline and login.stamp is not None:
            refresh = await self._refresh_token(login.principal, login.stamp)
        if refresh is not None:
            body["refresh_token"] = refresh
        return JSONResponse(body, headers=_HEADERS)

    def _told(self, request: Request, principal: Principal, access: tuple[Scope, ...] | None) -> dict[str, object]:
        """What is said besides to a workload: what was believed of it, which the audit log has as well."""
        if principal.kind != "workload":
            return {}
        if self._observing.audit is not None:
            client = str(request.scope.get(CLIENT, ""))
            scope = None if access is None else scopes_text(access)
            self._observing.audit.write(login_line(principal, scope, client, CURRENT.get()))
        return {"claims": dict(principal.claims)}

    async def _refresh_token(self, principal: Principal, stamp: str) -> str:
        user, lifetime = RefreshedUser(principal.name, stamp), self._control.config.refresh_lifetime
        return await self._control.database.write(lambda connection: issue_refresh_token(connection, user, lifetime))

    async def _granted(self, principal: Principal, texts: Iterable[str]) -> tuple[Scope, ...]:
        asked, gate = parse_scopes(texts), self._control.gate
        return await self._control.database.read(lambda connection: granted(connection, gate, principal, asked))

    async def _closed(self) -> None:
        if await self._control.open():
            raise Refusal(404, "UNSUPPORTED", "no users are set up: nothing here needs a token")

    def _check_service(self, service: str | None) -> None:
        if service not in (None, "", self._control.config.service):
            raise Refusal(400, "UNSUPPORTED", "the token is for another service than this")

    def _how(self, request: Request) -> dict[str, str]:
        return challenge(request.scope.get(CALLER, Caller()).origin, self._control.config)


def authorization_routes(control: AccessControl, observing: Observing) -> list[Route]:
    """Where tokens are got; ``observing`` is told of the workloads that get one."""
    here = Authorization(control, observing)
    return [
        Route(TOKEN_PATH, here.token, methods=["GET"]),
        Route(TOKEN_PATH, here.token_by_form, methods=["POST"]),
        Route(EXCHANGE_PATH, here.exchange, methods=["POST"]),
    ]


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, or of a JSON object of texts; each once. Raises Refusal (400)."""
    body = b"".join([data async for batch in batches(request, _MAX_FORM, _PATIENCE) for data in batch])
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            found = load_json(body, "the body")
            pairs = {name: [value] for name, value in found.items()} if isinstance(found, dict) else {}
        else:
            pairs = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=100)
    except (ValueError, InvalidDocument) as error:
        raise Refusal(400, "UNSUPPORTED", "the body is not a form") from error
    if any(len(values) != 1 or not isinstance(values[0], str) for values in pairs.values()):
        raise Refusal(400, "UNSUPPORTED", "a field of the form comes twice, or is not a text")
    return {name: values[0] for name, values in pairs.items()}


def _times(issued: IssuedToken) -> dict[str, object]:
    moment = datetime.fromtimestamp(int(issued.issued), UTC)
    return {"expires_in": issued.lifetime, "issued_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _oauth_error(status: int, code: str, text: str, headers: dict[str, str] | None = None, **more: str) -> Response:
    """As RFC 6749, section 5.2 has it, and as the rest of the registry says no."""
    errors = [{"code": "UNAUTHORIZED" if status == 401 else "UNSUPPORTED", "message": text}]
    body = {"error": code, "error_description": text, **more, "errors": errors}
    return JSONResponse(body, status, {**_HEADERS, **(headers or {})})


def _unbelieved(text: str, why: Unbelieved) -> Response:
    """A token of an issuer is refused; ``reason`` is for a client that explains it to a person."""
    return _oauth_error(400, "invalid_grant", text, reason=why)

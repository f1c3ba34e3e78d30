"""Token servers: credentials are exchanged for a token that a registry takes.

By GET, or by the form of OAuth 2 where there is a refresh token (distribution token specification,
"token" and "oauth"). Whether a server may be asked at all is ``realms``'s.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import requests

from registry.client.answers import refusal, unreachable
from registry.client.bodies import bounded
from registry.client.credentials import Credentials
from registry.errors import AuthenticationFailed, Failure, InvalidDocument, RegistryRefused, UnexpectedAnswer
from registry.strictjson import load_json
from registry.words import printable

__all__ = ["Token", "TokenRequest", "TokenSource", "read_token"]

_DEFAULT_LIFETIME = 60.0
"""Seconds a token lives when the server does not say (distribution token specification)."""
_MARGIN = 10.0
_MAX_CLAIMS = 50
_MAX_CLAIM = 300
_TIMEOUT = (10.0, 30.0)
_CLIENT = "wasmbuild"
_NO_POST = frozenset({400, 401, 404, 405, 501})
"""What servers answer that do not speak OAuth 2, or not for this token."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token for ``Authorization``; ``issued`` and ``expires`` are seconds of the monotonic clock.

    ``claims`` are what a registry of ours says that it believed of a workload; other servers say nothing.
    """

    value: str = field(repr=False)
    issued: float
    expires: float
    claims: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def header(self) -> str:
        """What goes into ``Authorization``."""
        return f"Bearer {self.value}"

    @property
    def fresh(self) -> bool:
        """Whether it should still be good."""
        return time.monotonic() < self.expires


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a token server is asked: for which service and scopes, and on whose behalf."""

    realm: str
    service: str
    scopes: tuple[str, ...]
    credentials: Credentials | None

    @property
    def account(self) -> tuple[str, str, Credentials | None]:
        """What a refresh token is good for: one server, one service, one of our accounts."""
        return self.realm, self.service, self.credentials


class TokenSource:
    """Gets tokens; refresh tokens that come with them are kept for the same server, in memory only."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._refresh: dict[tuple[str, str, Credentials | None], str] = {}
        self._without_forms: set[str] = set()
        self._lock = Lock()

    def fetch(self, request: TokenRequest, login_hint: str | None) -> Token:
        """Exchange credentials for a token.

        Raises AuthenticationFailed when the server refuses, RegistryRefused when it fails,
        UnexpectedAnswer when it gives no token, Unreachable.
        """
        with self._lock:
            refresh = self._refresh.pop(request.account, None)
        if refresh is not None:
            try:
                return self._by_form(request, refresh, login_hint)
            except (RegistryRefused, UnexpectedAnswer):
                pass  # it was good for once, or has expired
        credentials = request.credentials
        if credentials is None or credentials.kind != "identity" or request.realm in self._without_forms:
            return self._by_query(request, login_hint)
        return self._by_identity(request, credentials.secret, login_hint)

    def _by_identity(self, request: TokenRequest, secret: str, login_hint: str | None) -> Token:
        """By a form, or as a password where the server does not speak OAuth 2."""
        try:
            return self._by_form(request, secret, login_hint)
        except (RegistryRefused, UnexpectedAnswer) as failure:
            if isinstance(failure, RegistryRefused) and failure.status not in _NO_POST:
                raise
        token = self._by_query(request, login_hint)
        self._without_forms.add(request.realm)
        return token

    def _by_query(self, request: TokenRequest, login_hint: str | None) -> Token:
        credentials = request.credentials
        parameters = [("scope", scope) for scope in request.scopes]
        if request.service:
            parameters.append(("service", request.service))
        headers = {"Authorization": f"Basic {credentials.basic}"} if credentials else {}
        return self._ask("GET", request, login_hint, params=parameters, headers=headers)

    def _by_form(self, request: TokenRequest, refresh: str, login_hint: str | None) -> Token:
        form = {"grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": refresh}
        form |= {"service": request.service} if request.service else {}
        form |= {"scope": " ".join(request.scopes)} if request.scopes else {}
        token = self._ask("POST", request, login_hint, data=form)
        if request.credentials is None or refresh != request.credentials.secret:
            with self._lock:
                self._refresh.setdefault(request.account, refresh)
        return token

    def _ask(self, method: str, request: TokenRequest, login_hint: str | None, **options: Any) -> Token:  # noqa: ANN401
        try:
            response = self._session.request(
                method, request.realm, timeout=_TIMEOUT, stream=True, allow_redirects=False, **options
            )
        except (requests.RequestException, ValueError) as error:
            raise unreachable(error, request.realm) from None
        with response:
            if response.status_code != 200:
                raise _refused(response, request, options.get("data", {}), login_hint)
            return self._read(response, request)

    def _read(self, response: requests.Response, request: TokenRequest) -> Token:
        what = f"the token server {urlsplit(request.realm).netloc} gave no token"
        token, refresh = read_token(bounded(response, what), what)
        if refresh is not None:
            with self._lock:
                self._refresh[request.account] = refresh
        return token


def read_token(answer: bytes, what: str) -> tuple[Token, str | None]:
    """The token in the answer of a token server, and the refresh token beside it, if there is one.

    Raises UnexpectedAnswer, with ``what`` as its sentence.
    """
    try:
        value = load_json(answer, "the token server's answer")
        token = value.get("token") or value.get("access_token")
        lifetime = float(value.get("expires_in") or _DEFAULT_LIFETIME)
        refresh, claims = value.get("refresh_token"), value.get("claims")
    except (InvalidDocument, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise UnexpectedAnswer(what, cause="it is not JSON of a token server") from error
    if not _is_token(token):
        raise UnexpectedAnswer(what)
    now = time.monotonic()
    made = Token(token, now, now + max(lifetime - _MARGIN, lifetime / 2, 1.0), _claims(claims))
    return made, refresh if _is_token(refresh) else None


def _claims(value: object) -> dict[str, str]:
    """Texts by name, safe to show, and not too many of them; whatever else it is, nothing."""
    pairs = list(value.items())[:_MAX_CLAIMS] if isinstance(value, dict) else []
    return {printable(name, 100): printable(text, _MAX_CLAIM) for name, text in pairs if isinstance(text, str)}


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value != "" and " " not in value


def _refused(response: requests.Response, request: TokenRequest, form: Mapping[str, str], hint: str | None) -> Failure:
    status, server = response.status_code, urlsplit(request.realm).netloc
    failure = refusal(response, f"the token server {server} failed")
    cause = failure.cause = (failure.cause or "").replace(form.get("refresh_token", "\0"), "***")
    if status >= 500 or status in {408, 429}:
        return failure  # a transport may try again
    if request.credentials is not None:
        cause += f" (the credentials: {request.credentials.source})"
    return AuthenticationFailed(f"the token server {server} refused us", status=status, cause=cause, hint=hint)

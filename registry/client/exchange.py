"""Trusted publishing: a job's identity token is exchanged for a token of the registry (RFC 8693), without a secret.

The token is sent only to a registry that said in its challenge, over TLS, that it takes such tokens, only to
the host that was asked (as a password, to a token server that it may name), and only where the token was made for
that very host: a reference may have been written by anybody. Not here: where the token is from (``workload``), and
what a person is told (``workload_advice``).
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import requests

from registry.client import workload_advice as advice
from registry.client.answers import refusal, unreachable
from registry.client.bodies import bounded
from registry.client.credentials import Credentials, canonical_host
from registry.client.session import is_loopback
from registry.client.tokens import Token, TokenRequest, TokenSource, read_token
from registry.client.workload import Identity, IdentityToken, find_identity
from registry.errors import AuthenticationFailed, Failure, InvalidDocument
from registry.strictjson import load_json
from registry.words import printable

__all__ = ["WORKLOAD_USER", "Verified", "WorkloadLogin"]

WORKLOAD_USER = "oidc"
"""The user name beside a token that is used as a password; any does."""

_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_PATH = re.compile(r"/[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){0,9}")
_MAX_PATH = 200
_TIMEOUT = (10.0, 30.0)
_MAX_CLAIM = 250
"""Characters of a claim that our server repeats."""
_MAY_PASS = frozenset({408, 429})
_USED = "used"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a registry believed of this job when it took its token; nobody else has verified the claims.

    They are those of the token that it was sent: a registry cannot say that we are somebody else.
    """

    registry: str
    claims: Mapping[str, str]


class _Refused(Exception):
    """What a registry says of a token that it does not take; ``reason`` is its word for programs."""

    def __init__(self, words: str, reason: str) -> None:
        super().__init__(reason)
        self.words, self.reason = words, reason


class WorkloadLogin:
    """Logs a job in at one registry, for all threads.

    ``offered`` is whether the registry announced an exchange, ``reason`` why we were not logged in the last time,
    ``verified`` what the registry said of us when we were.
    """

    def __init__(
        self, host: str, session: requests.Session, source: TokenSource, *, plain: bool, audience: str | None
    ) -> None:
        """Keep what is needed; ``audience`` is what a person said that the registry wants, or None."""
        self.offered = False
        self.reason: AuthenticationFailed | None = None
        self.verified: Verified | None = None
        self._host = canonical_host(host)
        self._base = f"{'http' if plain else 'https'}://{host}"
        self._audience = audience or self._host
        self._session, self._source = session, source
        self._used: set[bytes] = set()
        self._open = (plain or session.verify is False) and not is_loopback(host)

    def assertion(self, announced: str) -> IdentityToken | None:
        """The job's token, for a registry that announced the path of an exchange; None for others, and without one.

        Raises AuthenticationFailed for a token that must not be sent, or cannot be used; Unreachable.
        """
        if not _is_path(announced):
            return None
        self.offered = True
        identity = find_identity(os.environ)
        if identity is None:
            self.reason = advice.why_none(os.environ, self._host, self._audience)
            return None
        return self._asserted(identity)

    def token(self, request: TokenRequest, announced: str) -> Token | None:
        """A token of the registry; None when it is to be asked as nobody, which ``reason`` explains.

        Raises Unreachable, UnexpectedAnswer, RegistryRefused: what may work the next time.
        """
        try:
            assertion = self.assertion(announced)
            if assertion is None:
                return None
            token = self._exchanged(assertion, request, announced)
        except AuthenticationFailed as failure:
            self.reason = failure
            return None
        self.reason, self.verified = None, Verified(self._host, _confirmed(token, assertion))
        return token

    def login_advice(self, login: str | None) -> str | None:
        """What a person without credentials can do, with why the identity of a job, if it has one, does not do."""
        return login if self.offered else advice.unoffered(os.environ, self._host, login)

    def _asserted(self, identity: Identity) -> IdentityToken:
        if self._open:
            raise advice.in_the_open(self._host)
        token = identity.token(self._audience)
        if self._audience not in token.audiences:
            raise advice.foreign(token, self._host, self._audience, os.environ)
        if token.expired:
            raise advice.expired(token, os.environ, self._audience)
        return token

    def _exchanged(self, assertion: IdentityToken, request: TokenRequest, path: str) -> Token:
        """By the exchange, which takes each token once; and what it has taken already, as a password."""
        name = hashlib.sha256(assertion.text.encode()).digest()
        if name in self._used:
            return self._as_password(assertion, request)
        try:
            self._used.add(name)  # also when the answer is lost
            return self._exchange(assertion, request, path)
        except _Refused as refused:
            if refused.reason == _USED:
                return self._as_password(assertion, request)
            self._used.discard(name)
            words, reason = printable(refused.words.replace(assertion.text, "***")), refused.reason
        raise advice.refused(assertion, self._host, self._audience, words, reason, os.environ)

    def _as_password(self, assertion: IdentityToken, request: TokenRequest) -> Token:
        credentials = Credentials.of_password(WORKLOAD_USER, assertion.text, assertion.source)
        return self._source.fetch(replace(request, credentials=credentials), None)

    def _exchange(self, assertion: IdentityToken, request: TokenRequest, path: str) -> Token:
        what, url = f"{self._host} gave no token for the identity of this job", f"{self._base}{path}"
        form = {"grant_type": _GRANT, "subject_token_type": _JWT, "subject_token": assertion.text}
        form |= {"scope": " ".join(request.scopes)} if request.scopes else {}
        try:
            response = self._session.post(url, data=form, timeout=_TIMEOUT, stream=True, allow_redirects=False)
        except (requests.RequestException, ValueError) as error:
            raise unreachable(error, url) from None
        with response:
            if response.status_code == 400:
                raise _refusal(bounded(response, what))
            if response.status_code != 200:
                raise _failure(response, what, assertion)
            return read_token(bounded(response, what), what)[0]


def _confirmed(token: Token, assertion: IdentityToken) -> dict[str, str]:
    """The claims that the registry repeats and that are in the token that it was sent."""
    sent = {name: printable(str(value), _MAX_CLAIM) for name, value in assertion.claims.items()}
    return {name: text for name, text in token.claims.items() if sent.get(name) == text}


def _failure(response: requests.Response, what: str, assertion: IdentityToken) -> Failure:
    """The failure behind an answer: one that may pass, or no login. It is never that something is not there."""
    failure, status = refusal(response, what), response.status_code
    failure.cause = (failure.cause or "").replace(assertion.text, "***")
    return failure if status in _MAY_PASS or status >= 500 else AuthenticationFailed(what, cause=failure.cause)


def _refusal(body: bytes) -> _Refused:
    """RFC 6749, section 5.2, with a member ``reason`` of our server's."""
    try:
        said: Any = load_json(body, "the answer")
        words, reason = (said.get(name) for name in ("error_description", "reason"))
    except (InvalidDocument, AttributeError):
        words = reason = None
    return _Refused(words if isinstance(words, str) else "", reason if isinstance(reason, str) else "")


def _is_path(announced: str) -> bool:
    """Whether it is a path at the registry itself, and can be nothing else."""
    return len(announced) <= _MAX_PATH and _PATH.fullmatch(announced) is not None

"""Who we are to a registry: Basic credentials, or tokens that they are exchanged for.

Tokens are kept by scope (distribution token specification). Credentials come from Docker's
configuration, as the ``oras`` package finds them, and go to the registry and to a token server
that it may name, and nowhere else.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from urllib.parse import urlsplit

import oras.container
import oras.logger
import requests
from oras.auth.token import TokenAuth

from registry.client.answers import unreachable, without_secrets
from registry.client.bodies import bounded
from registry.client.challenge import Challenge, parse_challenges
from registry.client.credentials import config_path, key_of
from registry.errors import AuthenticationFailed, InvalidDocument, UnexpectedAnswer
from registry.model import load_json
from registry.words import printable

__all__ = ["RegistryAuth", "realm_allowed"]

_DOCKER_HUB = ("registry-1.docker.io", "auth.docker.io")
_DEFAULT_LIFETIME = 60.0
"""Seconds a token lives when the server does not say (distribution token specification)."""
_MARGIN = 10.0
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_TIMEOUT = (10.0, 30.0)


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    expires: float


class RegistryAuth(TokenAuth):
    """What to send in ``Authorization`` to one registry."""

    def __init__(self, host: str, session: requests.Session, *, plain: bool) -> None:
        super().__init__()
        self.session = session
        self.prefix = "http" if plain else "https"
        self._host = host
        self._tokens: dict[str, _Token] = {}
        self._lock = RLock()
        self._use_basic = False
        self._loaded = False
        oras.logger.setup_logger(quiet=True)

    def set_basic_auth(self, username: str, password: str) -> None:
        """Use these credentials, and none from Docker's configuration."""
        super().set_basic_auth(username, password)
        self._loaded = True

    def header(self, scope: str) -> dict[str, str]:
        """The header for a request within ``scope``, from what is known so far."""
        with self._lock:
            token = self._tokens.get(scope)
            if token is not None and token.expires > time.monotonic():
                return {"Authorization": f"Bearer {token.value}"}
            if self._use_basic:
                return {"Authorization": f"Basic {self._credentials()}"}
        return {}

    def answer(self, response: requests.Response, scope: str, sent: str | None) -> bool:
        """Learn from a 401; whether another try, with :meth:`header`, makes sense.

        Raises AuthenticationFailed when a token server refuses or may not be asked.
        """
        challenges = parse_challenges(response.headers.get("WWW-Authenticate", ""))
        with self._lock:
            if self.header(scope).get("Authorization", sent) != sent:
                return True  # another thread has been here in the meantime
            bearer = next((each for each in challenges if each.scheme == "bearer" and each.get("realm")), None)
            if bearer is not None:
                # A server that needs more than we think says so in its challenge.
                wanted = sorted({scope, bearer.get("scope")} - {""})
                self._tokens[scope] = self._exchange(bearer, wanted)
                return self.header(scope).get("Authorization") != sent
            basic = any(each.scheme == "basic" for each in challenges)
            if basic and not self._use_basic and self._credentials() is not None:
                self._use_basic = True
                return True
        return False

    def load_configs(self, container: object, configs: list[str] | None = None) -> None:
        """Find credentials for a registry in Docker's configuration, ``DOCKER_CONFIG`` respected."""
        chosen = configs or [str(config_path())]
        try:
            super().load_configs(container, [path for path in chosen if Path(path).exists()])
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise AuthenticationFailed(
                "Docker's configuration could not be read", cause=f"{type(error).__name__} in config.json"
            ) from error

    def _credentials(self) -> str | None:
        if not self._loaded:
            self._loaded = True
            container = oras.container.Container(f"{self._host}/any")
            container.registry = key_of(self._host)
            self.load_configs(container)
        found: str | None = getattr(self, "_basic_auth", None)
        if found is None:
            return None
        joined = "".join(found.split())  # "base64" breaks long lines
        if _BASE64.fullmatch(joined) is None:
            raise AuthenticationFailed(
                f"the credentials of {self._host} in Docker's configuration are malformed",
                cause="'auth' must be base64 of user:password",
            )
        return joined

    def _exchange(self, challenge: Challenge, scopes: list[str]) -> _Token:
        realm = challenge.get("realm")
        if not realm_allowed(realm, self._host, plain=self.prefix == "http"):
            raise AuthenticationFailed(
                f"the registry {self._host} sends us to a token server that it may not name",
                cause=f"realm {printable(realm)}",
            )
        parameters = [("scope", scope) for scope in scopes]
        if service := challenge.get("service"):
            parameters.append(("service", service))
        basic = self._credentials()
        headers = {"Authorization": f"Basic {basic}"} if basic else {}
        try:
            response = self.session.get(
                realm, params=parameters, headers=headers, timeout=_TIMEOUT, stream=True, allow_redirects=False
            )
        except (requests.RequestException, ValueError) as error:
            raise unreachable(error, realm) from error
        with response:
            return self._read_token(response, realm)

    def _read_token(self, response: requests.Response, realm: str) -> _Token:
        host = urlsplit(realm).netloc
        if response.status_code != 200:
            raise AuthenticationFailed(
                f"the token server {host} refused us",
                status=response.status_code,
                cause=without_secrets(f"{response.status_code} {printable(response.reason or '')}", response),
                hint=f"wasmbuild login {self._host}",
            )
        try:
            value = load_json(bounded(response, f"the token server {host} gave no token"), "the token server's answer")
            token = value.get("token") or value.get("access_token")
            lifetime = float(value.get("expires_in") or _DEFAULT_LIFETIME)
        except (InvalidDocument, AttributeError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(f"the token server {host} gave no token", cause="it is not JSON") from error
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise UnexpectedAnswer(f"the token server {host} gave no token")
        return _Token(token, time.monotonic() + max(lifetime - _MARGIN, 1.0))


def realm_allowed(realm: str, host: str, *, plain: bool) -> bool:
    """Whether a registry may send us, and our credentials, to this token server.

    It may name its own host on any port, its parent domain (which rules over it anyway), and Docker
    Hub its own; over https, unless the registry itself is plain. CVE-2026-33540 is what happens
    otherwise.
    """
    try:
        parts = urlsplit(realm)
    except ValueError:
        return False
    if parts.username is not None or (parts.scheme != "https" and not (plain and parts.scheme == "http")):
        return False
    named, own = parts.hostname or "", urlsplit(f"//{host}").hostname or ""
    if named == own or (own, named) == _DOCKER_HUB:
        return bool(named)
    return named.count(".") >= 1 and own.endswith(f".{named}") and not named.replace(".", "").isdigit()

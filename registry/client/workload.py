"""Workload identity: the token of an OpenID issuer that a CI system gives to a job, in place of a secret.

GitHub makes one whenever it is asked, for the audience that it is told; GitLab puts one into a variable, and
anything else into a variable or a file (OpenID Connect Core 1.0, section 2). Not here: to whom one may be
sent, and what it is good for (``exchange``), and what to do where there is none (``workload_advice``).
"""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import quote, urlsplit

from registry.errors import AuthenticationFailed, InvalidDocument, Unreachable
from registry.files import read_regular
from registry.strictjson import load_json
from registry.words import printable

__all__ = ["ID_TOKEN", "ID_TOKEN_FILE", "Identity", "IdentityToken", "find_identity"]

ID_TOKEN = "WASMBUILD_ID_TOKEN"  # noqa: S105 - the name of a variable
ID_TOKEN_FILE = "WASMBUILD_ID_TOKEN_FILE"  # noqa: S105

_GITHUB_URL, _GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_MAX_TOKEN = 16 * 1024
_MAX_ANSWER = 64 * 1024
_TIMEOUT = (10.0, 30.0)
_MAY_PASS = frozenset({408, 429})
_LEEWAY = 30.0
"""Seconds that clocks may differ by."""


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A token, read and not verified: that is for whoever is shown it. ``source`` says in words where it is from."""

    text: str = field(repr=False)
    source: str
    claims: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, text: str, source: str) -> Self:
        """Read a JSON Web Token (RFC 7519). Raises AuthenticationFailed, in which there is nothing of it."""
        parts, claims = text.split("."), None
        if len(parts) == 3 and len(text) <= _MAX_TOKEN and text.isascii() and text.isprintable() and " " not in text:
            try:
                claims = load_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), "the token")
            except (ValueError, InvalidDocument):
                claims = None
        if not isinstance(claims, dict):
            raise AuthenticationFailed(f"the identity token ({source}) is malformed", cause="it is no JSON Web Token")
        return cls(text, source, claims)

    @property
    def audiences(self) -> tuple[str, ...]:
        """Whom it was made for."""
        said = self.claims.get("aud")
        return tuple(each for each in (said if isinstance(said, list) else [said]) if isinstance(each, str))

    @property
    def expired(self) -> bool:
        """Whether its time is over, whatever our clock is late by."""
        end = self.claims.get("exp")
        return isinstance(end, int | float) and end < time.time() - _LEEWAY


class Identity(Protocol):
    """Where a job's tokens come from."""

    def token(self, audience: str) -> IdentityToken:
        """A token, for that audience where it can be chosen. Raises AuthenticationFailed, Unreachable."""


def find_identity(
    environment: Mapping[str, str], variable: str = ID_TOKEN, file_variable: str | None = ID_TOKEN_FILE
) -> Identity | None:
    """Where this job's tokens come from: a variable, a file that a variable names, GitHub; None where there are none.

    Raises nothing, and asks nobody.
    """
    if text := environment.get(variable, "").strip():
        return _Variable(variable, text)
    if file_variable is not None and (name := environment.get(file_variable)):
        return _File(file_variable, Path(name))
    url, token = environment.get(_GITHUB_URL), environment.get(_GITHUB_TOKEN)
    if environment.get("GITHUB_ACTIONS") == "true" and url and token:
        return _GitHub(url, token)
    return None


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    text: str = field(repr=False)

    def token(self, audience: str) -> IdentityToken:  # noqa: ARG002 - it was chosen before
        return IdentityToken.parse(self.text, f"in {self.name}")


@dataclass(frozen=True, slots=True)
class _File:
    """A file that somebody else writes anew, as Kubernetes does; it is read each time."""

    name: str
    path: Path

    def token(self, audience: str) -> IdentityToken:  # noqa: ARG002
        try:
            text = read_regular(self.path, _MAX_TOKEN).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            cause = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
            raise AuthenticationFailed(
                f"the identity token in {printable(str(self.path), 200)} cannot be read",
                cause=cause,
                hint=f"{self.name} names a file with a token",
            ) from None
        return IdentityToken.parse(text, f"in {self.path}")


@dataclass(frozen=True, slots=True)
class _GitHub:
    """GitHub documentation, "OpenID Connect reference", "Methods for requesting the OIDC token"."""

    url: str = field(repr=False)
    secret: str = field(repr=False)

    def token(self, audience: str) -> IdentityToken:
        import requests  # noqa: PLC0415 - loaded already where something was asked of a registry

        from registry.client.answers import refusal, unreachable  # noqa: PLC0415
        from registry.client.bodies import bounded  # noqa: PLC0415
        from registry.client.session import open_session  # noqa: PLC0415
        from registry.client.settings import HostSettings  # noqa: PLC0415

        what = "GitHub did not give this job an identity token"
        url, headers = self._asking(audience, what), {"Authorization": f"bearer {self.secret}"}
        try:
            with (
                open_session(urlsplit(url).netloc, HostSettings(), 1) as session,
                session.get(url, headers=headers, timeout=_TIMEOUT, stream=True, allow_redirects=False) as response,
            ):
                if response.status_code != 200:
                    status, cause = response.status_code, refusal(response, what).cause
                    if status >= 500 or status in _MAY_PASS:
                        raise Unreachable(what, cause=cause)
                    raise AuthenticationFailed(what, status=status, cause=cause)
                body = bounded(response, what)
        except (requests.RequestException, ValueError) as error:
            raise Unreachable(what, cause=unreachable(error, url).cause) from None
        return IdentityToken.parse(_value(body), "of GitHub Actions")

    def _asking(self, audience: str, what: str) -> str:
        from registry.client.session import is_loopback  # noqa: PLC0415

        try:
            parts = urlsplit(self.url)
            safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.netloc))
        except ValueError:
            safe = False
        if not safe:
            raise AuthenticationFailed(what, cause=f"{_GITHUB_URL} is not the URL of a service over https")
        return f"{self.url}{'&' if parts.query else '?'}audience={quote(audience, safe='')}"


def _value(body: bytes) -> str:
    """The member of the answer that holds the token; nothing of any other answer is shown."""
    try:
        value = load_json(body, "the answer").get("value") if len(body) <= _MAX_ANSWER else None
    except (InvalidDocument, AttributeError):
        value = None
    return value if isinstance(value, str) else ""

"""Credentials: one way to say who we are to a registry, checked once, and never shown.

Where they are found is ``keychain``'s, what a registry is told of them ``auth``'s.
"""

import base64
from dataclasses import dataclass, field
from typing import Literal, Self

from registry.errors import AuthenticationFailed

__all__ = ["DOCKER_HUB", "DOCKER_HUB_KEY", "TOKEN_USER", "Credentials", "canonical_host", "names_of"]

DOCKER_HUB = "docker.io"
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
"""What Docker's configuration and its helpers call Docker Hub."""

TOKEN_USER = "<token>"  # noqa: S105 - the name that says that the secret is an identity token
"""The user name that goes with an identity token (docker-credential-helpers, "get")."""

_HUB_NAMES = (DOCKER_HUB_KEY, DOCKER_HUB, "index.docker.io", "registry-1.docker.io")
_MAX_SECRET = 32 * 1024


def canonical_host(host: str) -> str:
    """A registry's one name: lower case, and Docker Hub under the name that references use."""
    lowered = host.lower()
    return DOCKER_HUB if lowered in _HUB_NAMES else lowered


def names_of(host: str) -> tuple[str, ...]:
    """What configuration files may call a registry, the usual name first."""
    known = canonical_host(host)
    return _HUB_NAMES if known == DOCKER_HUB else (known,)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A password, an identity token to be exchanged for others, or a registry token to be sent as it is.

    ``source`` says in words where they come from. User name and secret are not part of the ``repr``.
    """

    kind: Literal["password", "identity", "registry"]
    username: str = field(repr=False)
    secret: str = field(repr=False)
    source: str = "given"

    @classmethod
    def of_password(cls, username: str, password: str, source: str = "given") -> Self:
        """A user name and a password (RFC 7617).

        Raises AuthenticationFailed when they cannot be sent: a ':' in the name, control characters.
        """
        if not username or ":" in username:
            raise _malformed(source, "a user name is not empty, and has no ':'")
        if _has_controls(username) or _has_controls(password):
            raise _malformed(source, "there is a control character in it, perhaps the end of a line")
        return cls("password", username, _bounded(password, source), source)

    @classmethod
    def of_identity(cls, token: str, username: str = "", source: str = "given") -> Self:
        """An identity token: the refresh token of OAuth 2 that a token server knows us by.

        Raises AuthenticationFailed when it is not one word of printable ASCII.
        """
        if ":" in username or _has_controls(username):
            raise _malformed(source, "a user name has no ':' and no control characters")
        return cls("identity", username or TOKEN_USER, _token(token, source), source)

    @classmethod
    def of_registry(cls, token: str, source: str = "given") -> Self:
        """A token that the registry itself takes, sent as it is (RFC 6750).

        Raises AuthenticationFailed when it is not one word of printable ASCII.
        """
        return cls("registry", TOKEN_USER, _token(token, source), source)

    @classmethod
    def of_pair(cls, username: str, secret: str, source: str) -> Self:
        """What a credential helper calls them: the user ``<token>`` says that the secret is an identity token.

        Raises AuthenticationFailed as the others do.
        """
        if username == TOKEN_USER:
            return cls.of_identity(secret, source=source)
        return cls.of_password(username, secret, source)

    @property
    def basic(self) -> str:
        """``user:secret`` in base64, as ``Basic`` and Docker's ``auth`` have it; UTF-8 where it is not ASCII."""
        return base64.b64encode(f"{self.username}:{self.secret}".encode("utf-8", "surrogateescape")).decode()


def _token(text: str, source: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise _malformed(source, "a token is one word of printable ASCII")
    return _bounded(text, source)


def _bounded(secret: str, source: str) -> str:
    if len(secret) > _MAX_SECRET:
        raise _malformed(source, f"it is longer than {_MAX_SECRET} characters")
    return secret


def _has_controls(text: str) -> bool:
    return any(character < " " or character == "\x7f" for character in text)


def _malformed(source: str, why: str) -> AuthenticationFailed:
    return AuthenticationFailed(f"the credentials ({source}) are malformed", cause=why)

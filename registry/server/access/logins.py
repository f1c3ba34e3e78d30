"""Logins: from what a client sends to who it is. Nothing here decides what anybody may do.

A password is an account's (of the htpasswd file first, then of the database), an API token, or a
token of a configured issuer. Whoever is wrong waits a little, and not too often.
"""

import asyncio
import base64
import binascii
import contextlib
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from registry.server.access.accounts import password_of, standing_of, valid_user
from registry.server.access.api_tokens import PREFIX, find_token, token_used
from registry.server.access.htpasswd import Htpasswd
from registry.server.access.oidc import InvalidAssertion, Issuers, looks_like_assertion
from registry.server.access.passwords import BCRYPT_BYTES, Passwords
from registry.server.access.principals import Principal
from registry.server.access.rates import Buckets, address_key, too_many
from registry.server.access.refresh_tokens import find_refresh_token, stamp_of
from registry.server.access.tokens import Tokens
from registry.server.config.access import AccessConfig
from registry.server.database.protocol import Database
from registry.server.refusal import Refusal

__all__ = ["Login", "Logins", "basic_credentials"]

_MAX_HEADER = 32 * 1024


@dataclass(frozen=True, slots=True)
class Login:
    """Who it is. ``stamp`` is that of the password, when it came with an account's own."""

    principal: Principal
    stamp: str | None = None
    expires: float | None = None
    """When what it came with ends, in seconds since the epoch; None: not by itself."""


class Credentials(NamedTuple):
    """A name and a password."""

    name: str
    password: str


class Logins:
    """Checks credentials; belongs to one event loop."""

    def __init__(
        self, config: AccessConfig, database: Database, htpasswd: Htpasswd | None, issuers: Issuers, tokens: Tokens
    ) -> None:
        self._config = config
        self._database = database
        self._htpasswd = htpasswd
        self._issuers = issuers
        self._tokens = tokens
        self._passwords = Passwords(bcrypt=None if htpasswd is None else htpasswd.cost)
        per_second = config.failures_per_minute / 60
        self._failures = Buckets(per_second, config.failures_per_minute)

    async def password(self, given: Credentials, client: str) -> Login:
        """Who has that name and password. Raises Refusal: 401 when nobody has, 429 after too many of those."""
        if given.password.startswith(PREFIX):
            found = await self._api_token(given.password)
            name = found.principal.name if found is not None else ""
            # A token is its own name; but a wrong one would be a lie in somebody's log.
            found = found if given.name in (name, "token") else None
        elif self._issuers and looks_like_assertion(given.password):
            found = await self._assertion(given.password, client)
        else:
            found = await self._account(given, client)
        return found or await self._fail(client, _explain(given.password))

    async def bearer(self, text: str, client: str) -> Login:
        """Whom a token of ours stands for. Raises Refusal (401)."""
        if text.startswith(PREFIX):
            return await self._api_token(text) or await self._fail(client, "this API token is not, or no longer, valid")
        principal = await self._tokens.verify(text)
        if principal is None:
            raise Refusal(401, "UNAUTHORIZED", "the token is not valid, or has ended")
        return Login(principal)

    async def refresh(self, text: str, client: str) -> Login:
        """Whom a refresh token stands for, as long as the password is the one that it came of. Raises Refusal (401)."""
        found = await self._database.read(lambda connection: find_refresh_token(connection, text))
        if found is not None:
            stored = await self._stored(found.name)
            if stored is not None and stamp_of(stored) == found.stamp:
                return Login(Principal("user", found.name), found.stamp)
        return await self._fail(client, "the refresh token is not valid, or has ended")

    async def _account(self, given: Credentials, client: str) -> Login | None:
        stored = await self._stored(given.name)
        if stored is None or not self._passwords.remembers(given.password, stored):
            wait = self._failures.wait(address_key(client))
            if wait:
                raise too_many(wait)
        if not await self._passwords.check(given.password, stored) or stored is None:
            return None
        return Login(Principal("user", given.name), stamp_of(stored))

    async def _stored(self, name: str) -> str | None:
        """The hash of an account's password; None when there is no such account, or it is disabled."""
        if not valid_user(name):
            return None
        kept = self._htpasswd.entries().get(name) if self._htpasswd is not None else None
        if kept is None:
            return await self._database.read(lambda connection: password_of(connection, name))
        standing = await self._database.read(lambda connection: standing_of(connection, name))
        return None if standing is not None and standing.disabled else kept

    async def _api_token(self, text: str) -> Login | None:
        found = await self._database.read(lambda connection: find_token(connection, text))
        if found is None:
            return None
        key = found.principal.credential
        if found.stale and key is not None:
            with contextlib.suppress(OSError, SQLAlchemyError):  # a full disk keeps nobody from pulling
                await self._database.write(lambda connection: token_used(connection, key))
        return Login(found.principal)

    async def _assertion(self, text: str, client: str) -> Login:
        try:
            workload = await self._issuers.verify(text)
        except InvalidAssertion as error:
            return await self._fail(client, str(error))
        return Login(workload.principal, expires=workload.expires)

    async def _fail(self, client: str, message: str) -> Login:
        self._failures.take(address_key(client))
        await asyncio.sleep(self._config.fail_delay)
        raise Refusal(401, "UNAUTHORIZED", message)


def _explain(password: str) -> str:
    if len(password.encode()) > BCRYPT_BYTES:
        return f"wrong user or password; no password that is kept with bcrypt has more than {BCRYPT_BYTES} bytes"
    return "wrong user or password"


def basic_credentials(encoded: str) -> Credentials | None:
    """What ``Authorization: Basic`` says (RFC 7617); None when it is malformed."""
    if len(encoded) > _MAX_HEADER:
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return Credentials(name, password) if colon else None

"""Access of one server: what is set up, and what belongs to it; made once, shared by routes and the door."""

import logging
import time

from registry.errors import InvalidConfiguration
from registry.server.access.accounts import has_users
from registry.server.access.egress import EgressGuard
from registry.server.access.htpasswd import Htpasswd
from registry.server.access.logins import Logins
from registry.server.access.oidc import Issuers
from registry.server.access.origins import Origins
from registry.server.access.policy import Mode, RuleGate
from registry.server.access.rates import Buckets
from registry.server.access.tokens import Tokens
from registry.server.config import DEFAULT_LISTEN, ServerConfig, is_loopback
from registry.server.database.protocol import Database

__all__ = ["AccessControl"]

_LOOK_SECONDS = 1.0
_NEVER = float("-inf")

_LOGGER = logging.getLogger(__name__)


class AccessControl:
    """Users are set up when the settings name a file of them or an issuer, or the database has any.

    A server that was open closes within a second of the first user, and stays closed. Raises
    InvalidConfiguration when a setting is malformed.
    """

    def __init__(self, config: ServerConfig, database: Database) -> None:
        access = config.access
        self.config = access
        self.database = database
        self.mode = Mode(open=access.htpasswd is None and not access.issuers)
        self.everybody = access.anonymous == "everything"
        self.loopback = is_loopback(config.host)
        if self.everybody and not self.mode.open:
            raise InvalidConfiguration(
                "access.anonymous lets everybody do everything, so that no user would ever be asked for a password",
                hint="leave out either access.anonymous, or access.htpasswd and access.issuers",
            )
        htpasswd = Htpasswd(access.htpasswd) if access.htpasswd is not None else None
        self.egress = EgressGuard(access.egress_allow)
        self.issuers = Issuers(access, self.egress)
        self.tokens = Tokens(access.service, database)
        self.gate = RuleGate(access, self.mode, htpasswd)
        self.logins = Logins(access, database, htpasswd, self.issuers, self.tokens)
        self.origins = Origins(config.external_url, config.trusted_proxies)
        self.rates = Buckets(access.requests_per_second, access.burst)
        self._looked = _NEVER

    async def start(self) -> None:
        """Raises InvalidConfiguration when strangers could do everything although nobody said that they may."""
        if not await self.open() or self.loopback or self.everybody:
            return
        raise InvalidConfiguration(
            "cannot listen on an address that is not a loopback address without users",
            cause="without users, everyone who reaches the server may push, overwrite and delete",
            hint=f"add a user, or listen on {DEFAULT_LISTEN}; --allow-anonymous lets everybody do everything",
        )

    async def open(self) -> bool:
        """Whether whoever reaches the server may do everything, without a login."""
        if not self.mode.open or self.everybody:
            return self.mode.open
        now = time.monotonic()
        if now - self._looked > _LOOK_SECONDS:
            started, self._looked = self._looked == _NEVER, now
            if await self.database.read(has_users):
                self.mode.open = False
            if not self.mode.open and not started:
                _LOGGER.warning("the first user is set up: from now on rules say who may do what")
        return self.mode.open

    async def describe(self, address: str) -> str:
        """One line for whoever starts the server: who may do what at an address."""
        if not await self.open():
            policy = await self.database.read(self.gate.policy)
            if policy.rules or self.config.publishers:
                return f"users are set up: rules say who may do what at {address}"
            return f"users are set up, but no rule lets any of them do anything at {address}"
        who = "everybody" if self.everybody else "every program on this machine"
        why = "access.anonymous says so" if self.everybody else "no users are set up"
        return f"{why}: {who} may pull, push and delete at {address}"

    def close(self) -> None:
        """Let go of what is left."""
        self.egress.close()

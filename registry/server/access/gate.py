"""The choke point: every operation on content asks here, in the transaction that does it.

What is asked is a ``Permit``: one principal, one gate. A permit is made for each request and holds
no decision: the rules are those of the moment, as the connection sees them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import Connection

from registry.server.access.principals import EVERYTHING, Action, Principal
from registry.server.refusal import Refusal

__all__ = ["Caller", "Gate", "OpenGate", "Permit"]


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request tells about how to get credentials.

    ``origin`` is our address as its client knows it (``https://host:port``), ``source`` the
    repository that it mounts a blob from, for which it needs a token as well.
    """

    origin: str = ""
    source: str | None = None


class Gate(Protocol):
    """Decides. Nothing here changes anything."""

    def allowed(self, connection: Connection, principal: Principal, repository: str) -> frozenset[Action]:
        """What a principal may do to a repository, whether or not there is one; "" is the whole registry."""

    def immutable(self, connection: Connection, repository: str, tag: str) -> bool:
        """Whether a tag, once set, stays: nobody moves or deletes it, or what it means."""

    def challenge(
        self, caller: Caller, repository: str, actions: tuple[Action, ...], error: str | None = None
    ) -> Mapping[str, str]:
        """Headers of a 401 that say how to come back with credentials, and why, as RFC 6750 has it."""


class OpenGate:
    """No users are set up: everyone who reaches the server may do everything."""

    def allowed(self, connection: Connection, principal: Principal, repository: str) -> frozenset[Action]:  # noqa: ARG002
        """Everything."""
        return EVERYTHING

    def immutable(self, connection: Connection, repository: str, tag: str) -> bool:  # noqa: ARG002
        """No tag is."""
        return False

    def challenge(
        self,
        caller: Caller,  # noqa: ARG002
        repository: str,  # noqa: ARG002
        actions: tuple[Action, ...],  # noqa: ARG002
        error: str | None = None,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Nothing to say: nobody is refused."""
        return {}


@dataclass(frozen=True, slots=True)
class Permit:
    """What one principal may do; ``caller`` is for the answer that asks it to log in."""

    gate: Gate
    principal: Principal
    caller: Caller = Caller()

    def may(self, connection: Connection, repository: str, action: Action) -> bool:
        """Whether it may."""
        return action in self.gate.allowed(connection, self.principal, repository)

    def require(self, connection: Connection, repository: str, *actions: Action) -> None:
        """Go on only when it may do all of that.

        Raises Refusal: 401 when credentials, or another token, might help, else 403. The answer is
        the same whether or not the repository is there.
        """
        allowed = self.gate.allowed(connection, self.principal, repository)
        missing = tuple(action for action in actions if action not in allowed)
        if not missing:
            return
        if self.principal.anonymous:
            headers = self.gate.challenge(self.caller, repository, actions)
            raise Refusal(401, "UNAUTHORIZED", "this needs a login", headers=headers)
        if self._has_more(connection, repository, missing):
            headers = self.gate.challenge(self.caller, repository, actions, "insufficient_scope")
            raise Refusal(401, "UNAUTHORIZED", "the token is not for this", headers=headers)
        said, where = ", ".join(missing), repository or "the whole registry"
        raise Refusal(403, "DENIED", f"{self.principal.name} may not do this to {where}: {said}")

    def _has_more(self, connection: Connection, repository: str, missing: tuple[Action, ...]) -> bool:
        """Whether another token of our token endpoint would do."""
        if not self.principal.renewable:
            return False
        whole = replace(self.principal, grants=None)
        return self.gate.allowed(connection, whole, repository).issuperset(missing)

    def require_mutable(self, connection: Connection, repository: str, tag: str) -> None:
        """Go on only when the tag may be moved or deleted. Raises Refusal (409)."""
        if self.gate.immutable(connection, repository, tag):
            raise Refusal(409, "DENIED", "this tag is immutable", details=(tag,))

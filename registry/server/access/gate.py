"""The choke point: every operation on content asks here, in the transaction that does it.

What is asked is a ``Permit``: one principal, one gate. A permit is made for each request and holds
no decision: the rules are those of the moment, as the connection sees them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from registry.server.access.principals import EVERYTHING, Action, Principal
from registry.server.refusal import Refusal

__all__ = ["Gate", "OpenGate", "Permit"]


class Gate(Protocol):
    """Decides. Both methods only look up."""

    def allowed(self, connection: Connection, principal: Principal, repository: str) -> frozenset[Action]:
        """What a principal may do to a repository, whether or not there is one."""

    def immutable(self, connection: Connection, repository: str, tag: str) -> bool:
        """Whether a tag, once set, stays: nobody moves or deletes it, or what it means."""

    def challenge(self, repository: str, actions: tuple[Action, ...]) -> Mapping[str, str]:
        """Headers of a 401 that say how to come back with credentials."""


class OpenGate:
    """No users are set up: everyone who reaches the server may do everything."""

    def allowed(self, connection: Connection, principal: Principal, repository: str) -> frozenset[Action]:  # noqa: ARG002
        """Everything."""
        return EVERYTHING

    def immutable(self, connection: Connection, repository: str, tag: str) -> bool:  # noqa: ARG002
        """No tag is."""
        return False

    def challenge(self, repository: str, actions: tuple[Action, ...]) -> Mapping[str, str]:  # noqa: ARG002
        """Nothing to say: nobody is refused."""
        return {}


@dataclass(frozen=True, slots=True)
class Permit:
    """What one principal may do."""

    gate: Gate
    principal: Principal

    def may(self, connection: Connection, repository: str, action: Action) -> bool:
        """Whether it may."""
        return action in self.gate.allowed(connection, self.principal, repository)

    def require(self, connection: Connection, repository: str, *actions: Action) -> None:
        """Go on only when it may do all of that.

        Raises Refusal: 401 when credentials might help, else 403. The answer is the same whether or
        not the repository is there.
        """
        allowed = self.gate.allowed(connection, self.principal, repository)
        missing = tuple(action for action in actions if action not in allowed)
        if not missing:
            return
        if self.principal.anonymous:
            headers = self.gate.challenge(repository, actions)
            raise Refusal(401, "UNAUTHORIZED", "this needs a login", headers=headers)
        said = ", ".join(missing)
        raise Refusal(403, "DENIED", f"{self.principal.name} may not do this to {repository}: {said}")

    def require_mutable(self, connection: Connection, repository: str, tag: str) -> None:
        """Go on only when the tag may be moved or deleted. Raises Refusal (409)."""
        if self.gate.immutable(connection, repository, tag):
            raise Refusal(409, "DENIED", "this tag is immutable", details=(tag,))

"""Who asks, and what can be asked for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

__all__ = ["ANONYMOUS", "ANYONE_HERE", "EVERYTHING", "RESERVED", "SYSTEM", "Action", "Grant", "Principal"]


class Action(StrEnum):
    """What is done to a repository."""

    PULL = "pull"
    PUSH = "push"
    """Add blobs, manifests, and tags that do not exist yet."""

    OVERWRITE = "overwrite"
    """Let a tag mean something else than it does."""

    DELETE = "delete"
    ADMIN = "admin"
    """Everything, and what is done to the registry as a whole."""


EVERYTHING = frozenset(Action)


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions on the repositories that a glob names; ``access.globs`` says what a glob is."""

    repositories: str
    actions: frozenset[Action]


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever sent a request.

    ``name`` is for people and for the audit log, and tells apart who began an upload. ``groups`` are
    what is known of it besides: of a workload, the publishers that it is. ``grants`` narrow what the
    rules allow (a token that may only pull); None does not narrow. ``credential`` is the id of the
    API token that it came with. ``renewable``: what narrows it is a token of our own token
    endpoint, which gives another one to whoever asks for more. ``claims`` are what its issuer said
    of a workload, as far as it is remembered: for the audit log alone.
    """

    kind: Literal["anonymous", "user", "workload", "local", "system"]
    name: str
    groups: frozenset[str] = frozenset()
    grants: tuple[Grant, ...] | None = None
    credential: str | None = None
    renewable: bool = False
    claims: tuple[tuple[str, str], ...] = ()

    @property
    def anonymous(self) -> bool:
        """Nobody in particular, so that credentials might help."""
        return self.kind == "anonymous"


ANONYMOUS = Principal("anonymous", "anonymous")
ANYONE_HERE = Principal("local", "local")
"""Every program on this machine, while no users are set up."""

SYSTEM = Principal("system", "system")
"""The registry itself: collection, retention, an operator's command."""

RESERVED = frozenset({ANONYMOUS.name, ANYONE_HERE.name, SYSTEM.name, "collection", "retention"})
"""Names that no user has: an upload is its principal's by name."""

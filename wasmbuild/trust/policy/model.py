"""What a trust policy says, as types: scopes over repositories, and what has to hold in each.

Not here: how a file is read (``parsing``), and whether an artifact fulfils it (``judging``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from wasmbuild.trust.authority import Authority
from wasmbuild.trust.policy.conditions import Condition
from wasmbuild.wasm.capabilities import CapabilityPolicy

__all__ = ["AgeOf", "AttestationRule", "Party", "Policy", "Scope", "SignedName"]

SignedName = Literal["any", "repository", "tag"]
"""Which part of a reference has to be the one that was signed."""

AgeOf = Literal["signature", "provenance"]
"""Whose time an age is counted from: one that a third party confirmed, or that a signed provenance says."""


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody whom a policy gives a name; whatever ``members`` sign, it is one for a threshold.

    ``words`` say who that is: fingerprints, or identities and who vouches for them.
    """

    name: str
    members: tuple[Authority, ...] = field(repr=False)
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttestationRule:
    """That ``threshold`` of ``by`` each made an attestation of a predicate type that fulfils all the rest.

    ``capabilities`` None: they are not limited; ``licences`` None likewise.
    """

    predicate_type: str
    by: tuple[Party, ...]
    threshold: int = 1
    conditions: tuple[Condition, ...] = ()
    capabilities: CapabilityPolicy | None = None
    licences: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What has to hold of the artifacts of some repositories.

    ``patterns`` are ``host/repository``, a prefix that ends in ``/*``, or ``*``. ``accepts_anything`` is what
    its key in a file says, and then there are no rules.
    """

    patterns: tuple[str, ...]
    signed_by: tuple[Party, ...] = ()
    threshold: int = 1
    signed_name: SignedName = "any"
    attestations: tuple[AttestationRule, ...] = ()
    max_age: timedelta | None = None
    age_of: AgeOf = "signature"
    no_rollback: bool = False
    pin_tags: bool = False
    approve_capabilities: bool = False
    accepts_anything: bool = False

    @property
    def remembers(self) -> bool:
        """Whether a rule compares with what was accepted before."""
        return self.no_rollback or self.pin_tags or self.approve_capabilities

    def parties(self) -> Iterator[Party]:
        """Everybody whom a rule names, each once."""
        named = [*self.signed_by, *(party for rule in self.attestations for party in rule.by)]
        yield from {party.name: party for party in named}.values()


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole file. ``state`` is where it keeps what was accepted, None for the user's own folder."""

    file: str
    parties: tuple[Party, ...]
    scopes: tuple[Scope, ...]
    state: Path | None = None

    def scope_for(self, name: str | None) -> tuple[str, Scope] | None:
        """The pattern that fits ``host/repository`` most closely, and its scope; None: nothing is accepted.

        What is in no registry has no name, and only ``*`` fits it.
        """
        fitting = [(pattern, scope) for scope in self.scopes for pattern in scope.patterns if fits(pattern, name)]
        return max(fitting, key=lambda found: _closeness(found[0]), default=None)


def fits(pattern: str, name: str | None) -> bool:
    """Whether a pattern is for a repository; a prefix is for what is below it, at any depth."""
    if pattern == "*":
        return True
    if name is None:
        return False
    if pattern.endswith("/*"):
        return name.startswith(pattern[:-1])
    return pattern == name


def _closeness(pattern: str) -> tuple[bool, int]:
    return (not pattern.endswith("*"), len(pattern))

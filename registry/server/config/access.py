"""Who may do what: files, rules, issuers, and how much of it at once. Nothing here opens a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["AccessConfig", "IssuerConfig", "PublisherConfig", "RuleConfig"]


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """What a subject may do to the repositories that a glob names; ``access.rules`` says how both are written."""

    repositories: str
    subject: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """Somebody whose word about workloads is taken (OpenID Connect Discovery 1.0).

    ``url`` is its ``iss``, ``audience`` what its tokens must be made for. ``jwks_url`` is for
    issuers without a discovery document. Algorithms are those of RFC 7518; only asymmetric ones.
    """

    url: str
    audience: str
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")


@dataclass(frozen=True, slots=True)
class PublisherConfig:
    """A workload that may do something without a secret.

    ``claims`` are globs, by claim, all of which a token of the issuer must match.
    """

    name: str
    issuer: str
    claims: Mapping[str, str]
    repositories: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """Users, rules, tokens, issuers. None of them: everyone on this machine may do everything.

    ``anonymous = "everything"`` lets everybody do everything, wherever the server listens.
    ``htpasswd`` is a file of ``name:bcrypt`` lines, ``groups`` are members by group, ``immutable``
    globs of ``repository:tag``. ``service`` is the name that tokens are made for. Times are in
    seconds: how long a token and a refresh token last, and how long the answer to a wrong password
    waits. ``requests_per_second`` bounds each client address and each principal (0: not), up to
    ``burst`` at once; ``failures_per_minute`` bounds wrong credentials of an address.
    ``egress_allow`` are networks that the server may speak to although they are not public.
    """

    anonymous: Literal["nothing", "everything"] = "nothing"
    htpasswd: Path | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[RuleConfig, ...] = ()
    immutable: tuple[str, ...] = ()
    issuers: tuple[IssuerConfig, ...] = ()
    publishers: tuple[PublisherConfig, ...] = ()
    service: str = "wasmbuild"
    token_lifetime: float = 300.0
    refresh_lifetime: float = 30 * 24 * 3600.0
    fail_delay: float = 0.5
    failures_per_minute: float = 30.0
    requests_per_second: float = 0.0
    burst: int = 100
    egress_allow: tuple[str, ...] = ()

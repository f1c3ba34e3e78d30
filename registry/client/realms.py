"""Which token server a registry may send us to; our credentials go along (CVE-2026-33540, CVE-2026-48978).

Its own host on any port, one of the same registrable domain by the Public Suffix List, Docker Hub's
own, or one that the user named; over https, unless the registry itself is plain.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from registry.client.credentials import DOCKER_HUB, canonical_host
from registry.errors import AuthenticationFailed
from registry.words import printable

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

__all__ = ["check_realm", "realm_fault"]

_HUB_REALM = "auth.docker.io"
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORTS = {"http": 80, "https": 443}
_MAX_REALM = 2048


def check_realm(realm: str, host: str, *, plain: bool, realms: Sequence[str] = ()) -> None:
    """Let pass the URL of a token server that the registry ``host`` may name; ``realms`` are ``host[:port]``.

    Raises AuthenticationFailed, with the lines of configuration that allow it where that can be.
    """
    fault = realm_fault(realm, host, plain=plain, realms=realms)
    if fault is None:
        return
    known, parts = canonical_host(host), _split(realm)
    hint = None
    if parts is not None and _scheme_fault(parts, plain=plain) is None:
        name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        hint = (
            "if that is where its accounts are, add to your configuration file:\n"
            f'[registry.hosts."{known}"]\nrealms = ["{name}"]'
        )
    raise AuthenticationFailed(
        f"the registry {known} sends us to a token server that it may not name",
        cause=f"realm {printable(realm, 200)}: {fault}",
        hint=hint,
    )


def realm_fault(realm: str, host: str, *, plain: bool, realms: Sequence[str] = ()) -> str | None:
    """Why a registry may not send us to this token server; None when it may."""
    parts = _split(realm)
    if parts is None:
        return "it is not the URL of a token server"
    if (fault := _scheme_fault(parts, plain=plain)) is not None:
        return fault
    named, own = parts.hostname or "", urlsplit(f"//{host.lower()}").hostname or ""
    if _same_host(named, own) or _configured(parts, realms):
        return None
    if canonical_host(host) == DOCKER_HUB and named == _HUB_REALM:
        return None
    if _is_address(named) or _is_address(own):
        return f"it is not on {own}"
    return None if _same_domain(named, own) else f"{named} and {own} have no owner in common"


def _split(realm: str) -> SplitResult | None:
    """The parts of a URL that everybody reads in the same way; None for any other."""
    if len(realm) > _MAX_REALM or not realm.isascii() or not realm.isprintable() or set(realm) & set(' \\"<>^`{|}'):
        return None
    try:
        parts = urlsplit(realm)
        port = parts.port
    except ValueError:
        return None
    name = parts.hostname or ""
    plausible = _is_literal(name) or _NAME.fullmatch(name) is not None
    return parts if plausible and "@" not in parts.netloc and "%" not in parts.netloc and port != 0 else None


def _scheme_fault(parts: SplitResult, *, plain: bool) -> str | None:
    if parts.scheme == "https" or (plain and parts.scheme == "http"):
        return None
    return "it is not https"


def _configured(parts: SplitResult, realms: Sequence[str]) -> bool:
    for allowed in realms:
        try:
            entry = urlsplit(f"//{allowed.lower()}")
            port = entry.port
        except ValueError:
            continue
        if entry.hostname and _same_host(parts.hostname or "", entry.hostname):
            return port is None or port == (parts.port or _PORTS[parts.scheme])
    return False


def _same_host(one: str, other: str) -> bool:
    if _is_literal(one) and _is_literal(other):
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    return one == other != ""


def _is_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_address(name: str) -> bool:
    """Whether a resolver may take this for an address: ``127.1`` and ``0x7f.1`` are some, too."""
    return _is_literal(name) or _NUMBER.fullmatch(name.rpartition(".")[2]) is not None


def _same_domain(one: str, other: str) -> bool:
    """Whether both belong to one registrable domain; below a suffix that nobody listed, nothing does."""
    mine = _suffixes().privatesuffix(one, accept_unknown=False)
    return mine is not None and mine == _suffixes().privatesuffix(other, accept_unknown=False)


@cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - reads a file of 300 kB; most never need it

    return PublicSuffixList()

"""Where a request comes from, and how its client calls us; what proxies say counts when they are trusted."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import Scope

from registry.errors import InvalidConfiguration
from registry.server.refusal import Refusal

__all__ = ["Origins", "parse_networks"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_MAX_HOPS = 20


class Origins:
    """Reads both from requests. Raises InvalidConfiguration when a setting is malformed."""

    def __init__(self, external_url: str | None, trusted: Iterable[str]) -> None:
        self._external = _parse_external(external_url) if external_url is not None else None
        self._trusted = parse_networks(trusted)

    def client(self, scope: Scope) -> str:
        """The address of the client: the last one that no trusted proxy has."""
        peer = _peer(scope)
        if not self._trusts(peer):
            return peer
        hops = ",".join(_values(scope, b"x-forwarded-for")).split(",")[-_MAX_HOPS:]
        for hop in reversed(hops):
            address = hop.strip()
            if not _is_address(address):
                break
            peer = address
            if not self._trusts(address):
                break
        return peer

    def address(self, scope: Scope) -> str:
        """Our address as the client knows it, ``https://host:port``.

        Raises Refusal (400) when the request does not name us properly.
        """
        if self._external is not None:
            return self._external
        scheme, hosts = str(scope.get("scheme", "http")), _values(scope, b"host")
        if self._trusts(_peer(scope)):
            said = _values(scope, b"x-forwarded-proto")
            scheme = said[-1].rpartition(",")[2].strip().lower() if said else scheme
            forwarded = [value.rpartition(",")[2].strip() for value in _values(scope, b"x-forwarded-host")]
            hosts = forwarded[-1:] or hosts
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]) or scheme not in ("http", "https"):
            raise Refusal(400, "UNSUPPORTED", "the request does not say properly which host it is for")
        return f"{scheme}://{hosts[0]}"

    def _trusts(self, address: str) -> bool:
        if not self._trusted or not _is_address(address):
            return False
        found = ipaddress.ip_address(address)
        return any(found in network for network in self._trusted)


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks as people write them. Raises InvalidConfiguration."""
    try:
        return tuple(map(ipaddress.ip_network, texts))
    except ValueError as error:
        raise InvalidConfiguration(str(error)[:200], hint="write a network as 10.0.0.0/8") from error


def _parse_external(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc) or parts.path not in ("", "/"):
        raise InvalidConfiguration(
            "the external URL is not one of a registry", hint="write https://registry.example.com, without a path"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for header, value in scope["headers"] if header == name]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

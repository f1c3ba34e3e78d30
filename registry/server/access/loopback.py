"""While no users are set up: who may ask at all.

Everyone on this machine may do everything then, and nobody else may do anything. A web page can make
its reader's browser send requests to loopback (DNS rebinding, forms), and a careless proxy can open
loopback to the world: both are refused by what they cannot hide.
"""

import ipaddress
import re
from functools import lru_cache

__all__ = ["is_loopback_host", "reason_to_refuse"]

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::[0-9]{1,5})?", re.IGNORECASE)
_FORWARDING = (b"forwarded", b"x-real-ip", b"via")


def reason_to_refuse(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Why a request is not what a program on this machine sent on purpose; None: it is."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not is_loopback_host(hosts[0].decode("latin-1")):
        return "this registry answers only to loopback names; the Host of the request is another"
    for name, _ in headers:
        if name == b"origin":
            return "this registry does not answer to web pages; the request has an Origin"
        if name in _FORWARDING or name.startswith(b"x-forwarded-"):
            return "this registry does not stand behind a proxy; the request was forwarded"
    return None


@lru_cache(maxsize=256)
def is_loopback_host(host: str) -> bool:
    """Whether a Host header (with or without port) names this machine's loopback."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match.group(1).lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False

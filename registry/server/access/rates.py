"""How much anybody may ask: token buckets, by client address and by principal, in bounded memory."""

import ipaddress
import time
from collections import OrderedDict
from math import ceil

from registry.server.refusal import Refusal

__all__ = ["Buckets", "address_key", "too_many"]

_KEPT = 10_000


class Buckets:
    """A bucket for each key: ``burst`` at once, and ``rate`` a second. A rate of 0 bounds nothing."""

    def __init__(self, rate: float, burst: float, kept: int = _KEPT) -> None:
        self._rate = rate
        self._burst = max(1.0, burst)
        self._kept = kept
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until one more would be all right; 0: it is."""
        if self._rate <= 0:
            return 0.0
        return max(0.0, (1 - self._level(key, time.monotonic())) / self._rate)

    def take(self, key: str) -> float:
        """Take one, or say in how many seconds there is one."""
        if self._rate <= 0:
            return 0.0
        now = time.monotonic()
        level = self._level(key, now)
        if level < 1:
            return (1 - level) / self._rate
        self._buckets[key] = (level - 1, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._kept:
            self._buckets.popitem(last=False)
        return 0.0

    def _level(self, key: str, now: float) -> float:
        level, then = self._buckets.get(key, (self._burst, now))
        return min(self._burst, level + (now - then) * self._rate)


def address_key(address: str) -> str:
    """Whom an address stands for: itself, or the /64 that one machine has of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def too_many(seconds: float) -> Refusal:
    """The answer to whoever asks too much (RFC 6585, section 4)."""
    headers = {"retry-after": str(max(1, ceil(seconds)))}
    return Refusal(429, "TOOMANYREQUESTS", "too many requests; wait a little", headers=headers)

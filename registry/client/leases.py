"""A lease: how long a registry is to keep what is pushed and not tagged yet; an extension of our own server."""

from threading import Lock

__all__ = ["LEASE_HEADER", "Lease"]

LEASE_HEADER = "Wasmbuild-Lease"
_LEAST, _MOST = 60, 7 * 24 * 3600
"""Seconds."""


class Lease:
    """What is asked for with each manifest, and what was granted; for several threads.

    ``granted`` are the fewest seconds that any answer said, None: none said any. Raises ValueError for
    less than a minute and more than a week.
    """

    def __init__(self, seconds: int) -> None:
        if not _LEAST <= seconds <= _MOST:
            raise ValueError(f"a lease lasts {_LEAST} to {_MOST} seconds")
        self.headers = {LEASE_HEADER: str(seconds)}
        self.granted: int | None = None
        self._lock = Lock()

    def note(self, said: str) -> None:
        """Remember what an answer said; a registry that knows no leases says nothing."""
        if not (said.isascii() and said.isdigit() and len(said) < 10):
            return
        with self._lock:
            self.granted = int(said) if self.granted is None else min(self.granted, int(said))

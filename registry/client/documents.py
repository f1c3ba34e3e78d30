"""Manifests and indexes that a repository has given or taken: they never change, and are asked for again soon."""

from collections import OrderedDict
from threading import Lock

from registry.digest import Digest

__all__ = ["Documents"]

_MOST = 16 * 1024 * 1024
"""Bytes that are kept."""


class Documents:
    """Verified bytes by digest, the ones used last; for several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Digest, bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, digest: Digest) -> bytes | None:
        """The bytes, if they are still kept."""
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)

    def keep(self, digest: Digest, data: bytes) -> None:
        """Keep these, and let go of the ones that were not used for longest."""
        with self._lock:
            self._size += len(data) - len(self._kept.pop(digest, b""))
            self._kept[digest] = data
            while self._size > _MOST:
                self._size -= len(self._kept.popitem(last=False)[1])

    def forget(self, digest: Digest) -> None:
        """Let go of one that was deleted."""
        with self._lock:
            self._size -= len(self._kept.pop(digest, b""))

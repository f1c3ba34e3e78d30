"""Hashes in progress, kept in memory between the requests of an upload: an optimisation, and never the truth."""

from collections import OrderedDict

from registry.digest import Hasher

__all__ = ["Hashers"]

_MAX_HASHERS = 4096


class Hashers:
    """The newest few, by upload; ``mark`` is what the upload was like when its hash was kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[object, Hasher]] = OrderedDict()

    def keep(self, upload: str, mark: object, hasher: Hasher | None) -> None:
        """Keep a hash for the next request."""
        if hasher is not None:
            self._kept[upload] = (mark, hasher)
            while len(self._kept) > _MAX_HASHERS:
                self._kept.popitem(last=False)

    def take(self, upload: str, mark: object) -> Hasher | None:
        """The hash of an upload that is still like ``mark``; None when it has to be computed anew."""
        kept, hasher = self._kept.pop(upload, (None, None))
        return hasher if kept == mark else None

    def forget(self, upload: str) -> None:
        """The upload has ended."""
        self._kept.pop(upload, None)

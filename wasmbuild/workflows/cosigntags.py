"""cosign's tags: ``<algorithm>-<hex>.sig``, ``.att`` and ``.sbom``, which go along with a document by name alone.

Signers that know no referrers keep their signatures, attestations and SBOMs so. Here are also the names
of the tags under which registries that know no referrers keep lists of them.
"""

import re
from collections.abc import Iterator
from threading import Lock

from registry.content import Store
from registry.digest import Digest
from registry.model import Descriptor

__all__ = ["REFERRERS_TAG", "CosignTags", "is_companion"]

REFERRERS_TAG = re.compile(r"sha(?:256|512)-[0-9a-f]{64}")
"""A tag of the "Referrers Tag Schema" (distribution-spec 1.1), for the digests that we know."""

_SHAPE = re.compile(r"(?P<algorithm>sha256|sha512)-(?P<encoded>[0-9a-f]{64,128})\.(?:sig|att|sbom)")


def is_companion(tag: str) -> bool:
    """Whether a tag is there for another document's sake, by its name: cosign's, or a list of referrers."""
    return bool(REFERRERS_TAG.fullmatch(tag) or _SHAPE.fullmatch(tag))


class CosignTags:
    """The tags of one store that belong to documents: listed once, resolved when they are asked for.

    ``found`` has those that were asked for, by tag. From any thread.
    """

    def __init__(self, store: Store) -> None:
        """List the tags. Raises what the store raises."""
        self._store = store
        self._names: dict[tuple[str, str], list[str]] = {}
        self._lock = Lock()
        self.found: dict[str, Descriptor] = {}
        for name in store.tags():
            if match := _SHAPE.fullmatch(name):
                self._names.setdefault((match["algorithm"], match["encoded"]), []).append(name)

    def of(self, document: Descriptor) -> Iterator[Descriptor]:
        """What the tags of a document mean. Raises what the store raises."""
        for name in self._named(document.digest):
            descriptor = self._store.resolve(name)
            with self._lock:
                self.found[name] = descriptor
            yield descriptor

    def _named(self, digest: Digest) -> list[str]:
        return self._names.get((digest.algorithm, digest.encoded), [])

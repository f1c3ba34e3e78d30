"""Beside: a store while things are put beside one artifact. It is asked nothing twice, and sent nothing twice.

What refers to a manifest is listed once; what others add in the meantime is not seen, and is not needed
to know what is there already. Not here: tags, which are always asked for anew.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock

from registry.content import Opener, Store, VerifyingReader
from registry.digest import Digest
from registry.model import EMPTY, Descriptor
from registry.reference import Reference
from registry.workers import together

__all__ = ["Attached", "Beside"]

_AT_ONCE = 4
"""Requests at once, which is how many connections a client keeps."""


@dataclass(frozen=True, slots=True)
class Attached:
    """What something is put beside, and where: an artifact of a store, under the name that a signature gives it."""

    repository: Store
    reference: Reference
    subject: Descriptor


class Beside:
    """A store in front of another one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listed: dict[Digest, list[Descriptor]] = {}
        self._there: set[Digest] = set()
        self._lock = Lock()
        self._once = Lock()

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """As the store does."""
        return self._store.fetch(descriptor)

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether the store has it; what it had once, it has."""
        found = self._has_seen(descriptor) or self._store.exists(descriptor)
        if found:
            self._note(descriptor)
        return found

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """As the store does, unless that has it; the empty config is nearly always there."""
        if descriptor.digest == EMPTY.digest:
            with self._once:
                if not self.exists(descriptor):
                    self._push(descriptor, body)
        elif not self._has_seen(descriptor):
            self._push(descriptor, body)

    def push_all(self, contents: Sequence[tuple[Descriptor, bytes]]) -> None:
        """Push blobs side by side; who pushes one of them again sends nothing. Raises what the store raises first."""
        once = {descriptor.digest: (descriptor.plain(), data) for descriptor, data in contents}
        together(
            [partial(self.push, descriptor, partial(io.BytesIO, data)) for descriptor, data in once.values()], _AT_ONCE
        )

    def resolve(self, name: str, /) -> Descriptor:
        """As the store does."""
        return self._store.resolve(name)

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """As the store does."""
        self._store.tag(descriptor, name)

    def tags(self) -> list[str]:
        """As the store does."""
        return self._store.tags()

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        """What referred to it when that was first asked."""
        with self._once:
            if subject.digest not in self._listed:
                self._listed[subject.digest] = self._store.referrers(subject)
            listed: Iterable[Descriptor] = self._listed[subject.digest]
        return [entry for entry in listed if artifact_type in (None, entry.artifact_type)]

    def _push(self, descriptor: Descriptor, body: Opener) -> None:
        self._store.push(descriptor, body)
        self._note(descriptor)

    def _has_seen(self, descriptor: Descriptor) -> bool:
        with self._lock:
            return descriptor.digest in self._there

    def _note(self, descriptor: Descriptor) -> None:
        with self._lock:
            self._there.add(descriptor.digest)

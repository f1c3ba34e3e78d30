"""Mirrors: other registries that are asked first, for content whose digest is known."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from registry.client.repository import Repository
from registry.client.settings import Mirror
from registry.client.transport import Transport
from registry.content import VerifyingReader
from registry.errors import Failure
from registry.model import Descriptor

__all__ = ["MirroredRepository"]

_T = TypeVar("_T")


class MirroredRepository(Repository):
    """A repository whose content is taken from the first mirror that has it.

    Everything else, tags included unless a mirror is trusted with them, is asked of the registry
    itself. A mirror that fails is passed over.
    """

    def __init__(
        self, transport: Transport, name: str, mirrors: Sequence[Mirror], open_transport: Callable[[str], Transport]
    ) -> None:
        super().__init__(transport, name)
        self._mirrors = [(mirror, _open(mirror.location, name, open_transport)) for mirror in mirrors]

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content, of a mirror or of the registry."""
        found = self._first(lambda mirror: mirror.fetch(descriptor), resolving=False)
        return found or super().fetch(descriptor)

    def resolve(self, name: str, /) -> Descriptor:
        """The document behind a tag or a digest; a tag only by mirrors that may resolve."""
        found = self._first(lambda mirror: mirror.resolve(name), resolving=":" not in name)
        return found or super().resolve(name)

    def _first(self, ask: Callable[[Repository], _T], *, resolving: bool) -> _T | None:
        for mirror, repository in self._mirrors:
            if resolving and not mirror.resolve:
                continue
            try:
                return ask(repository)
            except Failure as failure:
                self.transport.settings.notice(f"the mirror {mirror.location} was passed over: {failure}")
        return None


def _open(location: str, name: str, open_transport: Callable[[str], Transport]) -> Repository:
    host, _, prefix = location.partition("/")
    return Repository(open_transport(host), f"{prefix}/{name}" if prefix else name)

"""Mirrors: other registries that are asked first, for content whose digest is known."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from registry.client.repository import Repository
from registry.client.settings import Mirror
from registry.client.transport import Transport
from registry.content import Skippable, read_past
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

    def download(self, descriptor: Descriptor) -> Skippable:
        """The bytes of the content, of the first mirror that has it, and of the next where that breaks off."""
        ways = [partial(repository.download, descriptor) for _, repository in self._mirrors]
        return _Relay([*ways, partial(super().download, descriptor)], self._pass_over)

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
                self._pass_over(failure)
        return None

    def _pass_over(self, failure: Failure) -> None:
        self.transport.settings.notice(f"a mirror was passed over: {failure}")


class _Relay(Skippable):
    """Bytes from the first of several ways that has them; from the next, where the last one broke off."""

    def __init__(self, ways: Sequence[Callable[[], Skippable]], pass_over: Callable[[Failure], None]) -> None:
        self._ways = list(ways)
        self._pass_over = pass_over
        self._position = 0
        self._reader = self._next()

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes. Raises what the last way raises."""
        while True:
            try:
                data = self._reader.read(size)
            except Failure as failure:
                if not self._ways:
                    raise
                self._pass_over(failure)
                self._reader.close()
                self._reader = self._next()
            else:
                self._position += len(data)
                return data

    def skip(self, count: int, /) -> bool:
        """Begin later; False when the way in use cannot."""
        skipped = self._reader.skip(count)
        self._position = count if skipped else 0
        return skipped

    def close(self) -> None:
        """Close the way in use."""
        self._reader.close()

    def _next(self) -> Skippable:
        while True:
            way = self._ways.pop(0)
            try:
                reader = way()
                if self._position and not reader.skip(self._position):
                    read_past(reader, self._position)
            except Failure as failure:
                if not self._ways:
                    raise
                self._pass_over(failure)
            else:
                return reader


def _open(location: str, name: str, open_transport: Callable[[str], Transport]) -> Repository:
    host, _, prefix = location.partition("/")
    return Repository(open_transport(host), f"{prefix}/{name}" if prefix else name)

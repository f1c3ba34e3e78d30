"""Layered: several caches, asked one after another, as the one that a build sees.

What one of them had, those that can be written to get as well. Not here: what becomes of a cache that
fails (``member``), and which caches there are (``wasmbuild.workflows.caching``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.content import Opener
from registry.digest import Digest
from registry.files import open_regular
from wasmbuild.build.action import ActionKey
from wasmbuild.build.cache.member import Member, contents_of
from wasmbuild.build.cache.result import ActionResult, OutputBlob
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.events import Sink

__all__ = ["Found", "Layered"]


@dataclass(frozen=True, slots=True)
class Found:
    """A result that some cache has; ``source`` is what that one is called. ``shared`` is as it was asked for."""

    result: ActionResult
    source: str
    shared: bool

    def output(self, name: str) -> OutputBlob:
        """The output of a name that was asked for. Raises KeyError for others."""
        return self.result.output(name)


class Layered:
    """Caches in the order in which they are asked; for several threads. Nothing here makes a build fail."""

    def __init__(self, caches: Sequence[ActionCache], sink: Sink) -> None:
        self._members = tuple(Member(cache, sink) for cache in caches)

    @property
    def names(self) -> tuple[str, ...]:
        """What the caches are called, in their order."""
        return tuple(member.cache.name for member in self._members)

    def find(self, key: ActionKey, outputs: Collection[str], *, shared: bool) -> Found | None:
        """What an action gave, with at least these outputs; None when nobody knows.

        Not ``shared`` means that its result depends on this machine: then only its own caches are asked.
        Changes nothing, but for what is damaged in a cache of this machine.
        """
        for member in self._readers(shared=shared):
            result = member.find(key, outputs)
            if result is not None:
                return Found(result, member.cache.name, shared)
        return None

    def fetch(self, found: Found, output: OutputBlob, destination: Path) -> bool:
        """Put an output of a result into its place, verified and whole; False when no cache can give it.

        Then ``destination`` is as before, and the action is to be performed.
        """
        for member in self._nearest_first(found):
            if member.fetch(found.result, output, destination):
                self._spread(found, {output.digest: lambda: open_regular(destination)})
                return True
        return False

    def put(self, key: ActionKey, description: Mapping[str, Any], outputs: Mapping[str, Path], *, shared: bool) -> None:
        """Keep what an action gave, as far as that is possible; ``shared`` is as in :meth:`find`."""
        for member in self._writers(shared=shared):
            member.write(key, lambda cache: cache.put(key, description, outputs))

    def _readers(self, *, shared: bool) -> list[Member]:
        return [member for member in self._members if member.reading and (shared or not member.cache.shared)]

    def _writers(self, *, shared: bool) -> list[Member]:
        return [member for member in self._members if member.writing and (shared or not member.cache.shared)]

    def _nearest_first(self, found: Found) -> list[Member]:
        """Who may have the content of a result: those of this machine, who said so, and the others."""
        readers = self._readers(shared=found.shared)
        own = [member for member in readers if not member.cache.shared]
        said = [member for member in readers if member.cache.name == found.source]
        return list(dict.fromkeys([*own, *said, *readers]))

    def _spread(self, found: Found, at_hand: Mapping[Digest, Opener]) -> None:
        """Give a result to those that lack it: what is at hand from there, the rest from who has all of it."""
        source = next(member.cache for member in self._members if member.cache.name == found.source)
        contents = contents_of(found.result, source) | dict(at_hand)
        for member in self._writers(shared=found.shared):
            if not member.keeps(found.result.key):
                member.write(found.result.key, lambda cache: cache.adopt(found.result, contents))

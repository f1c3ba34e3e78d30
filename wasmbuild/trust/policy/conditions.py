"""Conditions on the fields of a predicate: where a value is, and what it must be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from registry.words import printable

__all__ = ["Condition", "Scalar", "Test", "builder_is", "source_is"]

Scalar = str | int | bool
Test = Literal["is", "prefix", "source"]

_EACH = "*"
_DIRTY = "dirty"
_SHOWN = 3
_LONGEST = 120
_MOST = 10_000
"""Values of one path that are looked at."""


@dataclass(frozen=True, slots=True)
class Condition:
    """That a value at ``path`` is one of ``values``, or begins with one of them.

    A part of a path is the name of a field, the number of an entry from 0, or ``*`` for any entry. The test
    ``source`` is for SLSA's ``resolvedDependencies``: which of them is the source, and its URI, before a ``@``.
    """

    path: tuple[str, ...]
    test: Test
    values: tuple[Scalar, ...]

    def __str__(self) -> str:
        listed = " or ".join(repr(value) if isinstance(value, str) else str(value).lower() for value in self.values)
        verb = {"is": "is", "prefix": "begins with", "source": "is the git repository"}[self.test]
        return f"{'.'.join(self.path)} {verb} {listed}"

    def failure(self, predicate: Mapping[str, Any]) -> str | None:
        """Why a predicate does not fulfil this; None when it does."""
        found = []
        for count, value in enumerate(self._values(predicate)):
            if count >= _MOST:
                return f"{'.'.join(self.path)} has more than {_MOST} values"
            if self._fits(value):
                return None
            found.append(value)
        if not found:
            return f"{'.'.join(self.path)} is not there"
        shown = ", ".join(_shown(value) for value in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return f"{self} was asked for, and there is {shown}{more}"

    def _values(self, predicate: Mapping[str, Any]) -> Iterator[object]:
        values = _at(predicate, self.path)
        return filter(None, map(_source_in, values)) if self.test == "source" else values

    def _fits(self, value: object) -> bool:
        if self.test == "is":
            return any(type(value) is type(wanted) and value == wanted for wanted in self.values)
        if self.test == "prefix":
            return isinstance(value, str) and value.startswith(tuple(map(str, self.values)))
        return isinstance(value, dict) and any(_is_source(value, str(wanted)) for wanted in self.values)


def builder_is(*identities: str) -> Condition:
    """That one of these built it (SLSA provenance v1, ``runDetails.builder.id``)."""
    return Condition(("runDetails", "builder", "id"), "is", identities)


def source_is(*repositories: str) -> Condition:
    """That it was built from one of these git repositories (SLSA provenance v1, ``resolvedDependencies``)."""
    return Condition(("buildDefinition", "resolvedDependencies"), "source", repositories)


def _source_in(dependencies: object) -> Mapping[str, Any]:
    """The one that was built: what is called ``source``, else the first with a git commit, as builders write it.

    Any other may be a library, which says nothing of what was built with it.
    """
    entries = [each for each in dependencies if isinstance(each, dict)] if isinstance(dependencies, list) else []
    named = [each for each in entries if each.get("name") == "source"]
    if len(named) > 1:
        return {}
    return next((each for each in named or entries if _commit(each)), {})


def _commit(entry: Mapping[str, Any]) -> bool:
    digests = entry.get("digest")
    return isinstance(digests, dict) and isinstance(digests.get("gitCommit"), str)


def _is_source(source: Mapping[str, Any], wanted: str) -> bool:
    """Whether it is a repository, as the commit has it."""
    said = source.get("uri")
    if not isinstance(said, str) or _is_dirty(source):
        return False
    uri, repository = said.removeprefix("git+"), wanted.removeprefix("git+")
    return uri == repository or uri.startswith(f"{repository}@")


def _is_dirty(source: Mapping[str, Any]) -> bool:
    """Whether other files than the commit's were built, or nobody can tell (docs/provenance.md)."""
    notes = source.get("annotations", {})
    return not isinstance(notes, dict) or notes.get(_DIRTY, False) is not False


def _at(value: object, path: tuple[str, ...]) -> Iterator[object]:
    """The values at a path; JSON is nested no deeper than its reader allows."""
    if not path:
        yield value
        return
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        if first in value:
            yield from _at(value[first], rest)
    elif isinstance(value, list):
        if first == _EACH:
            for entry in value:
                yield from _at(entry, rest)
        elif first.isascii() and first.isdigit() and len(first) < 6 and int(first) < len(value):
            yield from _at(value[int(first)], rest)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(printable(value, _LONGEST))
    if isinstance(value, dict):
        changed = f", {_DIRTY}" if _is_dirty(value) else ""
        return f"{_shown(value['uri'])}{changed}" if isinstance(value.get("uri"), str) else "an object"
    return "a list" if isinstance(value, list) else str(value).lower()[:_LONGEST]

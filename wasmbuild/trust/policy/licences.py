"""Licences in a verified SBOM: what is stated, and whether a list allows all of it.

CycloneDX 1.6 (``licenses`` of components, nested ones included, and of what it is about where that states any) and
SPDX 2.3 (``licenseConcluded``, else ``licenseDeclared``, of packages). Expressions are SPDX 2.3, annex D, without
what follows ``LicenseRef``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from registry.words import printable

__all__ = ["NOT_STATED", "outside"]

NOT_STATED = "NOASSERTION"
"""What SPDX calls a licence that nobody states; a list may have it, to allow that."""

_TOKEN = re.compile(r"[()]|[A-Za-z0-9.+:-]+")
_LONGEST = 4096
_DEEPEST = 50
_MOST = 100_000
_UNSAID = frozenset({NOT_STATED, "NONE", ""})


def outside(predicate: Mapping[str, Any], allowed: frozenset[str]) -> str | None:
    """The first component whose licence is not allowed, in a sentence; None when all are.

    Of a choice (``MIT OR GPL-2.0-only``) one is enough, of ``AND`` all are needed.
    """
    for count, (name, licence) in enumerate(_stated(predicate), 1):
        if count > _MOST:
            return f"it lists more than {_MOST} components"
        if not _allows(licence, allowed):
            return f"{printable(name, 80)} has the licence {printable(licence, 80)}"
    return None if _is_list(predicate) else "it lists no components"


def _is_list(predicate: Mapping[str, Any]) -> bool:
    return isinstance(predicate.get("components"), list) or isinstance(predicate.get("packages"), list)


def _stated(predicate: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    packages = predicate.get("packages")
    if isinstance(packages, list):
        for package in packages:
            found = package if isinstance(package, dict) else {}
            said = [_text(found, "licenseConcluded"), _text(found, "licenseDeclared")]
            yield _text(found, "name"), next((each for each in said if each not in _UNSAID), NOT_STATED)
    about = _about(predicate)
    if about.get("licenses"):
        yield from ((_text(about, "name"), licence) for licence in _of_component(about))
    waiting = [predicate.get("components"), about.get("components")]
    while waiting:
        listed = waiting.pop()
        for component in listed if isinstance(listed, list) else []:
            found = component if isinstance(component, dict) else {}
            waiting.append(found.get("components"))
            for licence in _of_component(found):
                yield _text(found, "name"), licence


def _about(predicate: Mapping[str, Any]) -> Mapping[str, Any]:
    """What CycloneDX calls the component that a document is about; it need not state a licence, as all others must."""
    metadata = predicate.get("metadata")
    found = metadata.get("component") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _of_component(component: Mapping[str, Any]) -> list[str]:
    listed = component.get("licenses")
    said = [_of_entry(entry) for entry in listed] if isinstance(listed, list) else []
    return said or [NOT_STATED]


def _of_entry(entry: object) -> str:
    if not isinstance(entry, dict):
        return NOT_STATED
    licence = entry.get("license")
    if isinstance(licence, dict):
        return _text(licence, "id") or _text(licence, "name") or NOT_STATED
    return _text(entry, "expression") or NOT_STATED


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _allows(expression: str, allowed: frozenset[str]) -> bool:
    if expression in allowed:
        return True
    if len(expression) > _LONGEST:
        return False
    words = _TOKEN.findall(expression)
    if "".join(words) != "".join(expression.split()):
        return False
    try:
        return _Reader(words, allowed).whole()
    except _Malformed:
        return False


class _Malformed(Exception):
    """An expression that cannot be read, and so allows nothing."""


class _Reader:
    """Evaluates an expression: OR binds weaker than AND, and WITH belongs to the licence before it."""

    def __init__(self, words: list[str], allowed: frozenset[str]) -> None:
        self._words, self._allowed, self._at = words, allowed, 0

    def whole(self) -> bool:
        """Whether all of it is allowed."""
        holds = self._either(0)
        if self._at != len(self._words):
            raise _Malformed
        return holds

    def _either(self, depth: int) -> bool:
        holds = self._both(depth)
        while self._takes("OR"):
            holds = self._both(depth) or holds
        return holds

    def _both(self, depth: int) -> bool:
        holds = self._one(depth)
        while self._takes("AND"):
            holds = self._one(depth) and holds
        return holds

    def _one(self, depth: int) -> bool:
        if depth > _DEEPEST:
            raise _Malformed
        if self._takes("("):
            holds = self._either(depth + 1)
            if not self._takes(")"):
                raise _Malformed
            return holds
        name = self._name()
        if self._takes("WITH"):
            name = f"{name} WITH {self._name()}"
        return name in self._allowed

    def _name(self) -> str:
        if self._at == len(self._words) or self._words[self._at] in {"(", ")", "AND", "OR", "WITH"}:
            raise _Malformed
        self._at += 1
        return self._words[self._at - 1]

    def _takes(self, word: str) -> bool:
        taken = self._at < len(self._words) and self._words[self._at] == word
        self._at += taken
        return taken

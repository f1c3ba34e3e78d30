"""Patterns: regular expressions over names that strangers choose, in time that grows with a name's length alone.

A name in a certificate is what its owner makes of it, and Python's ``re`` goes back and tries again for longer
than anybody waits. Here all ways through an expression are followed at once (Thompson's construction), as Go
does it, and so cosign. What needs more than that is refused: references back, looking around, flags.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

__all__ = ["Pattern"]

_MAX_TEXT = 2000
_MAX_STATES = 5000
_MAX_DEPTH = 20

_QUANTIFIER = re.compile(r"(?:([*+?])|\{([0-9]{1,4})(,?)([0-9]{0,4})\})\??")
_ATOM = re.compile(
    r"""\\(?:[dDwWsS]|[^A-Za-z0-9\s])            # an escaped character, or a class of them by its letter
    | \[\^?\]?(?:[^\]\\\[] | \\[^A-Zabce-rt-v0-9])*\]  # a class; in it are no escapes but dws and of marks
    | [^\\\[\](){}*+?|^$]""",
    re.VERBOSE | re.DOTALL,
)
_SETS = ("--", "&&", "~~", "||")
"""What Python will mean something by in a class, and warns of."""

_END = 0


@dataclass(frozen=True, slots=True)
class _Character:
    """One character."""

    test: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Row:
    """One thing after another."""

    parts: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of some things."""

    parts: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Repeated:
    """A thing from ``least`` to ``most`` times; None is as often as it likes."""

    part: "_Node"
    least: int
    most: int | None


_Node = _Character | _Row | _Choice | _Repeated


@dataclass(frozen=True, slots=True)
class _State:
    """A place on the way: on to each of ``after``, with a character that passes ``test`` or, if None, without."""

    test: re.Pattern[str] | None
    after: list[int]


@dataclass(frozen=True, slots=True)
class Pattern:
    """An expression that was read. Where a text matches, the way through the states ends at the first of them."""

    _states: tuple[_State, ...]
    _start: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an expression, of what Python's syntax and Go's have in common; its classes are of ASCII.

        Raises ValueError for one that is malformed or large, or that cannot be followed in one go.
        """
        if len(text) > _MAX_TEXT:
            raise ValueError(f"it is longer than {_MAX_TEXT} characters")
        states = [_State(None, [])]
        start = _build(_Reader(text).whole(), _END, states)
        return cls(tuple(states), start)

    def matches(self, text: str) -> bool:
        """Whether all of a text is one that the expression describes."""
        here = self._reached([self._start])
        for character in text:
            passed = [self._states[at] for at in here]
            here = self._reached(
                place for state in passed if state.test and state.test.match(character) for place in state.after
            )
            if not here:
                return False
        return _END in here

    def _reached(self, places: Iterable[int]) -> set[int]:
        """Where one is then, and can be without another character."""
        reached: set[int] = set()
        left = list(places)
        while left:
            at = left.pop()
            if at not in reached:
                reached.add(at)
                if self._states[at].test is None:
                    left.extend(self._states[at].after)
        return reached


def _build(node: _Node, after: int, states: list[_State]) -> int:
    """The state at which a part begins that goes on with ``after``. Raises ValueError for too many."""
    match node:
        case _Character():
            return _add(_State(node.test, [after]), states)
        case _Row():
            for part in reversed(node.parts):
                after = _build(part, after, states)
            return after
        case _Choice():
            return _add(_State(None, [_build(part, after, states) for part in node.parts]), states)
        case _Repeated():
            return _repeated(node, after, states)


def _repeated(node: _Repeated, after: int, states: list[_State]) -> int:
    if node.most is None:
        loop = _State(None, [after])
        after = _add(loop, states)
        loop.after.append(_build(node.part, after, states))
    else:
        end = after
        for _ in range(node.most - node.least):
            after = _add(_State(None, [_build(node.part, after, states), end]), states)
    for _ in range(node.least):
        after = _build(node.part, after, states)
    return after


def _add(state: _State, states: list[_State]) -> int:
    if len(states) == _MAX_STATES:
        raise ValueError("it is too large")
    states.append(state)
    return len(states) - 1


class _Reader:
    """An expression, and how far it has been read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> _Node:
        """All of it. Raises ValueError."""
        node = self._choice()
        if self._at < len(self._text):
            raise ValueError(f"{self._text[self._at]!r} has nothing to go with, or is not understood")
        return node

    def _choice(self) -> _Node:
        parts = [self._row()]
        while self._took("|"):
            parts.append(self._row())
        return parts[0] if len(parts) == 1 else _Choice(tuple(parts))

    def _row(self) -> _Node:
        """Up to the end of a choice; all of a text must match, so that ``^`` and ``$`` around it say nothing."""
        parts: list[_Node] = []
        if self._depth == 0:
            self._took("^")
        while (part := self._part()) is not None:
            parts.append(self._quantified(part))
        if self._depth == 0:
            self._took("$")
        return _Row(tuple(parts))

    def _part(self) -> _Node | None:
        """A character or a group; None where there is neither. Raises ValueError."""
        if self._took("("):
            return self._group()
        found = _ATOM.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        if found[0].startswith("[") and any(mark in found[0] for mark in _SETS):
            raise ValueError(f"{found[0]} may mean two things")
        try:
            return _Character(re.compile(found[0], re.ASCII))
        except re.error as error:
            raise ValueError(str(error)) from error

    def _group(self) -> _Node:
        self._took("?:")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError("it is nested too deep")
        node = self._choice()
        self._depth -= 1
        if not self._took(")"):
            raise ValueError("a group is not closed, or is of a kind that is not understood")
        return node

    def _quantified(self, part: _Node) -> _Node:
        """A part, as often as is said behind it. Raises ValueError."""
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None:
            return part
        self._at = found.end()
        mark, least, comma, most = found.groups()
        if mark:
            return _Repeated(part, int(mark == "+"), 1 if mark == "?" else None)
        low = int(least)
        high = low if not comma else int(most) if most else None
        if (high is not None and high < low) or (most and not comma):
            raise ValueError(f"{found[0]} is no number of times")
        return _Repeated(part, low, high)

    def _took(self, mark: str) -> bool:
        """Whether a mark is next, which is then behind us."""
        is_next = self._text.startswith(mark, self._at)
        self._at += len(mark) * is_next
        return is_next

"""JSON that others wrote, read strictly and within bounds; and the one form in which we write it."""

import json
import re
from math import isinf
from typing import Any

from registry.errors import InvalidDocument

__all__ = ["Json", "canonical_json", "load_json"]

_MAX_NESTING = 32
_MAX_VALUES = 200_000
_STRUCTURE = (b"[", b"{", b",")
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

Json = Any
"""What ``json.loads`` returns."""


def canonical_json(value: Json) -> bytes:
    """The bytes of a JSON document: UTF-8, no white space, keys in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def load_json(data: bytes, what: str) -> Json:
    """Parse untrusted JSON: UTF-8, no duplicate keys, no NaN, a bounded number of values, bounded nesting.

    Every text and number in it can be encoded again. Raises InvalidDocument, in which ``what`` names the document.
    """
    # A value in memory takes up to a hundred times its bytes: counted before there are any.
    if _structure(data) > _MAX_VALUES and _has_too_many_values(data):
        raise InvalidDocument(f"{what} has more than {_MAX_VALUES} values")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if _SURROGATE.search(data):
            _check_texts(value)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"{what} is not JSON", cause=str(error)[:200]) from error
    _check_nesting(value, what)
    return value


def _structure(data: bytes) -> int:
    return sum(data.count(mark) for mark in _STRUCTURE)


def _has_too_many_values(data: bytes) -> bool:
    # Of two texts, one at least is a value. To take texts out of megabytes would keep everyone waiting.
    if (data.count(b'"') - data.count(b'\\"')) // 4 > _MAX_VALUES:
        return True
    return _structure(_TEXT.sub(b"", data)) > _MAX_VALUES


def _check_texts(value: Json) -> None:
    try:
        canonical_json(value)
    except UnicodeEncodeError as error:
        raise ValueError("a text has half of a surrogate pair") from error


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has the same key twice")
    return result


def _no_constant(text: str) -> Json:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text[:40]} is larger than any number")
    return number


def _check_nesting(value: Json, what: str) -> None:
    level = [value]
    for _ in range(_MAX_NESTING):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise InvalidDocument(f"{what} is nested deeper than {_MAX_NESTING} levels")


def _children(node: Json) -> list[Json]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []

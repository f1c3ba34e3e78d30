"""How inputs are changed: bytes in a few places, or a JSON document in a few of its values."""

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

from tests.fuzz.target import Corpus

__all__ = ["BYTES", "bytes_changed", "json_mutated"]

BYTES = (0x00, 0x01, 0x0B, 0x3F, 0x40, 0x4E, 0x60, 0x63, 0x7E, 0x7F, 0x80, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)
"""Those that mean something to many formats."""

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e308, "", "a", "é", "\0",
    "\ud800", "😀", "\u202e", "=", "AA==", "null", "sha256:", "a" * 300, [], {}, [[]], [{}], {"": ""}, {"sig": ""},
)  # fmt: skip


def bytes_changed(old: bytes, corpus: Corpus, rng: random.Random, words: Sequence[bytes] = ()) -> bytes:
    """The bytes, changed in one to four places."""
    data = bytearray(old)
    for _ in range(1 << rng.randrange(3)):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(8 if words else 6):
            case 0 if place < len(data):
                data[place] ^= 1 << rng.randrange(8)
            case 1 if place < len(data):
                data[place] = rng.choice(BYTES)
            case 2:
                del data[place : place + rng.randrange(1, 9)]
            case 3:
                data[place:place] = bytes(rng.choices(BYTES, k=rng.randrange(1, 5)))
            case 4:
                other = rng.choice(corpus)
                start = rng.randrange(len(other) + 1)
                data[place : place + rng.randrange(9)] = other[start : start + rng.randrange(1, 33)]
            case 6 | 7:
                data[place : place + rng.randrange(9)] = rng.choice(words)
            case _:
                data[place:place] = data[place : place + rng.randrange(1, 33)]
    return bytes(data)


def json_mutated(corpus: Corpus, rng: random.Random) -> bytes:
    """One of the corpus, with values changed, taken away, doubled or put elsewhere; sometimes with bytes changed."""
    data = rng.choice(corpus)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return bytes_changed(data, corpus, rng)
    for _ in range(1 << rng.randrange(2)):
        value = _changed(value, rng)
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")
    return text if rng.random() < 0.8 else bytes_changed(text, corpus, rng)


def _changed(value: Any, rng: random.Random) -> Any:
    holders = [node for node in _nodes(value) if isinstance(node, (dict, list)) and node]
    if not holders or rng.random() < 0.03:
        return copy.deepcopy(rng.choice(_VALUES))
    holder = rng.choice(holders)
    places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    place = rng.choice(places)
    match rng.randrange(5):
        case 0:
            del holder[place]
        case 1 if isinstance(holder, dict):
            holder[rng.choice([*places, "config", "manifests", "x" * rng.randrange(3)])] = copy.deepcopy(holder[place])
        case 2 if isinstance(holder, list):
            holder.extend(copy.deepcopy(holder[place]) for _ in range(rng.choice((1, 2, 40))))
        case 3:
            holder[place] = copy.deepcopy(rng.choice(holders))
        case _:
            holder[place] = copy.deepcopy(rng.choice(_VALUES))
    return value


def _nodes(value: Any) -> list[Any]:
    found = [value]
    for node in found:
        found.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
    return found

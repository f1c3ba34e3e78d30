"""Walking over the instructions of a function's body or of a constant expression.

What is kept is only which features they belong to. That blocks end where they must, that indices are
in range and types fit is not looked at beyond what it takes to find the end.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache

from wasmbuild.wasm.format.opcodes import CONSTANT, INSTRUCTIONS, PREFIXES, Instruction
from wasmbuild.wasm.format.reader import Reader, malformed
from wasmbuild.wasm.format.types import read_heap_type, read_value_type

__all__ = ["PLAIN_PLACE", "walk_body", "walk_constant"]

_MAX_CATCHES = 10_000
_MAX_LOCALS = 2**32 - 1
_MAX_LABELS = 10_000_000
_MAX_SELECTED = 10
_EMPTY_BLOCK = 0x40
_END, _DELEGATE = 0x0B, 0x18
_OPENING = frozenset({0x02, 0x03, 0x04, 0x06, 0x1F})
_CATCHES = {0: 2, 1: 2, 2: 1, 3: 1}
_HANDLERS = {0: 2, 1: 1}

_U32 = rb"(?:[\x80-\xff]{0,3}[\x00-\x7f]|[\x80-\xff]{4}[\x00-\x0f])"
_U64 = rb"(?:[\x80-\xff]{0,8}[\x00-\x7f]|[\x80-\xff]{9}[\x00\x01])"
_I32 = rb"(?:[\x80-\xff]{0,3}[\x00-\x7f]|[\x80-\xff]{4}[\x00-\x07\x78-\x7f])"
_I64 = rb"(?:[\x80-\xff]{0,8}[\x00-\x7f]|[\x80-\xff]{9}[\x00\x7f])"
_FLAT = {
    "u": _U32,
    "i": _I32,
    "l": _I64,
    # An alignment below 64, which bit 6 may stand beside: then the index of a memory follows.
    "m": rb"(?:[\x00-\x3f]|[\x80-\xbf]\x80{0,3}\x00|(?:[\x40-\x7f]|[\xc0-\xff]\x80{0,3}\x00)" + _U32 + rb")" + _U64,
    "c": rb"[\x00-\x03]",
    "o": rb"[\x00\x01]",
    "z": rb"\x00",
    "1": rb"[\x00-\xff]",
    "4": rb"[\x00-\xff]{4}",
    "8": rb"[\x00-\xff]{8}",
    "x": rb"[\x00-\xff]{16}",
}
_SOME = (
    rb"(?:[\x0c\x0d\x10\x20-\x24\x3f\x40]"
    + _U32
    + rb"|[\x00\x01\x0f\x1a\x1b\x45-\xbf]+"
    + rb"|\x41"
    + _I32
    + rb"|[\x28-\x3e][\x00-\x3f]"
    + _U64
    + rb"|\x42"
    + _I64
    + rb"|\x11"
    + _U32
    + rb"\x00"
    + rb"|\x43[\x00-\xff]{4}|\x44[\x00-\xff]{8})"
)
# Most of any body is instructions without a feature that open and close nothing: the regular expression
# engine skips them many times faster than a loop can. Bounded, because each turn takes memory.
_RUN = _SOME + rb"{0,500}"
PLAIN_PLACE = re.compile(rb"\x00\x41" + _I32 + rb"\x0b")
"""How all but a few data segments begin: into the first memory, at a constant place. Go writes tens of thousands."""
_SIMPLE_CONSTANT = rb"(?:\x41" + _I32 + rb"|\x42" + _I64 + rb"|\x23" + _U32 + rb")?"


def walk_body(reader: Reader, features: set[str]) -> None:
    """Step over what a function's body consists of: its locals, and instructions up to its very end.

    Raises InvalidWasm.
    """
    start = reader.position
    total = 0
    for _ in range(reader.count()):
        total += reader.u32()
        read_value_type(reader, features)
    if total > _MAX_LOCALS:
        raise malformed(start, f"{total} local variables")
    _walk(reader, features, INSTRUCTIONS, _RUN)
    if reader.left:
        raise malformed(reader.position, "instructions after the end of a function")


def walk_constant(reader: Reader, features: set[str]) -> None:
    """Step over a constant expression, its end included. Raises InvalidWasm."""
    _walk(reader, features, CONSTANT, _SIMPLE_CONSTANT)


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


def _walk(reader: Reader, features: set[str], known: Mapping[int, Instruction], run: bytes) -> None:
    data, end, skip = reader.data, reader.end, _compiled(run).match
    depth = 1
    while depth:
        if skipped := skip(data, reader.position, end):
            reader.position = skipped.end()
        start = reader.position
        code = reader.byte()
        if code == _END:
            depth -= 1
            continue
        if code in PREFIXES:
            code = code << 16 | reader.u32()
        instruction = known.get(code)
        if instruction is None:
            raise malformed(start, f"an unknown instruction {bytes(data[start : reader.position]).hex(' ')}")
        if instruction.features:
            features.update(instruction.features)
        if instruction.immediates:
            _reader_of(instruction.immediates)(reader, features)
        depth += (code in _OPENING) - (code == _DELEGATE)


@cache  # compiled at need: most files have few of them
def _reader_of(immediates: str) -> Callable[[Reader, set[str]], None]:
    """A function that steps over these immediates."""
    if set(immediates) <= set(_FLAT):
        return _flat(_compiled(b"".join(_FLAT[letter] for letter in immediates)), immediates[0] == "m")
    parts = [_LONGER.get(letter) or _reader_of(letter) for letter in immediates]

    def step(reader: Reader, features: set[str]) -> None:
        for part in parts:
            part(reader, features)

    return step


def _flat(pattern: re.Pattern[bytes], is_memory: bool) -> Callable[[Reader, set[str]], None]:
    match = pattern.match

    def step(reader: Reader, features: set[str]) -> None:
        start = reader.position
        found = match(reader.data, start, reader.end)
        if found is None:
            raise malformed(start, "what follows an instruction is cut short or out of range")
        if is_memory and reader.data[start] & 0x40:
            features.add("multimemory")
        reader.position = found.end()

    return step


def _block_type(reader: Reader, features: set[str]) -> None:
    start = reader.position
    first = reader.byte()
    if first == _EMPTY_BLOCK:
        return
    reader.position = start
    if first & 0xC0 == 0x40:
        read_value_type(reader, features)
    elif reader.s33() < 0:
        raise malformed(start, "a block of unknown type")
    else:
        features.add("multivalue")


def _heap_type(reader: Reader, features: set[str]) -> None:
    read_heap_type(reader, features)


def _value_types(reader: Reader, features: set[str]) -> None:
    for _ in range(reader.count(_MAX_SELECTED)):
        read_value_type(reader, features)


def _table_index(reader: Reader, features: set[str]) -> None:
    """The table of an indirect call, which was a zero byte at first."""
    start = reader.position
    index = reader.u32()
    if reader.position > start + 1:
        features.add("call-indirect-overlong")
    if index:
        features.add("reference-types")


def _labels(reader: Reader, _: set[str]) -> None:
    for _each in range(reader.count(_MAX_LABELS) + 1):
        reader.u32()


def _catches(reader: Reader, _: set[str]) -> None:
    _read_clauses(reader, _CATCHES)


def _handlers(reader: Reader, _: set[str]) -> None:
    _read_clauses(reader, _HANDLERS)


def _read_clauses(reader: Reader, indices: Mapping[int, int]) -> None:
    """A list of clauses, each a kind and as many indices as it says."""
    for _ in range(reader.count(_MAX_CATCHES)):
        kind = reader.byte()
        if kind not in indices:
            raise malformed(reader.position - 1, f"a clause of unknown kind {kind}")
        for _each in range(indices[kind]):
            reader.u32()


_LONGER: dict[str, Callable[[Reader, set[str]], None]] = {
    "b": _block_type,
    "h": _heap_type,
    "v": _value_types,
    "T": _table_index,
    "B": _labels,
    "t": _catches,
    "r": _handlers,
}

"""The instructions of core modules: what follows each opcode, and the feature that it belongs to.

Core spec 3.0, "Binary Format / Instructions"; with legacy exceptions, threads, shared-everything threads,
stack switching, descriptors, memory control and wide arithmetic. Features have LLVM's names where LLVM has
one. Not here: how instructions are walked.
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["CONSTANT", "INSTRUCTIONS", "PREFIXES", "Instruction"]


class Instruction(NamedTuple):
    """What follows an opcode, one letter each, and the features it needs.

    ``u`` is an index in 32 bits, ``i`` and ``l`` are signed numbers in 32 and 64, ``m`` is a memory
    argument, ``c`` are the flags of a cast, ``o`` is an ordering, ``z`` a zero, and ``1 4 8 x`` are as many bytes
    (``x`` is 16). Longer ones: ``b`` is the type of a block, ``h`` a heap type, ``v`` a vector of types,
    ``T`` a table's index, ``B`` a table of labels, ``t`` a list of catches, ``r`` a list of handlers.
    """

    immediates: str = ""
    features: tuple[str, ...] = ()


PREFIXES = (0xFB, 0xFC, 0xFD, 0xFE)
"""The bytes that a second opcode follows, a number of 32 bits in LEB128."""

_PLAIN = (
    "00 01 02:b 03:b 04:b 05 0b 0c:u 0d:u 0e:B 0f 10:u 11:uT 1a 1b 20-24:u 28-3e:m 3f-40:u 41:i 42:l 43:4 44:8 45-bf"
)
_ONE_BYTE = {
    "legacy-exceptions": "06:b 07:u 09:u 18:u 19",
    "exception-handling": "08:u 0a 1f:bt",
    "tail-call": "12:u 13:uu",
    "function-references": "14:u d4 d5:u d6:u",
    "tail-call function-references": "15:u",
    "reference-types": "1c:v 25-26:u d0:h d1 d2:u",
    "sign-ext": "c0-c4",
    "gc": "d3",
    "stack-switching": "e0:u e1:uu e2:u e3:ur e4:uur e5:ur e6:uu",
}
_PREFIXED = {
    (0xFB, "gc"): """00-01:u 02-05:uu 06-07:u 08-0a:uu 0b-0e:u 0f 10:u 11-13:uu 14-17:h 18-19:cuhh 1a-1e""",
    (0xFB, "custom-descriptors"): "20-22:u 23-24:h 25-26:cuhh",
    (0xFC, "nontrapping-fptoint"): "00-07",
    (0xFC, "bulk-memory"): "08:uu 09:u 0a:uu 0b:u 0c:uu 0d:u 0e:uu",
    (0xFC, "reference-types"): "0f-11:u",
    (0xFC, "memory-control"): "12:u",
    (0xFC, "wide-arithmetic"): "13-16",
    (0xFD, "simd128"): """
        00-0b:m 0c-0d:x 0e-14 15-22:1 23-53 54-5b:m1 5c-5d:m 5e-99 9b-a1 a3-a4 a7-ae b1 b5-ba bc-c1 c3-c4 c7-ce
        d1 d5-e1 e3-ed ef-ff
    """,
    (0xFD, "relaxed-simd"): "100-113",
    (0xFE, "atomics"): "00-02:m 03:z 10-4e:m",
    (0xFE, "shared-everything-threads"): "4f-5b:ou 5c-66:ouu 67-71:ou 72",
}
_CONSTANT = "0b 23:u 41:i 42:l 43:4 44:8 d0:h d2:u"
_EXTENDED_CONSTANT = "6a-6c 7c-7e"
_PREFIXED_CONSTANT = {
    (0xFB, "gc"): "00-01:u 06-07:u 08:uu 1a-1c",
    (0xFB, "custom-descriptors"): "20-21:u",
    (0xFD, "simd128"): "0c:x",
    (0xFE, "shared-everything-threads"): "72",
}


def _table(said: str, prefix: int = 0) -> Iterator[tuple[int, str]]:
    """The opcodes that a line says, with the prefix above their 16 bits, and what follows each."""
    for each in said.split():
        codes, _, immediates = each.partition(":")
        first, _, last = codes.partition("-")
        for code in range(int(first, 16), int(last or first, 16) + 1):
            yield prefix << 16 | code, immediates


def _instructions(plain: str, featured: dict[str, str], prefixed: dict[tuple[int, str], str]) -> dict[int, Instruction]:
    found = {code: Instruction(immediates) for code, immediates in _table(plain)}
    for features, said in featured.items():
        found |= {code: Instruction(each, tuple(features.split())) for code, each in _table(said)}
    for (prefix, feature), said in prefixed.items():
        found |= {code: Instruction(each, (feature,)) for code, each in _table(said, prefix)}
    return found


INSTRUCTIONS = _instructions(_PLAIN, _ONE_BYTE, _PREFIXED)
"""Every instruction by its opcode; those behind a prefix by ``prefix << 16 | opcode``."""

CONSTANT = _instructions(_CONSTANT, {"extended-const": _EXTENDED_CONSTANT}, _PREFIXED_CONSTANT)
"""Those that a constant expression may have, likewise."""

"""The types of core modules, read from the binary format into the words of the text format.

Core spec 3.0, "Binary Format / Types"; threads, custom page sizes, stack switching, descriptors and
shared types included. Indices are not checked, and neither is whether a type makes sense: validation
is the engine's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wasmbuild.wasm.format.reader import Reader, malformed
from wasmbuild.wasm.model import Limits

__all__ = [
    "CoreType",
    "read_core_types",
    "read_global_type",
    "read_heap_type",
    "read_memory_type",
    "read_reference_type",
    "read_table_type",
    "read_value_type",
]

_MAX_PARAMETERS = 1000
_MAX_FIELDS = 10_000
_MAX_TYPES = 1_000_000
_NUMBERS = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64"}
_VECTOR = 0x7B
_PACKED = {0x78: "i8", 0x77: "i16"}
_HEAPS = {
    0x75: ("nocont", "nullcontref", "stack-switching"),
    0x74: ("noexn", "nullexnref", "exception-handling"),
    0x73: ("nofunc", "nullfuncref", "gc"),
    0x72: ("noextern", "nullexternref", "gc"),
    0x71: ("none", "nullref", "gc"),
    0x70: ("func", "funcref", "reference-types"),
    0x6F: ("extern", "externref", "reference-types"),
    0x6E: ("any", "anyref", "gc"),
    0x6D: ("eq", "eqref", "gc"),
    0x6C: ("i31", "i31ref", "gc"),
    0x6B: ("struct", "structref", "gc"),
    0x6A: ("array", "arrayref", "gc"),
    0x69: ("exn", "exnref", "exception-handling"),
    0x68: ("cont", "contref", "stack-switching"),
}
_SHORT = {heap: reference for heap, reference, _ in _HEAPS.values()}
_NULLABLE = 0x63
_REFERENCES = {_NULLABLE: "ref null", 0x64: "ref"}
_SHARED_TYPE, _EXACT = 0x65, 0x62
_RECURSIVE, _SUB, _SUB_FINAL = 0x4E, 0x50, 0x4F
_FUNCTION = 0x60
_DESCRIPTORS = {0x4C: "describes", 0x4D: "descriptor"}
_HAS_MAXIMUM, _SHARED, _INDEX_64, _PAGE_SIZE = 1, 2, 4, 8
_DEFAULT_PAGE = 16


@dataclass(frozen=True, slots=True)
class CoreType:
    """An entry of a module's type section: all that is said of it, and ``(func …)`` if it is a function's."""

    text: str
    function: str | None = None


def read_core_types(reader: Reader, features: set[str]) -> Iterator[CoreType]:
    """The types of one entry of a type section: one, or all of a recursive group.

    What they need goes to ``features``, here and below. Raises InvalidWasm.
    """
    start = reader.position
    first = reader.byte()
    if first != _RECURSIVE:
        yield _read_subtype(reader, first, start, features)
        return
    features.add("gc")
    for _ in range(reader.count(_MAX_TYPES)):
        start = reader.position
        yield _read_subtype(reader, reader.byte(), start, features)


def read_value_type(reader: Reader, features: set[str]) -> str:
    """A value type: ``i32``, ``v128``, ``funcref``, ``(ref null 3)``. Raises InvalidWasm."""
    first = reader.byte()
    if number := _NUMBERS.get(first):
        return number
    if first == _VECTOR:
        features.add("simd128")
        return "v128"
    return _reference(reader, first, features)


def read_reference_type(reader: Reader, features: set[str]) -> str:
    """A reference type: ``funcref``, ``(ref null 3)``. Raises InvalidWasm."""
    return _reference(reader, reader.byte(), features)


def read_heap_type(reader: Reader, features: set[str]) -> str:
    """A heap type: ``func``, ``(shared any)``, or the index of a type. Raises InvalidWasm."""
    start = reader.position
    index = reader.s33()
    if index >= 0:
        features.add("function-references")
        return str(index)
    reader.position = start
    first = reader.byte()
    if first == _EXACT:
        features.add("custom-descriptors")
        return f"(exact {reader.u32()})"
    if first == _SHARED_TYPE:
        features.add("shared-everything-threads")
        return f"(shared {_abstract(reader, reader.byte(), features)[0]})"
    return _abstract(reader, first, features)[0]


def read_memory_type(reader: Reader, features: set[str]) -> tuple[Limits, str]:
    """The bounds of a memory, and ``(memory i64 1 2 shared)``. Raises InvalidWasm."""
    limits, bounds = _read_limits(reader, _HAS_MAXIMUM | _SHARED | _INDEX_64 | _PAGE_SIZE, features)
    if limits.shared:
        features.add("atomics")
    if limits.page_size == 1 << _DEFAULT_PAGE:
        return limits, f"(memory {bounds})"
    features.add("custom-page-sizes")
    return limits, f"(memory {bounds} (pagesize {limits.page_size}))"


def read_table_type(reader: Reader, features: set[str]) -> str:
    """``(table 1 16 funcref)``. Raises InvalidWasm."""
    needed: set[str] = set()
    element = read_reference_type(reader, needed)
    features |= needed if element != "funcref" else set()
    limits, bounds = _read_limits(reader, _HAS_MAXIMUM | _SHARED | _INDEX_64, features)
    if limits.shared:
        features.add("shared-everything-threads")
    return f"(table {bounds} {element})"


def read_global_type(reader: Reader, features: set[str]) -> str:
    """``(global i32)``, ``(global (mut i64))``. Raises InvalidWasm."""
    value = read_value_type(reader, features)
    flags = reader.byte()
    if flags > 3:
        raise malformed(reader.position - 1, f"a global with unknown flags {flags:#x}")
    if flags & 1:
        value = f"(mut {value})"
    if flags & 2:
        features.add("shared-everything-threads")
        value = f"(shared {value})"
    return f"(global {value})"


def _reference(reader: Reader, first: int, features: set[str]) -> str:
    features.add("reference-types")
    if first in _REFERENCES:
        features.add("function-references")
        heap = read_heap_type(reader, features)
        return _SHORT[heap] if first == _NULLABLE and heap in _SHORT else f"({_REFERENCES[first]} {heap})"
    if first == _SHARED_TYPE:
        features.add("shared-everything-threads")
        return f"(ref null (shared {_abstract(reader, reader.byte(), features)[0]}))"
    return _abstract(reader, first, features)[1]


def _abstract(reader: Reader, code: int, features: set[str]) -> tuple[str, str]:
    """What an abstract heap type is called, and what a nullable reference to it is called for short."""
    if code not in _HEAPS:
        raise malformed(reader.position - 1, f"unknown type {code:#x}")
    heap, reference, feature = _HEAPS[code]
    features.add(feature)
    return heap, reference


def _read_limits(reader: Reader, known: int, features: set[str]) -> tuple[Limits, str]:
    """Bounds as numbers and in words; both are written in 64 bits at most, whatever the index type."""
    start = reader.position
    flags = reader.byte()
    if flags & ~known:
        raise malformed(start, f"limits with unknown flags {flags:#x}")
    minimum = reader.u64()
    maximum = reader.u64() if flags & _HAS_MAXIMUM else None
    if maximum is not None and maximum < minimum:
        raise malformed(start, f"limits with a maximum of {maximum} below the minimum of {minimum}")
    bits = 64 if flags & _INDEX_64 else 32
    if max(minimum, maximum or 0) >> bits:
        raise malformed(start, f"limits that do not fit in {bits} bits")
    exponent = reader.u32() if flags & _PAGE_SIZE else _DEFAULT_PAGE
    if exponent > 63:
        raise malformed(start, f"a page size of 2^{exponent} bytes")
    limits = Limits(minimum, maximum, bool(flags & _SHARED), bits, 1 << exponent)
    if limits.index_bits == 64:
        features.add("memory64")
    return limits, _bounds(limits)


def _bounds(limits: Limits) -> str:
    words = ["i64"] if limits.index_bits == 64 else []
    words.append(str(limits.minimum))
    if limits.maximum is not None:
        words.append(str(limits.maximum))
    return " ".join([*words, "shared"] if limits.shared else words)


def _read_subtype(reader: Reader, first: int, start: int, features: set[str]) -> CoreType:
    if first not in {_SUB, _SUB_FINAL}:
        return _read_composite(reader, first, start, features)
    features.add("gc")
    supertypes = [str(reader.u32()) for _ in range(reader.count(1))]
    composite = _read_composite(reader, reader.byte(), start, features)
    words = ["sub", *(["final"] if first == _SUB_FINAL else []), *supertypes, composite.text]
    if words[:-1] == ["sub", "final"]:
        return composite  # which is what the short form means
    return CoreType(f"({' '.join(words)})", composite.function)


def _read_composite(reader: Reader, first: int, start: int, features: set[str]) -> CoreType:
    wrapped, code = [], first
    if code == _SHARED_TYPE:
        features.add("shared-everything-threads")
        wrapped, code = ["shared"], reader.byte()
    for described, word in _DESCRIPTORS.items():
        if code == described:
            features.add("custom-descriptors")
            wrapped.append(f"({word} {reader.u32()})")
            code = reader.byte()
    text = _composite(reader, code, start, features)
    function = text if code == _FUNCTION else None
    return CoreType(f"({' '.join([*wrapped, text])})" if wrapped else text, function)


def _composite(reader: Reader, code: int, start: int, features: set[str]) -> str:
    match code:
        case 0x60:
            return _function(reader, features)
        case 0x5F:
            features.add("gc")
            fields = [_field(reader, features) for _ in range(reader.count(_MAX_FIELDS))]
            return f"(struct {' '.join(f'(field {field})' for field in fields)})" if fields else "(struct)"
        case 0x5E:
            features.add("gc")
            return f"(array {_field(reader, features)})"
        case 0x5D:
            features.add("stack-switching")
            return f"(cont {read_heap_type(reader, features)})"
    raise malformed(start, f"a type of unknown form {code:#x}")


def _function(reader: Reader, features: set[str]) -> str:
    parameters = [read_value_type(reader, features) for _ in range(reader.count(_MAX_PARAMETERS))]
    results = [read_value_type(reader, features) for _ in range(reader.count(_MAX_PARAMETERS))]
    if len(results) > 1:
        features.add("multivalue")
    text = "(func"
    if parameters:
        text += f" (param {' '.join(parameters)})"
    return f"{text} (result {' '.join(results)}))" if results else f"{text})"


def _field(reader: Reader, features: set[str]) -> str:
    start = reader.position
    packed = _PACKED.get(reader.byte())
    if packed is None:
        reader.position = start
        packed = read_value_type(reader, features)
    mutable = reader.byte()
    if mutable > 1:
        raise malformed(reader.position - 1, f"a field with unknown flags {mutable:#x}")
    return f"(mut {packed})" if mutable else packed

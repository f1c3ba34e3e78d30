"""Call a function that a core module exports: numbers go in as text, and come out as text.

Its type is read from the file: the engine's package ends the process when it is asked for the kind of a
type that it does not know, such as v128.
"""

import re
from dataclasses import dataclass

import wasmtime

from registry.words import printable
from wasmbuild.errors import UsageFailed
from wasmbuild.run.calls.invoking import no_such_function, wrong_count
from wasmbuild.run.calls.wave_types import rounded, shortest
from wasmbuild.run.guest import Guest
from wasmbuild.wasm.examine import examine

__all__ = ["Call", "prepare"]

_BITS = {"i32": 32, "i64": 64, "f32": 32, "f64": 64}
_DIGITS = 40
_FUNCTION = re.compile(r"\(func(?: \(param ([a-z0-9 ]+)\))?(?: \(result ([a-z0-9 ]+)\))?\)")


@dataclass(frozen=True, slots=True)
class Call:
    """A function by name, with what it gets; ``results`` are the types of what it returns."""

    name: str
    arguments: tuple[int | float, ...]
    results: tuple[str, ...]

    def run(self, instance: wasmtime.Instance, store: wasmtime.Store) -> list[str]:
        """Call it; each result as text. Raises what the engine raises."""
        function = instance.exports(store)[self.name]
        assert isinstance(function, wasmtime.Func)
        found = function(store, *self.arguments)
        values = found if isinstance(found, list) else [] if found is None else [found]
        return [_text(value, kind) for value, kind in zip(values, self.results, strict=True)]


def prepare(guest: Guest, name: str, texts: tuple[str, ...]) -> Call:
    """A call of the function ``name``, checked against its type before anything runs. Raises UsageFailed."""
    exports = examine(guest.program.wasm).outermost.exports
    functions = {each.name: each.type for each in exports if each.kind == "function"}
    if name not in functions:
        raise no_such_function(guest.name, name, list(functions))
    parameters, results = _types(name, functions[name])
    if len(texts) != len(parameters):
        raise wrong_count(name, f"({', '.join(parameters)})", len(parameters), len(texts))
    numbers = (_number(text, kind, place) for place, (text, kind) in enumerate(zip(texts, parameters, strict=True), 1))
    return Call(name, tuple(numbers), results)


def _types(name: str, words: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = _FUNCTION.fullmatch(words)
    parameters, results = (tuple((each or "").split()) for each in (found.groups() if found else ("?", "?")))
    if not _BITS.keys() >= {*parameters, *results}:
        raise UsageFailed(
            f"{printable(name, 100)} cannot be called from a command line",
            cause=f"not all that it takes and returns is a number: {printable(words, 400)}",
        )
    return parameters, results


def _number(text: str, kind: str, place: int) -> int | float:
    plain = text if text.isascii() and "_" not in text else ""  # Python reads digits of every script, and grouped
    try:
        return _float(plain, _BITS[kind]) if kind.startswith("f") else _integer(plain, _BITS[kind])
    except (ValueError, OverflowError):
        words = "a number" if kind.startswith("f") else f"a whole number that {_BITS[kind]} bits hold"
        raise UsageFailed(f"argument {place} is {text[:40]!r}, and {kind} is {words}") from None


def _integer(text: str, bits: int) -> int:
    """Signed or unsigned, decimal or ``0x``: the bits are the same."""
    if len(text) > _DIGITS:
        raise ValueError
    number = int(text, 0)
    if not -(1 << bits - 1) <= number < 1 << bits:
        raise OverflowError
    return number - (1 << bits) if number >= 1 << bits - 1 else number


def _float(text: str, bits: int) -> float:
    return rounded(float(text), bits)


def _text(value: object, kind: str) -> str:
    return shortest(value, _BITS[kind]) if isinstance(value, float) else str(value)

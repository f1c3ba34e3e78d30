"""What a guest may use up: memory, instructions, time, stack, tables; and how people write that.

How the engine is made to hold a guest to it is in ``engine``, ``memory`` and ``supervisor``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from wasmbuild.errors import UsageFailed

__all__ = ["MEMORY_BYTES", "STACK_BYTES", "GuestLimits", "parse_bytes", "parse_count", "parse_seconds"]

MEMORY_BYTES = 4 * 1024**3
"""What a guest may have unless somebody says otherwise: all that 32 bits can address."""

STACK_BYTES = 512 * 1024
"""The engine's own default."""

_LEAST_STACK = 16 * 1024
_MOST_STACK = 1024**3
_MOST_MEMORY = 2**48
_MOST_FUEL = 2**63 - 1
_MOST_SECONDS = 366 * 24 * 3600.0

_NUMBER = re.compile(r"(\d{1,20}(?:\.\d{1,9})?)\s*([A-Za-z]*)", re.ASCII)
_BYTES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4} | {
    f"{letter}{ending}": 1024**power for power, letter in enumerate("kmgt", 1) for ending in ("", "i", "ib")
}
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class GuestLimits:
    """What a guest may use up; None is no limit.

    ``memory_bytes`` is what all of its memories have together, ``fuel`` about one for each instruction,
    ``seconds`` run from before it is compiled, ``stack_bytes`` is WebAssembly's own stack.
    """

    memory_bytes: int = MEMORY_BYTES
    fuel: int | None = None
    seconds: float | None = None
    stack_bytes: int = STACK_BYTES
    tables: int = 256
    table_elements: int = 1024**2
    instances: int = 10_000

    def __post_init__(self) -> None:
        _within("memory", self.memory_bytes, 1, _MOST_MEMORY)
        _within("stack", self.stack_bytes, _LEAST_STACK, _MOST_STACK)
        _within("fuel", 1 if self.fuel is None else self.fuel, 1, _MOST_FUEL)
        for name, value in (
            ("tables", self.tables),
            ("table-elements", self.table_elements),
            ("instances", self.instances),
        ):
            _within(name, value, 1, 2**31 - 1)
        if self.seconds is not None and not 0 < self.seconds <= _MOST_SECONDS:
            raise UsageFailed(f"--timeout {self.seconds:g} is no time to run for", hint="--timeout 10s")


def parse_bytes(text: str, flag: str = "--memory") -> int:
    """Read a size: a number of bytes, or one with ``KiB``, ``MiB``, ``GiB``, or ``kB``, ``MB``, ``GB``.

    ``64m`` is 64 MiB, as container runtimes read it. Raises UsageFailed, which names the flag.
    """
    return round(_parse(text, flag, _BYTES, "64MiB"))


def parse_seconds(text: str, flag: str = "--timeout") -> float:
    """Read a time: seconds, or a number with ``ms``, ``s``, ``m`` or ``h``. Raises UsageFailed."""
    return _parse(text, flag, _SECONDS, "1.5s")


def parse_count(text: str, flag: str) -> int:
    """Read a whole number; ``_`` may group its digits. Raises UsageFailed."""
    digits = text.strip().replace("_", "")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 20:
        raise UsageFailed(f"{flag} {text[:40]!r} is not a whole number", hint=f"{flag} 1000000")
    return int(digits)


def _parse(text: str, flag: str, units: Mapping[str, float], example: str) -> float:
    found = _NUMBER.fullmatch(text.strip())
    unit = units.get(found[2].lower()) if found else None
    if found is None or unit is None:
        known = f"units are {', '.join(name for name in units if name)}"
        raise UsageFailed(f"{flag} {text[:40]!r} is not understood", cause=known, hint=f"{flag} {example}")
    return float(found[1]) * unit if "." in found[1] else int(found[1]) * unit


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UsageFailed(f"--{name} {value} is outside of what is possible", cause=f"it is between {least} and {most}")

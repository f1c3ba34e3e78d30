"""Names of functions made readable, where a few lines do it: those of Rust's first mangling.

All other names stay as they are; C++ has its own tools. What comes out is still the file's word, and
unsafe to print.
"""

import re

__all__ = ["demangled"]

_LONGEST = 2000
_RUST = re.compile(r"_ZN(.+)17h[0-9a-f]{16}E(?:\.llvm\.[0-9A-F]+)?", re.ASCII)
_ESCAPE = re.compile(r"\$(SP|BP|RF|LT|GT|LP|RP|C|u[0-9a-f]{1,5})\$", re.ASCII)
_CHARACTERS = {"SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ","}


def demangled(name: str) -> str:
    """``_ZN4core3fmt5write17h0123456789abcdefE`` as ``core::fmt::write``; the name itself when it is none of those."""
    match = _RUST.fullmatch(name) if name.startswith("_ZN") and len(name) <= _LONGEST else None
    parts = _split(match[1]) if match else []
    return "::".join(_unescaped(part) for part in parts) or name


def _split(text: str) -> list[str]:
    """The parts of a path, each behind its length; none when the lengths do not add up."""
    parts = []
    while text:
        digits = re.match(r"[1-9][0-9]{0,3}", text, re.ASCII)
        if digits is None or len(text) < digits.end() + int(digits[0]):
            return []
        end = digits.end() + int(digits[0])
        parts.append(text[digits.end() : end])
        text = text[end:]
    return parts


def _unescaped(part: str) -> str:
    begun = part.removeprefix("_") if part.startswith("_$") else part
    return _ESCAPE.sub(_character, begun).replace("..", "::")


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if code in _CHARACTERS:
        return _CHARACTERS[code]
    number = int(code[1:], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else match[0]

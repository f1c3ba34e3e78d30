"""Foreign words made safe to show: they end up on a terminal, in a log, in a JSON document."""

import re
import shlex

__all__ = ["pasted", "printable", "quoted"]

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    r"\u200b\u2060-\u2064\ufeff\U000e0000-\U000e007f]"  # nobody sees these, and names with them look like others
)


def printable(text: str, limit: int = 600) -> str:
    """The text on one line: control, direction, invisible and half characters escaped, cut at ``limit`` characters."""
    beginning = text[: limit + 1]  # no character gets shorter
    escaped = _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}" if match[0] < "Ā" else _unicode(match[0]), beginning)
    return escaped if len(escaped) <= limit else escaped[:limit] + "…"


def quoted(text: str, limit: int = 80) -> str:
    """The text in quotes, as Python writes it, in at most ``limit`` + 2 characters, however long escapes make it."""
    whole = repr(text) if len(text) <= limit else repr(text[: limit - 3] + "...")
    return whole if len(whole) <= limit + 2 else whole[: limit - 2] + "..." + whole[0]


def pasted(word: object) -> str:
    """A word of a command that a person is to paste: one word for the shell, whatever is in it, and printable."""
    return printable(shlex.quote(str(word)))


def _unicode(character: str) -> str:
    return f"\\u{ord(character):04x}"

"""One strict parser for each of the two range headers; nothing else reads them.

``Range`` of a download: RFC 9110 section 14.2, a single range of bytes. ``Content-Range`` of an
upload: distribution-spec 1.1, "Pushing a blob in chunks", which has no unit.
"""

import re
from dataclasses import dataclass

__all__ = ["Span", "parse_content_range", "parse_range"]

_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")
_CONTENT_RANGE = re.compile(r"([0-9]{1,19})-([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from ``start`` up to, and without, ``stop``."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.stop - self.start


def parse_range(text: str, size: int) -> Span | None:
    """The bytes that a ``Range`` header asks for, of content that has ``size`` of them.

    None when the header is to be ignored: another unit, several ranges, or not a range at all (RFC
    9110: a server may ignore it, and then sends everything). Raises ValueError when the range
    cannot be satisfied: 416.
    """
    match = _RANGE.fullmatch(text)
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        return _suffix(int(last), size)
    start = int(first)
    stop = size if not last else min(int(last) + 1, size)
    if start >= stop:
        raise ValueError("the range has no byte of the content")
    return Span(start, stop)


def _suffix(count: int, size: int) -> Span:
    if count == 0 or size == 0:
        raise ValueError("the range has no byte of the content")
    return Span(max(0, size - count), size)


def parse_content_range(text: str) -> Span:
    """The bytes that a chunk claims to be. Raises ValueError for any other shape."""
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        raise ValueError("Content-Range must be <first>-<last>")
    start, last = (int(part) for part in match.groups())
    if last < start:
        raise ValueError("Content-Range ends before it begins")
    return Span(start, last + 1)

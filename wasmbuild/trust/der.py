"""DER (X.690), as much of it as we need ourselves: one strict reader, bounded by what it is given, and a writer.

What elements mean is not known here; nearly all of X.509 is read and written by ``cryptography``.
"""

from dataclasses import dataclass

__all__ = [
    "BITS",
    "BOOLEAN",
    "INTEGER",
    "NULL",
    "OBJECT",
    "OCTETS",
    "SEQUENCE",
    "SET",
    "TIME",
    "UTF8",
    "Element",
    "element",
    "read",
]

BOOLEAN, INTEGER, BITS, OCTETS, NULL, OBJECT, UTF8 = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C
TIME = 0x18
"""GeneralizedTime."""

SEQUENCE, SET = 0x30, 0x31

_MAX_LENGTH_BYTES = 3
_MAX_ELEMENTS = 1000


@dataclass(frozen=True, slots=True)
class Element:
    """One element; ``whole`` is all of its bytes, with the tag and the length."""

    tag: int
    content: bytes
    whole: bytes

    def expect(self, tag: int) -> "Element":
        """The same, if it has the tag. Raises ValueError."""
        if self.tag != tag:
            raise ValueError(f"DER has tag {self.tag:#04x} where {tag:#04x} is expected")
        return self

    def items(self, tag: int) -> list["Element"]:
        """What is in it, when it has the tag of something that holds others. Raises ValueError."""
        return _elements(self.expect(tag).content)

    def only(self, tag: int) -> "Element":
        """The one element that is in it. Raises ValueError."""
        items = self.items(tag)
        if len(items) != 1:
            raise ValueError("DER has not exactly one element where one is expected")
        return items[0]

    def number(self) -> int:
        """The value of an INTEGER. Raises ValueError."""
        content = self.expect(INTEGER).content
        if not content or (len(content) > 1 and content[0] in {0x00, 0xFF} and (content[0] ^ content[1]) < 0x80):
            raise ValueError("DER has an integer that is not in its shortest form")
        return int.from_bytes(content, signed=True)


def element(tag: int, content: bytes) -> bytes:
    """Write one element, its length in the one shortest form."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def read(data: bytes) -> Element:
    """The one element that data is, with nothing behind it. Raises ValueError."""
    elements = _elements(data)
    if len(elements) != 1:
        raise ValueError("DER is not exactly one element")
    return elements[0]


def _elements(data: bytes) -> list[Element]:
    found: list[Element] = []
    at = 0
    while at < len(data):
        start, tag = at, data[at]
        if tag & 0x1F == 0x1F:
            raise ValueError("DER has a tag of more than one byte")
        length, at = _length(data, at + 1)
        if at + length > len(data):
            raise ValueError("DER is shorter than it says")
        found.append(Element(tag, data[at : at + length], data[start : at + length]))
        at += length
        if len(found) > _MAX_ELEMENTS:
            raise ValueError(f"DER has more than {_MAX_ELEMENTS} elements in one")
    return found


def _length(data: bytes, at: int) -> tuple[int, int]:
    """The length that begins at a place, in its one shortest form, and where it ends."""
    first = data[at] if at < len(data) else 0x80
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    digits = data[at + 1 : at + 1 + count]
    if not 1 <= count <= _MAX_LENGTH_BYTES or len(digits) != count:
        raise ValueError("DER has a malformed length")
    length = int.from_bytes(digits)
    if length < 0x80 or digits[0] == 0:
        raise ValueError("DER has a length that is not in its shortest form")
    return length, at + 1 + count

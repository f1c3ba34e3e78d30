"""Reader: the primitive values of the binary format, strict and bounded (core spec, "Binary Format").

Sections and what is in them are in the modules beside this one.
"""

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.model import Section

__all__ = ["MAX_ENTRIES", "MAX_NAME", "Reader", "content_of", "malformed"]

MAX_NAME = 100_000
"""Bytes of a name; what the engines accept (Wasm JS API, "Implementation-defined Limits")."""

MAX_ENTRIES = 100_000
"""Sections of a file, and entries of a vector that we look at, unless somebody needs more of them."""


def malformed(offset: int, detail: str) -> InvalidWasm:
    """The error for bytes that break the format; ``offset`` counts from the start of the file."""
    return InvalidWasm("the file is not valid WebAssembly", cause=f"at byte {offset}: {detail}")


class Reader:
    """A cursor over ``data[position:end]``; offsets in errors are those of the whole file."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: memoryview, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    @property
    def left(self) -> int:
        """Bytes between the cursor and the end."""
        return self.end - self.position

    def byte(self) -> int:
        """The next byte."""
        if self.position >= self.end:
            raise malformed(self.position, "unexpected end")
        value = self.data[self.position]
        self.position += 1
        return value

    def u32(self) -> int:
        """An unsigned number of at most 32 bits in LEB128, in at most 5 bytes."""
        position = self.position
        if position < self.end and (byte := self.data[position]) < 0x80:  # most of them
            self.position = position + 1
            return byte
        return self._unsigned(32)

    def u64(self) -> int:
        """An unsigned number of at most 64 bits in LEB128, in at most 10 bytes."""
        return self._unsigned(64)

    def s33(self) -> int:
        """A signed number of 33 bits in LEB128, as block and heap types are written."""
        start = self.position
        result = shift = 0
        while shift < 35:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                value = result - (1 << shift) if byte & 0x40 else result
                if not -(2**32) <= value < 2**32:
                    raise malformed(start, "a number that does not fit in 33 bits")
                return value
        raise malformed(start, "a number that is longer than 33 bits need")

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes, not copied."""
        start = self.position
        self.skip(size)
        return self.data[start : self.position]

    def skip(self, size: int) -> None:
        """Step over ``size`` bytes, which must be there."""
        if size > self.left:
            raise malformed(self.position, f"{size} bytes are promised and {self.left} are left")
        self.position += size

    def within(self, size: int) -> "Reader":
        """A reader of the next ``size`` bytes, which this one steps over."""
        start = self.position
        self.skip(size)
        return Reader(self.data, start, self.position)

    def name(self) -> str:
        """A length and that many bytes of UTF-8."""
        start = self.position
        size = self.u32()
        if size > MAX_NAME:
            raise malformed(start, f"a name of {size} bytes, more than {MAX_NAME}")
        try:
            return str(self.take(size), "utf-8")
        except UnicodeDecodeError as error:
            raise malformed(start, "a name that is not UTF-8") from error

    def count(self, most: int = MAX_ENTRIES) -> int:
        """The length of a vector, at most ``most``; each of its entries takes a byte at least."""
        start = self.position
        count = self.u32()
        if count > self.left:
            raise malformed(start, f"{count} entries are promised in {self.left} bytes")
        if count > most:
            raise malformed(start, f"{count} entries, more than {most}")
        return count

    def finish(self) -> None:
        """Insist that nothing is left."""
        if self.left:
            raise malformed(self.position, f"{self.left} bytes too many at the end of a section")

    def _unsigned(self, bits: int) -> int:
        data, start, end = self.data, self.position, self.end
        position = start
        result = shift = 0
        while shift < bits:
            if position >= end:
                raise malformed(end, "unexpected end")
            byte = data[position]
            position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                if result >> bits:
                    raise malformed(start, f"a number that does not fit in {bits} bits")
                self.position = position
                return result
            shift += 7
        raise malformed(start, f"a number that is longer than {bits} bits need")


def content_of(data: memoryview, section: Section) -> Reader:
    """A reader of what a section holds; ``data`` is the whole file, from which its offset counts."""
    return Reader(data, section.offset, section.offset + section.size)

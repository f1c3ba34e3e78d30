"""The ``producers`` section: the languages, tools and SDKs that a binary was made with.

tool-conventions, "Producers Section". Tools add themselves and take nobody away. Not here: where in a file
the section is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from wasmbuild.wasm.editing.rewrite import leb128, sized
from wasmbuild.wasm.format.reader import Reader

__all__ = ["PRODUCER_FIELDS", "Producer", "Producers", "encode_producers", "read_producers"]

PRODUCER_FIELDS = ("language", "processed-by", "sdk")
"""The fields that the convention knows."""


@dataclass(frozen=True, slots=True)
class Producer:
    """One language, tool or SDK; ``version`` may be empty."""

    field: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


@dataclass(frozen=True, slots=True)
class Producers:
    """Who made a binary, in the order of the file, each name once in its field."""

    entries: tuple[Producer, ...] = ()

    def of(self, field: str) -> tuple[Producer, ...]:
        """The entries of one field."""
        return tuple(entry for entry in self.entries if entry.field == field)

    def merged(self, others: Iterable[Producer]) -> "Producers":
        """These and others; of a name that is in a field already, only the version is replaced."""
        found = {(entry.field, entry.name): entry for entry in self.entries}
        found.update({(entry.field, entry.name): entry for entry in others})
        return Producers(tuple(found.values()))


def read_producers(reader: Reader) -> Producers:
    """Read the content of a section. Raises InvalidWasm."""
    found: list[Producer] = []
    for _ in range(reader.count()):
        field = reader.name()
        found.extend(Producer(field, reader.name(), reader.name()) for _ in range(reader.count()))
    reader.finish()
    return Producers().merged(found)


def encode_producers(producers: Producers) -> bytes:
    """The content of a section, with fields and names in the order that they have."""
    fields: dict[str, list[Producer]] = {}
    for entry in producers.entries:
        fields.setdefault(entry.field, []).append(entry)
    return leb128(len(fields)) + b"".join(_encode_field(field, entries) for field, entries in fields.items())


def _encode_field(field: str, entries: list[Producer]) -> bytes:
    pairs = (sized(entry.name.encode()) + sized(entry.version.encode()) for entry in entries)
    return sized(field.encode()) + leb128(len(entries)) + b"".join(pairs)

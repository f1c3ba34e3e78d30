"""What a wasm file says about itself: a custom section for each of OCI's annotations, and its name.

The sections are those that wasm-tools writes and registries index: each is named like the annotation
(``org.opencontainers.image.*``, with ``homepage`` for ``url``) and holds UTF-8 text. Only those of the
outermost binary count. Not here: ``producers``, which belongs to compilers, and any date.
"""

from collections.abc import Iterator, Mapping

from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import Section, WasmBinary
from wasmbuild.wasm.reader import MAX_NAME

__all__ = ["FIELDS", "add_metadata", "read_metadata"]

FIELDS = ("authors", "description", "licenses", "source", "homepage", "revision", "version")
"""What there is to say, in the order in which it is written; ``licenses`` is an SPDX expression."""

_NAME_SECTIONS = {"module": "name", "component": "component-name"}
_PREAMBLE = 8


def add_metadata(data: bytes, fields: Mapping[str, str]) -> bytes:
    """The same module or component with these fields at its end, in place of those that it had.

    Besides ``FIELDS`` there may be ``name``, which is written only when the file has no section for
    names. All other bytes stay as they are. Raises InvalidWasm when the file is not well formed, and
    ValueError for another field and for one that is longer than a name may be.
    """
    unknown = sorted(set(fields) - {*FIELDS, "name"})
    if unknown or any(len(text.encode()) > MAX_NAME for text in fields.values()):
        raise ValueError(f"fields that cannot be written: {unknown}")
    binary = read(data)
    replaced = set(fields).intersection(FIELDS)
    kept = b"".join(part for section, part in _parts(data, binary) if section.name not in replaced)
    name_section = _NAME_SECTIONS[binary.kind]
    if "name" in fields and all(section.name != name_section for section in binary.sections):
        kept += _custom(name_section, b"\0" + _sized(_sized(fields["name"].encode())))
    added = (_custom(field, fields[field].encode()) for field in FIELDS if field in fields)
    return data[:_PREAMBLE] + kept + b"".join(added)


def read_metadata(data: bytes, binary: WasmBinary | None = None) -> dict[str, str]:
    """The fields that a module or component has, without its name; ``binary`` is what was read of it before.

    A section that is no text or is too long says nothing. Raises InvalidWasm.
    """
    found: dict[str, str] = {}
    for section in (binary or read(data)).sections:
        if section.name in FIELDS and section.size <= MAX_NAME:
            content = data[section.offset : section.offset + section.size]
            try:
                found[section.name] = content.decode("utf-8")
            except UnicodeDecodeError:
                continue  # these are common words, and others may use them for something else
    return {field: found[field] for field in FIELDS if field in found}


def _parts(data: bytes, binary: WasmBinary) -> Iterator[tuple[Section, bytes]]:
    start = _PREAMBLE
    for section in binary.sections:
        end = section.offset + section.size
        yield section, data[start:end]
        start = end


def _custom(name: str, content: bytes) -> bytes:
    return b"\0" + _sized(_sized(name.encode()) + content)


def _sized(content: bytes) -> bytes:
    return _leb128(len(content)) + content


def _leb128(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)

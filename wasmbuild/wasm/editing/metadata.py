"""What a wasm file says about itself: a custom section for each of OCI's annotations, its name, its producers.

The sections are those that wasm-tools writes and registries index: each is named like the annotation
(``org.opencontainers.image.*``, with ``homepage`` for ``url``) and holds UTF-8 text. Only those of the
outermost binary count. Not here: any date, and how the bytes of a file are put together (``rewrite``).
"""

from collections.abc import Callable, Iterable, Mapping

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.customs.producers import Producer, Producers, encode_producers, read_producers
from wasmbuild.wasm.customs.readers import subsections
from wasmbuild.wasm.customs.sections import FIELDS, read_customs
from wasmbuild.wasm.editing.rewrite import Custom, Edit, leb128, rewrite, sized
from wasmbuild.wasm.format.reader import MAX_NAME, Reader
from wasmbuild.wasm.model import WasmBinary

__all__ = ["FIELDS", "METADATA_SECTIONS", "add_metadata", "change_metadata", "read_metadata", "remove_metadata"]

METADATA_SECTIONS = (*FIELDS, "producers", "target_features", ".dep-v0", "registry-metadata")
"""What ``remove_metadata`` takes out, besides the name; the last is what some of these were before."""

_NAME_SECTIONS = {"module": "name", "component": "component-name"}
_OWN_NAME = 0


def add_metadata(data: bytes, fields: Mapping[str, str]) -> bytes:
    """The same module or component with these fields at its end, in place of those that it had.

    Besides ``FIELDS`` there may be ``name``, which is written only when the file has no section for
    names. All other bytes stay as they are. Raises InvalidWasm when the file is not well formed, and
    ValueError for another field and for one that is longer than a name may be.
    """
    _check(fields)
    binary = read(data)
    has_names = any(section.name == _NAME_SECTIONS[binary.kind] for section in binary.sections)
    name = None if has_names else fields.get("name")
    return _changed(data, binary, {key: fields[key] for key in fields if key != "name"}, name, ())


def change_metadata(data: bytes, fields: Mapping[str, str], producers: Iterable[Producer] = ()) -> bytes:
    """As ``add_metadata``, but ``name`` takes the place of what the file called itself, and producers are added.

    Names of functions stay, and so do other producers. Raises InvalidWasm also when the section to change
    cannot be read; ValueError.
    """
    _check(fields)
    texts = {key: fields[key] for key in fields if key != "name"}
    return _changed(data, read(data), texts, fields.get("name"), tuple(producers))


def remove_metadata(data: bytes) -> bytes:
    """The same file without fields, producers, features, list of dependencies and its own name.

    Also in what is nested. Names of functions stay. Raises InvalidWasm.
    """

    def edit(custom: Custom) -> bytes | memoryview | None:
        if custom.name in METADATA_SECTIONS:
            return None
        if custom.name != _NAME_SECTIONS[custom.kind]:
            return custom.content
        try:
            return _renamed(custom.content, None) or None
        except InvalidWasm:
            return custom.content  # as an engine does: what cannot be read says nothing

    return rewrite(data, edit, nested=True)


def read_metadata(data: bytes, binary: WasmBinary | None = None) -> dict[str, str]:
    """The fields that a module or component has, without its name; ``binary`` is what was read of it before.

    A section that is no text or is too long says nothing. Raises InvalidWasm.
    """
    sections = (section for section in (binary or read(data)).sections if section.name in FIELDS)
    return dict(read_customs(data, sections).fields)


def _check(fields: Mapping[str, str]) -> None:
    unknown = sorted(set(fields) - {*FIELDS, "name"})
    if unknown or any(len(text.encode()) > MAX_NAME for text in fields.values()):
        raise ValueError(f"fields that cannot be written: {unknown}")


def _changed(
    data: bytes, binary: WasmBinary, fields: Mapping[str, str], name: str | None, producers: tuple[Producer, ...]
) -> bytes:
    names = _NAME_SECTIONS[binary.kind]
    there = {section.name for section in binary.sections}
    added = []
    if name is not None and names not in there:
        added.append((names, _renamed(b"", name)))
    if producers and "producers" not in there:
        added.append(("producers", encode_producers(Producers().merged(producers))))
    added += [(field, fields[field].encode()) for field in FIELDS if field in fields]
    return rewrite(data, _edit(names, fields, name, producers), added=added)


def _edit(names: str, fields: Mapping[str, str], name: str | None, producers: tuple[Producer, ...]) -> Edit:
    """Takes fields out, which are added at the end; changes the first of other sections, which there is once."""
    changed: set[str] = set()

    def edit(custom: Custom) -> bytes | memoryview | None:
        first = custom.name not in changed
        changed.add(custom.name)
        if custom.name in fields:
            return None
        if custom.name == names and name is not None and first:
            return _added_to(custom, lambda content: _renamed(content, name))
        if custom.name == "producers" and producers and first:
            return _added_to(
                custom, lambda content: encode_producers(read_producers(_reader(content)).merged(producers))
            )
        return custom.content

    return edit


def _added_to(custom: Custom, change: Callable[[memoryview], bytes]) -> bytes:
    """What a section becomes. Raises InvalidWasm: what is in one that cannot be read would be lost."""
    try:
        return change(custom.content)
    except InvalidWasm as error:
        raise InvalidWasm(
            f"the section {custom.name} cannot be read, so nothing is added to it",
            cause=error.cause,
            hint=f"take it out before: wasmbuild strip FILE --delete {custom.name} -o NEW",
        ) from error


def _renamed(content: bytes | memoryview, name: str | None) -> bytes:
    """A section of names, with another name for what it is in, or none; what else it has stays as it is."""
    parts = [] if name is None else [(_OWN_NAME, sized(name.encode()))]
    for number, part in subsections(_reader(content)):
        if number != _OWN_NAME:
            parts.append((number, bytes(part.take(part.left))))
    return b"".join(leb128(number) + sized(part) for number, part in parts)


def _reader(content: bytes | memoryview) -> Reader:
    return Reader(memoryview(content), 0, len(content))

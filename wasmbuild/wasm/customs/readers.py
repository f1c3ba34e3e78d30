"""The small custom sections, each read by one function: features, build identity, dynamic linking, documentation.

tool-conventions, "Linking.md", "BuildId.md" and "DynamicLinking.md"; the appendix of the core specification
and of the component model for names; wasm-tools for ``package-docs``. All raise InvalidWasm, and none knows
where in a file its section is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from registry.errors import InvalidDocument
from wasmbuild.wasm.format.reader import Reader, malformed

__all__ = [
    "PackageDocs",
    "SharedLibrary",
    "read_build_id",
    "read_own_name",
    "read_package_docs",
    "read_shared_library",
    "read_target_features",
    "read_text",
    "subsections",
]

_PREFIXES = frozenset("+-=")
_MAX_BUILD_ID = 1024
_MEMORY_INFO, _NEEDED = 1, 2
_MAX_ALIGNMENT = 32


@dataclass(frozen=True, slots=True)
class SharedLibrary:
    """What a shared library (``dylink.0``) needs: other libraries, bytes of memory, entries of the table."""

    needed: tuple[str, ...] = ()
    memory_bytes: int = 0
    memory_alignment: int = 1
    table_entries: int = 0


@dataclass(frozen=True, slots=True)
class PackageDocs:
    """Documentation of a WIT package; ``text`` is about the package as a whole, and may be empty."""

    version: int
    text: str


def read_target_features(reader: Reader) -> tuple[str, ...]:
    """The features that a compiler used (``+simd128``) or forbids (``-atomics``), sorted by name."""
    found = []
    for _ in range(reader.count()):
        start, prefix = reader.position, chr(reader.byte())
        if prefix not in _PREFIXES:
            raise malformed(start, f"a feature with the prefix {prefix!a}")
        found.append(prefix + reader.name())
    reader.finish()
    return tuple(sorted(set(found), key=lambda feature: (feature[1:], feature)))


def read_build_id(reader: Reader) -> str:
    """The identity of a build, in hex."""
    start, size = reader.position, reader.u32()
    if size > _MAX_BUILD_ID:
        raise malformed(start, f"a build identity of {size} bytes")
    identity = reader.take(size).hex()
    reader.finish()
    return identity


def read_text(reader: Reader) -> str:
    """A section that is one name: ``sourceMappingURL``."""
    text = reader.name()
    reader.finish()
    return text


def read_own_name(reader: Reader) -> str | None:
    """What a module or component calls itself, in its section of names; None where it does not."""
    for number, content in subsections(reader):
        if number == 0:
            return read_text(content)
    return None


def read_shared_library(reader: Reader) -> SharedLibrary:
    """What ``dylink.0`` says; parts of it that are not known are stepped over."""
    memory, alignment, table, needed = 0, 0, 0, []
    for number, content in subsections(reader):
        if number == _MEMORY_INFO:
            memory, alignment, table, _ = (content.u32() for _ in range(4))
        elif number == _NEEDED:
            needed += [content.name() for _ in range(content.count())]
    if alignment >= _MAX_ALIGNMENT:
        raise malformed(reader.end, f"a memory that is aligned to 2^{alignment} bytes")
    return SharedLibrary(tuple(needed), memory, 1 << alignment, table)


def read_package_docs(reader: Reader) -> PackageDocs:
    """Documentation as JSON behind a byte that is its version, 0 or 1."""
    from registry.strictjson import load_json  # noqa: PLC0415  (few files have the section)

    start, version = reader.position, reader.byte()
    if version > 1:
        raise malformed(start, f"documentation of version {version}, which is not known")
    try:
        document = load_json(bytes(reader.take(reader.left)), "the documentation")
    except InvalidDocument as error:
        raise malformed(start, error.what) from error
    text = document.get("docs", "") if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise malformed(start, "documentation that is no object, or has no text")
    return PackageDocs(version, text)


def subsections(reader: Reader) -> Iterator[tuple[int, Reader]]:
    """The parts of a section, as ``name`` and ``dylink.0`` have them: a byte, a length and that many bytes."""
    while reader.left:
        number = reader.byte()
        yield number, reader.within(reader.u32())

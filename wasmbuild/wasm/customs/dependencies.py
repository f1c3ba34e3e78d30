"""The ``.dep-v0`` section of cargo-auditable: the crates that a binary was built from.

JSON that is compressed with zlib (cargo-auditable, "PARSING.md"). Nothing of it is trusted: what comes out
of the compression is bounded, and so is the number of packages. Not here: an SBOM made of it.
"""

import zlib
from dataclasses import dataclass
from typing import Any

from registry.errors import InvalidDocument
from wasmbuild.wasm.format.reader import Reader, malformed

__all__ = ["MAX_DEPENDENCIES", "MAX_UNPACKED", "MAX_UNPACKED_TOGETHER", "Dependency", "Unpacking", "read_dependencies"]

MAX_UNPACKED = 2 * 1024 * 1024
"""Bytes of JSON; wasm-tools reads as many."""

MAX_UNPACKED_TOGETHER = 4 * MAX_UNPACKED
"""The same for all sections in a file, which may be many thousand."""

MAX_DEPENDENCIES = 20_000


@dataclass(slots=True)
class Unpacking:
    """How many more bytes may come out of the compressed sections of a file."""

    left: int = MAX_UNPACKED_TOGETHER


@dataclass(frozen=True, slots=True)
class Dependency:
    """A crate. ``source`` is in the file's words (``crates.io``, ``git``, ``local``, ``registry``).

    ``build`` says that it was only needed for building, ``root`` that it is the program itself;
    ``dependencies`` are places in the list that it is in.
    """

    name: str
    version: str
    source: str
    build: bool = False
    root: bool = False
    dependencies: tuple[int, ...] = ()


def read_dependencies(reader: Reader, unpacking: Unpacking) -> tuple[Dependency, ...]:
    """Read the content of a section. Raises InvalidWasm, whatever is wrong with it."""
    start = reader.position
    text = _unpacked(reader, unpacking)
    packages = _packages(text, start)
    if len(packages) > MAX_DEPENDENCIES:
        raise malformed(start, f"{len(packages)} packages, more than {MAX_DEPENDENCIES}")
    return tuple(_dependency(package, len(packages), start) for package in packages)


def _unpacked(reader: Reader, unpacking: Unpacking) -> bytes:
    start = reader.position
    if unpacking.left <= 0:
        raise malformed(start, f"more than {MAX_UNPACKED_TOGETHER} bytes with what was unpacked before it")
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(reader.take(reader.left), MAX_UNPACKED + 1)
    except zlib.error as error:
        raise malformed(start, "data that zlib does not unpack") from error
    unpacking.left -= len(text)
    if len(text) > MAX_UNPACKED:
        raise malformed(start, f"more than {MAX_UNPACKED} bytes once it is unpacked")
    if not stream.eof:
        raise malformed(start, "compressed data that is cut short")
    return text


def _packages(text: bytes, start: int) -> list[Any]:
    from registry.strictjson import load_json  # noqa: PLC0415  (few files have the section)

    try:
        document = load_json(text, "the list of dependencies")
    except InvalidDocument as error:
        raise malformed(start, error.what) from error
    packages = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(packages, list):
        raise malformed(start, "JSON without a list of packages")
    return packages


def _dependency(package: object, count: int, start: int) -> Dependency:
    if not isinstance(package, dict):
        raise malformed(start, "a package that is no object")
    name, version, source = (package.get(key) for key in ("name", "version", "source"))
    if not (isinstance(name, str) and isinstance(version, str) and isinstance(source, str)):
        raise malformed(start, "a package without a name, a version or a source")
    needed = package.get("dependencies", [])
    if not isinstance(needed, list) or any(type(each) is not int or not 0 <= each < count for each in needed):
        raise malformed(start, "a package that depends on none of the list")
    build, root = package.get("kind") == "build", package.get("root") is True
    return Dependency(name, version, source, build, root, tuple(needed))

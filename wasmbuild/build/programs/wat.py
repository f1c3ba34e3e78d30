"""``wat``: from WebAssembly's text format to the binary one, for core modules and components, by wasmtime."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.format.reader import Reader

__all__ = ["main", "without_names"]

MAX_TEXT = 256 * 1024 * 1024
"""Bytes of text that are read."""

_MODULE = b"\0asm\x01\0\0\0"
_CUSTOM = 0


def main(arguments: Sequence[str]) -> int:
    """Write the binary of a text; 1 when the text is wrong, with its line and column on standard error."""
    parser = argparse.ArgumentParser(prog="wat", description=__doc__)
    parser.add_argument("--wasmtime", metavar="VERSION", help="the release of wasmtime that must do it")
    parser.add_argument("--strip", action="store_true", help="leave out the names of functions and variables")
    parser.add_argument("source")
    parser.add_argument("output")
    chosen = parser.parse_args(arguments)
    installed = version("wasmtime")
    if chosen.wasmtime not in {None, installed}:
        return _refuse(f"this is wasmtime {installed}, and not {chosen.wasmtime}")
    try:
        with Path(chosen.source).open("rb") as file:
            data = file.read(MAX_TEXT + 1)
        if len(data) > MAX_TEXT:
            return _refuse(f"{chosen.source}: more than {MAX_TEXT} bytes")
        binary = _assembled(data.decode("utf-8"), chosen.source)
        Path(chosen.output).write_bytes(without_names(binary) if chosen.strip else binary)
    except UnicodeDecodeError as error:
        return _refuse(f"{chosen.source}: not UTF-8 at byte {error.start}")
    except (OSError, InvalidWasm) as error:
        return _refuse(f"{chosen.source}: {error}")
    except _Wrong as error:
        return _refuse(str(error))
    return 0


def without_names(binary: bytes) -> bytes:
    """A core module without its section ``name``; anything else as it is. Raises InvalidWasm."""
    if not binary.startswith(_MODULE):
        return binary
    kept = bytearray(_MODULE)
    reader = Reader(memoryview(binary), len(_MODULE), len(binary))
    while reader.left:
        start = reader.position
        section = reader.byte()
        content = reader.within(reader.u32())
        reader.position = content.end
        if section != _CUSTOM or content.name() != "name":
            kept += binary[start : content.end]
    return bytes(kept)


class _Wrong(Exception):
    """What wasmtime says about a text."""


def _assembled(text: str, source: str) -> bytes:
    from wasmtime import WasmtimeError, wat2wasm  # noqa: PLC0415  (wrong arguments are said without it)

    try:
        return bytes(wat2wasm(text))
    except WasmtimeError as error:
        raise _Wrong(f"error: {str(error).replace('<anon>', source)}") from error


def _refuse(problem: str) -> int:
    sys.stderr.write(problem.rstrip("\n") + "\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

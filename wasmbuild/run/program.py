"""Program: a wasm file that was read once, so that what was looked at and decided on is what runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from registry.files import FileTooLarge, read_regular
from wasmbuild.errors import GuestFailed
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import WasmBinary

__all__ = ["Program"]

_MAX_WASM = 1024 * 1024 * 1024
_COMPILED = b"\x7fELF"
_COMPILED_FOR = b"\xc8"
"""The operating system that the engine writes into its ELF files: itself."""


@dataclass(frozen=True, slots=True)
class Program:
    """The bytes of a file, what it is, and the name by which people know it."""

    name: str
    wasm: bytes
    binary: WasmBinary

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a file. Raises GuestFailed when it cannot be read or is too large, InvalidWasm."""
        try:
            wasm = read_regular(path, _MAX_WASM)
        except FileTooLarge as error:
            raise GuestFailed(f"{path} is too large to run", cause=error.strerror) from error
        except OSError as error:
            raise GuestFailed(f"{path} cannot be read", cause=error.strerror) from error
        if wasm.startswith(_COMPILED) and wasm[7:8] == _COMPILED_FOR:
            raise GuestFailed(
                f"{path} is compiled code, and run compiles for itself",
                cause="an engine trusts compiled code blindly: it could do all that you can",
                hint="run the .wasm file; wasmbuild compile makes its first run fast",
            )
        return cls(path.name, wasm, read(wasm))

"""How much memory a guest may have.

The engine limits each memory by itself, and how many there are. So the memories that a file defines
share evenly what all of them may have together, and there may be no more than those. A heap of the
engine's garbage collector is limited like one more memory.
"""

from dataclasses import dataclass
from typing import Self

import wasmtime

from wasmbuild.errors import GuestFailed
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import Limits, WasmBinary

__all__ = ["MEMORY_BYTES", "StoreLimits"]

MEMORY_BYTES = 4 * 1024**3
"""What a guest may have unless somebody says otherwise: all that 32 bits can address."""

_TABLE_ELEMENTS = 1024**2
_TABLES = 256


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How many memories a store may have, and how many bytes each of them."""

    memories: int
    bytes_each: int

    @classmethod
    def of(cls, wasm: bytes, binary: WasmBinary, memory_bytes: int, name: str) -> Self:
        """The limits for a file whose memories may have ``memory_bytes`` together.

        Raises GuestFailed when it asks for more from the start.
        """
        memories = _defined(wasm, binary)
        needed = sum(memory.minimum * memory.page_size for memory in memories)
        if needed > memory_bytes:
            raise GuestFailed(
                f"{name} needs more memory than a guest may have",
                cause=f"it starts with {needed} bytes, and the limit is {memory_bytes}",
            )
        return cls(len(memories), memory_bytes // max(1, len(memories)))

    def apply(self, store: wasmtime.Store) -> None:
        """Hold everything in a store to the limits; a guest that grows beyond them is told no."""
        store.set_limits(
            memory_size=self.bytes_each, memories=self.memories, table_elements=_TABLE_ELEMENTS, tables=_TABLES
        )


def _defined(wasm: bytes, binary: WasmBinary) -> list[Limits]:
    """The memories that a file defines, in all of its nested binaries. Raises InvalidWasm."""
    found: list[Limits] = []
    with memoryview(wasm) as whole:
        todo = [(0, binary)]
        while todo:
            start, each = todo.pop()
            imported = sum(item.kind == "memory" for item in each.imports)
            found += each.memories[imported:]
            for section in each.sections:
                if each.kind == "component" and section.kind in {"core module", "component"}:
                    offset = start + section.offset
                    with whole[offset : offset + section.size] as nested:
                        todo.append((offset, read(nested)))
    return found

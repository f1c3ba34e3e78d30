"""How much of what a store may have: the memories of a file, and tables and instances.

Less than the engine would give is counted by ``ledger``, for all memories together. Otherwise the engine
limits each memory by itself, and how many there are: those that a file defines share evenly what all of
them may have together, and there may be no more than those. A heap of the engine's garbage collector is
limited like one more memory.
"""

from typing import TYPE_CHECKING

from wasmbuild.errors import GuestOutOfMemory
from wasmbuild.run.limits import MEMORY_BYTES, GuestLimits
from wasmbuild.run.program import Program
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import Limits, WasmBinary

if TYPE_CHECKING:
    import wasmtime

__all__ = ["StoreLimits"]


class StoreLimits:
    """How many memories a store may have, how many bytes each of them, and the limits of everything else."""

    __slots__ = ("_bytes_each", "_counted", "_limits", "_memories")

    def __init__(self, program: Program, limits: GuestLimits, *, counted: bool = True) -> None:
        """The limits for a file whose memories may have ``limits.memory_bytes`` together.

        Without ``counted`` there is no ledger, and the engine limits each. Raises GuestOutOfMemory when the
        file asks for more from the start.
        """
        memories = _defined(program.wasm, program.binary)
        needed = sum(memory.minimum * memory.page_size for memory in memories)
        if needed > limits.memory_bytes:
            raise GuestOutOfMemory(
                f"{program.name} needs more memory than a guest may have",
                cause=f"it starts with {needed} bytes, and the limit is {limits.memory_bytes}",
                hint=f"--memory {-(-needed // 1024**2)}MiB",
            )
        self._memories = len(memories)
        self._bytes_each = limits.memory_bytes // max(1, len(memories))
        self._counted = counted and limits.memory_bytes < MEMORY_BYTES
        self._limits = limits

    def apply(self, store: "wasmtime.Store") -> None:
        """Hold everything in a store to the limits; a guest that grows beyond them is told no.

        The engine must be made for them (``engine.Settings``).
        """
        store.set_limits(
            memory_size=-1 if self._counted else self._bytes_each,
            memories=-1 if self._counted else self._memories,
            table_elements=self._limits.table_elements,
            tables=self._limits.tables,
            instances=self._limits.instances,
        )
        store.set_epoch_deadline(1)
        if self._limits.fuel is not None:
            store.set_fuel(self._limits.fuel)


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

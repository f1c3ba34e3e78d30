"""Ledger: the memories of a guest that may have less than the engine would give, counted together.

The engine's own limit holds each memory by itself and never says that it held one: the guest is told no,
and most then give up with a trap that looks like any other. Here the memories are the host's, so that a
refusal is known. They are laid out as the engine lays out its own: all that 32 bits address is reserved,
with guards before and after that nobody can touch, and what the guest has of it is made accessible, so
that code may leave out the same checks. Nothing is written here, and nothing moves.
"""

import ctypes
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import wasmtime
from wasmtime import _ffi as ffi  # the package has no other way to this

__all__ = ["REFUSED", "Ledger"]

REFUSED = "the guest may have no more memory"
"""What an instance that would have too much is refused with."""

_PAGE = mmap.PAGESIZE
_FAILED = ctypes.c_void_p(-1).value
_NO_ACCESS = 0
_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


@dataclass(slots=True)
class _Memory:
    """One mapping: where it begins, where the guest's part of it does, and sizes in bytes."""

    mapping: int
    mapped: int
    base: int
    size: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A growth that was not given: what all memories had together then, and would have had. Bytes."""

    used: int
    asked: int


class Ledger:
    """Who has how much; ``refused`` is the largest growth that was asked for and not given.

    Must outlive the stores of the engine whose configuration it was attached to.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.refused: Refusal | None = None
        self._memories: dict[int, _Memory] = {}
        self._last = 0
        # The engine keeps only the addresses of these.
        self._get = ffi.wasmtime_memory_get_callback_t(self._measure)
        self._grow = ffi.wasmtime_memory_grow_callback_t(self._enlarge)
        self._drop = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._release)
        self._new = ffi.wasmtime_new_memory_callback_t(self._create)

    @property
    def used(self) -> int:
        """Bytes that all memories have."""
        return sum(memory.size for memory in self._memories.values())

    def attach(self, config: wasmtime.Config) -> None:
        """Let engines of this configuration ask here for every memory; their code must be ``counted``."""
        creator = ffi.wasmtime_memory_creator_t()
        creator.new_memory = self._new  # type: ignore[assignment]
        ffi.wasmtime_config_host_memory_creator_set(config.ptr(), ctypes.byref(creator))

    def _create(self, _env: int, _type: object, least: int, _most: int, reserved: int, guard: int, made: object) -> int:
        try:
            memory = self._mapped(least, max(reserved, _rounded(least)), _rounded(guard))
        except Exception as error:  # noqa: BLE001 - whatever it was, the engine must not go on
            return _error(str(error))
        self._last += 1
        self._memories[self._last] = memory
        entry = made[0]  # type: ignore[index]
        entry.env, entry.get_memory, entry.grow_memory, entry.finalizer = self._last, self._get, self._grow, self._drop
        return 0

    def _mapped(self, least: int, capacity: int, guard: int) -> _Memory:
        if not self._grants(least):
            raise MemoryError(REFUSED)
        whole = guard + capacity + guard
        start = _libc().map(None, whole, _NO_ACCESS, _ANONYMOUS, -1, 0)
        if start in {None, _FAILED}:
            raise MemoryError("no address space is left for a memory")
        memory = _Memory(start, whole, start + guard, 0, capacity)
        if not _accessible(memory, least):
            _libc().unmap(start, whole)
            raise MemoryError("the machine has no memory left")
        return memory

    def _measure(
        self, key: int, size: "ctypes._Pointer[ctypes.c_size_t]", most: "ctypes._Pointer[ctypes.c_size_t]"
    ) -> int:
        memory = self._memories[key]
        size[0], most[0] = memory.size, memory.capacity
        return memory.base

    def _enlarge(self, key: int, size: int) -> int:
        memory = self._memories[key]
        if not self._grants(size - memory.size) or size > memory.capacity:
            return _error(REFUSED)
        return 0 if _accessible(memory, size) else _error("the machine has no memory left")

    def _grants(self, more: int) -> bool:
        used = self.used
        if used + more <= self.most:
            return True
        if self.refused is None or used + more > self.refused.asked:
            self.refused = Refusal(used, used + more)
        return False

    def _release(self, key: int) -> None:
        memory = self._memories.pop(key)
        _libc().unmap(memory.mapping, memory.mapped)


def _accessible(memory: _Memory, size: int) -> bool:
    """Give a memory its size; what it has keeps its content, what is new is zero."""
    if size and _libc().protect(memory.base, _rounded(size), _READ_WRITE) != 0:
        return False
    memory.size = size
    return True


def _rounded(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _error(message: str) -> int:
    """An error that the engine takes and frees."""
    return int(ctypes.cast(wasmtime.WasmtimeError(message)._consume(), ctypes.c_void_p).value or 0)  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class _Libc:
    map: Callable[..., int | None]
    protect: Callable[[int, int, int], int]
    unmap: Callable[[int, int], int]


@cache
def _libc() -> _Libc:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_longlong]
    library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return _Libc(library.mmap, library.mprotect, library.munmap)

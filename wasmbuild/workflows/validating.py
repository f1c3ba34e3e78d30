"""``validate``: who is asked whether a wasm file is valid."""

from dataclasses import dataclass

from wasmbuild.caches import Caches
from wasmbuild.events import Sink
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import Kind
from wasmbuild.workflows.wasmtools import validate

__all__ = ["Validated", "validate_wasm"]


@dataclass(frozen=True, slots=True)
class Validated:
    """A file that is valid, and who says so: ``wasmtime`` or ``wasm-tools``."""

    kind: Kind
    by: str


def validate_wasm(wasm: bytes, *, features: str | None = None, caches: Caches, sink: Sink) -> Validated:
    """Check a module by the engine, a component or given features by ``wasm-tools``.

    Raises InvalidWasm when it is not valid; UsageFailed, ToolchainMissing, ToolFailed.
    """
    kind = read(wasm).kind
    if kind == "module" and features is None:
        from wasmbuild.run.validation import check_module  # noqa: PLC0415  (a component needs no engine)

        check_module(wasm)
        return Validated(kind, "wasmtime")
    validate(wasm, features=features, caches=caches, sink=sink)
    return Validated(kind, "wasm-tools")

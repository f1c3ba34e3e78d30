"""What only ``wasm-tools`` knows of a wasm file: its WIT, its text, and whether a component is valid.

The file is somebody else's and the tool is native code: it runs in the sandbox of builds. What it says
is bounded, and made safe to show. Not here: what ``wasmbuild.wasm`` reads by itself.
"""

import json
import re
from pathlib import Path
from typing import Any

from registry.files import FileTooLarge, read_regular
from registry.words import printable
from wasmbuild.build.action import Action, Argument
from wasmbuild.caches import Caches
from wasmbuild.errors import InvalidWasm, ToolFailed, UsageFailed
from wasmbuild.events import Sink
from wasmbuild.toolchains.binaries import component_wit, print_text
from wasmbuild.toolchains.binaries import validate as validation
from wasmbuild.wasm.binary import read
from wasmbuild.workflows.workbench import MAX_WRITTEN, Workbench

__all__ = ["INPUT", "content", "refused", "require", "validate", "wat", "wit_json", "wit_text"]

INPUT = "input.wasm"
"""The name that the tool sees the file under; what people know it as may be anything."""

_SECONDS = 60.0
_MAX_TEXT = 256 * 1024**2
_MAX_WIT = 16 * 1024**2
_FEATURES = re.compile(r"-?[a-z0-9][a-z0-9-]*(?:,-?[a-z0-9][a-z0-9-]*)*")
_UNKNOWN_FEATURE = "unknown feature"


def wit_text(file: Path | bytes, *, caches: Caches, sink: Sink, offline: bool = False) -> str:
    """The WIT of a component, made safe for a terminal.

    Raises InvalidWasm for what is not a component, or not a valid one; ToolchainMissing, ToolFailed.
    """
    text = _wit(file, Workbench(caches, sink, offline), json_=False)
    return "\n".join(printable(line, 6 * len(line)) for line in text.splitlines())


def wit_json(file: Path | bytes, *, caches: Caches, sink: Sink, offline: bool = False) -> dict[str, Any]:
    """The WIT of a component as ``wasm-tools`` writes it: worlds, interfaces, types and packages, by index.

    Raises as :func:`wit_text`.
    """
    try:
        found = json.loads(_wit(file, Workbench(caches, sink, offline), json_=True))
    except (ValueError, RecursionError) as error:
        raise ToolFailed("wasm-tools wrote WIT that cannot be read", cause=str(error)[:200]) from error
    if not isinstance(found, dict):
        raise ToolFailed("wasm-tools wrote WIT that cannot be read", cause="it is not an object")
    return found


def wat(file: Path | bytes, *, caches: Caches, sink: Sink, offline: bool = False) -> str:
    """The text format of a module or component, of at most 256 MiB.

    Raises InvalidWasm, ToolchainMissing; ToolFailed, also for more text than that.
    """
    wasm = content(file)
    read(wasm)  # the tool would also take text for a module
    output = "output.wat"
    action = _action("print", print_text(INPUT, output), output)
    text = _made(Workbench(caches, sink, offline), action, wasm, output, _MAX_TEXT).decode("utf-8", "replace")
    return text.removesuffix("\n")


def validate(
    file: Path | bytes, *, caches: Caches, sink: Sink, features: str | None = None, offline: bool = False
) -> None:
    """Insist that a module or a component is valid by the specification, nested binaries included.

    ``features`` are those of ``wasm-tools validate --features``. Raises InvalidWasm in the tool's words, UsageFailed
    for a feature that there is not, ToolchainMissing, ToolFailed.
    """
    if features is not None and not _FEATURES.fullmatch(features):
        raise UsageFailed(
            f"{features[:60]!r} is not a list of features",
            hint="for instance: --features simd,-threads; or all, mvp, wasm1, wasm2, wasm3",
        )
    wasm = content(file)
    read(wasm)
    worked = Workbench(caches, sink, offline).perform(
        _action("validate", validation(INPUT, features)), {INPUT: wasm}, seconds=_SECONDS
    )
    if worked.refusal is None:
        return
    if _UNKNOWN_FEATURE in worked.refusal:
        raise UsageFailed("--features names one that wasm-tools does not know", cause=worked.refusal)
    raise refused("the file is not valid WebAssembly", worked.refusal)


def content(file: Path | bytes) -> bytes:
    """The bytes of a file. Raises UsageFailed when it cannot be read, InvalidWasm when it is far too large."""
    if isinstance(file, bytes):
        return file
    try:
        return read_regular(file, MAX_WRITTEN)
    except FileTooLarge as error:
        raise InvalidWasm(f"{file} is too large", cause=error.strerror) from error
    except OSError as error:
        raise UsageFailed(f"{file} cannot be read", cause=error.strerror) from error


def require(wasm: bytes, kind: str, hint: str) -> None:
    """Insist on a ``module`` or a ``component``. Raises InvalidWasm, which says what it is instead."""
    found = read(wasm).kind
    if found != kind:
        raise InvalidWasm(f"the file is a {found}, and this needs a {kind}", hint=hint)


def refused(what: str, said: str) -> InvalidWasm:
    """The error for a file that the tool does not take; its words without its program's name."""
    return InvalidWasm(what, cause="\n".join(printable(line.removeprefix("error: ")) for line in said.splitlines()))


def _wit(file: Path | bytes, bench: Workbench, *, json_: bool) -> str:
    wasm = content(file)
    require(wasm, "component", "a module has no WIT; its imports and exports are in: wasmbuild inspect FILE")
    output = "output.json" if json_ else "output.wit"
    action = _action("wit", component_wit(INPUT, output, json=json_), output)
    return _made(bench, action, wasm, output, _MAX_WIT).decode("utf-8", "replace")


def _made(bench: Workbench, action: Action, wasm: bytes, output: str, most: int) -> bytes:
    worked = bench.perform(action, {INPUT: wasm}, seconds=_SECONDS, most=most)
    if worked.refusal is not None:
        raise refused("wasm-tools does not understand the file", worked.refusal)
    return worked.files[output]


def _action(name: str, argv: tuple[Argument, ...], *outputs: str) -> Action:
    return Action(name=name, tool="wasm-tools", argv=argv, outputs=outputs)

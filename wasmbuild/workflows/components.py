"""Components and modules, one made of the other: ``component new`` and ``component unbundle``.

The work is that of ``wasm-tools``; what is decided here is how it is asked, by what a module exports.
Not here: what a build does of itself (``wasmbuild.toolchains.finish``), and WIT (``wasmtools``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.files import open_regular, storage_errors, write_atomically
from wasmbuild.build.action import Action, Argument, Place
from wasmbuild.errors import InvalidWasm, TargetExists, UsageFailed
from wasmbuild.toolchains.binaries import (
    ADAPTED,
    AdapterKind,
    adapter,
    component_embed,
    component_new,
    component_unbundle,
)
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import WasmBinary
from wasmbuild.workflows.wasmtools import INPUT, content, refused, require
from wasmbuild.workflows.workbench import Workbench

__all__ = ["THRESHOLD", "Unbundled", "new_component", "unbundle"]

THRESHOLD = 0
"""Bytes: smaller modules stay where they are; none does, unless somebody says so."""

_SECONDS = 120.0
_OUTPUT = "component.wasm"
_EMBEDDED = "component-type"
_MAX_WIT_FILES = 1000
_MAX_WIT_BYTES = 16 * 1024**2
_BROUGHT: dict[str, AdapterKind] = {"command": "command", "reactor": "reactor"}
_NAMED_ADAPTER = re.compile(r"([A-Za-z0-9_:@./-]{1,200})=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unbundled:
    """What came out of a component: files by name, with their sizes in bytes."""

    folder: Path
    files: tuple[tuple[str, int], ...]


def new_component(
    module: bytes, bench: Workbench, *, adapt: Sequence[str] = (), wit: Path | None = None, world: str | None = None
) -> bytes:
    """Make a component of a core module.

    ``adapt`` are ``command``, ``reactor``, or ``NAME=FILE``; without one, imports of WASI 0.1 get the adapter that
    goes with what the module exports. ``wit`` is a folder or a file that says what a library's exports mean.
    Raises UsageFailed; InvalidWasm for what is not a module, or in the tool's words; ToolchainMissing, ToolFailed.
    """
    require(module, "module", "it is one already; what it is made of comes out with: wasmbuild component unbundle")
    if world is not None and wit is None:
        raise UsageFailed("--world is of no use without --wit", hint="--wit FOLDER --world WORLD")
    binary = read(module)
    if wit is not None:
        module = _embed(module, wit, world, bench)
    elif not _is_command(binary) and not _says_what_it_is(binary):
        raise InvalidWasm(
            "a library becomes a component by its WIT, and there is none",
            cause="it exports no _start, and has no section component-type",
            hint="--wit FOLDER, and --world WORLD where the WIT has several",
        )
    adapters, files = _adapters(binary, adapt)
    action = _action("component new", component_new(INPUT, adapters, _OUTPUT))
    return _made(bench, action, {INPUT: module, **files})


def unbundle(component: bytes, folder: Path, bench: Workbench, *, threshold: int = THRESHOLD) -> Unbundled:
    """Take the core modules of more than ``threshold`` bytes out of a component, into a folder that is empty.

    What is left of the component imports them, by the names of their files. Raises TargetExists, InvalidWasm,
    ToolchainMissing, ToolFailed, StorageFailed.
    """
    require(component, "component", "a module has nothing to take out; a component is made by: wasmbuild component new")
    with storage_errors(f"{folder} cannot be used"):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise TargetExists(f"{folder} is not an empty folder", hint="-o NEW_FOLDER")
    action = _action("component unbundle", component_unbundle(INPUT, threshold, _OUTPUT))
    worked = bench.perform(action, {INPUT: component}, seconds=_SECONDS)
    if worked.refusal is not None:
        raise refused("the component could not be taken apart", worked.refusal)
    with storage_errors(f"{folder} could not be written"):
        folder.mkdir(parents=True, exist_ok=True)
    # The component comes last: where it is, everything is.
    names = sorted(worked.files, key=lambda name: (name == _OUTPUT, len(name), name))
    for name in names:
        write_atomically(folder / name, worked.files[name])
    return Unbundled(folder, tuple((name, len(worked.files[name])) for name in names))


def _is_command(binary: WasmBinary) -> bool:
    return any(export.name == "_start" and export.kind == "function" for export in binary.exports)


def _says_what_it_is(binary: WasmBinary) -> bool:
    return any((section.name or "").startswith(_EMBEDDED) for section in binary.sections)


def _embed(module: bytes, wit: Path, world: str | None, bench: Workbench) -> bytes:
    files = {f"wit/{path}": text for path, text in _wit_files(wit).items()}
    action = _action("component embed", component_embed("wit", world, INPUT, _OUTPUT))
    return _made(bench, action, {INPUT: module, **files})


def _wit_files(wit: Path) -> dict[str, bytes]:
    """The WIT below a folder, or in a file, by its path; links are not followed."""
    try:
        paths = [wit] if wit.is_file() else [path for path in sorted(wit.rglob("*.wit")) if not path.is_symlink()]
        found: dict[str, bytes] = {}
        left = _MAX_WIT_BYTES
        for path in paths[: _MAX_WIT_FILES + 1]:
            with open_regular(path) as file:
                text = file.read(left + 1)
            left -= len(text)
            found[path.name if path == wit else path.relative_to(wit).as_posix()] = text
            if left < 0 or len(found) > _MAX_WIT_FILES:
                raise UsageFailed(f"{wit} has more WIT than {_MAX_WIT_FILES} files or {_MAX_WIT_BYTES} bytes")
    except OSError as error:
        raise UsageFailed(f"{error.filename or wit} cannot be read", cause=error.strerror) from error
    if not found:
        raise UsageFailed(f"{wit} has no WIT", hint="a folder of .wit files, packages that they use below deps/")
    return found


def _adapters(binary: WasmBinary, adapt: Sequence[str]) -> tuple[list[tuple[str, str | Place]], dict[str, bytes]]:
    """What replaces modules of imports: the adapters' names and files, and the content of those of the user's."""
    if not adapt:
        kind: AdapterKind = "command" if _is_command(binary) else "reactor"
        needed = any(item.module == ADAPTED for item in binary.imports)
        return ([(ADAPTED, adapter(kind))] if needed else []), {}
    adapters: list[tuple[str, str | Place]] = []
    files: dict[str, bytes] = {}
    for number, word in enumerate(adapt):
        if word in _BROUGHT:
            adapters.append((ADAPTED, adapter(_BROUGHT[word])))
            continue
        name, file = _named_adapter(word)
        staged = f"adapter{number}.wasm"
        files[staged] = content(file)
        require(files[staged], "module", "an adapter is a core module")
        adapters.append((name, staged))
    if len({name for name, _ in adapters}) < len(adapters):
        raise UsageFailed("two adapters replace the same imports", hint="--adapt once for each module of imports")
    return adapters, files


def _named_adapter(word: str) -> tuple[str, Path]:
    found = _NAMED_ADAPTER.fullmatch(word)
    if found is None:
        other = "wasmbuild brings none for proxy: reactor serves HTTP, too" if word == "proxy" else None
        raise UsageFailed(
            f"{word[:60]!r} is not an adapter", cause=other, hint=f"--adapt command, reactor, or {ADAPTED}=FILE"
        )
    return found[1], Path(found[2])


def _made(bench: Workbench, action: Action, inputs: Mapping[str, bytes]) -> bytes:
    worked = bench.perform(action, inputs, seconds=_SECONDS)
    if worked.refusal is not None:
        raise refused("no component can be made of the module", worked.refusal)
    return worked.files[_OUTPUT]


def _action(name: str, argv: tuple[Argument, ...]) -> Action:
    return Action(name=name, tool="wasm-tools", argv=argv, outputs=(_OUTPUT,))

"""What a wasm file is for: its role, the standard world that it targets, and the levels of WASI that it speaks.

Read off the names of imports and exports alone: WASI 0.1 by module, WASI 0.2 and 0.3 by the interfaces and
worlds of their WIT. A version that none of these has is named and never guessed at. Not here: what may be
asked for (``capabilities``), what is allowed (``run``), and WIT.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from wasmbuild.wasm.model import WasmBinary

__all__ = ["PREVIEW1_MODULES", "Role", "WasiLevel", "release_of", "role", "target_world", "wasi_level"]

Role = Literal["command", "proxy", "service", "middleware", "reactor", "library"]

PREVIEW1_MODULES = {"wasi_unstable": "0.0", "wasi_snapshot_preview1": "0.1"}
"""The modules of WASI before components, and their levels."""

_PREVIEWS = "wasi_snapshot_"
_PACKAGES = frozenset({"cli", "clocks", "filesystem", "http", "io", "random", "sockets"})
_COMPONENT_LEVELS = ("0.2", "0.3")
_KNOWN = frozenset({*PREVIEW1_MODULES.values(), *_COMPONENT_LEVELS})

_BY_EXPORT: tuple[tuple[str, str, Role], ...] = (
    ("wasi:cli/run", "0.2", "command"),
    ("wasi:cli/run", "0.3", "command"),
    ("wasi:http/incoming-handler", "0.2", "proxy"),
    ("wasi:http/handler", "0.3", "service"),
)
_HANDLER = ("wasi:http/handler", "0.3")
_WORLDS = {
    "command": "wasi:cli/command",
    "proxy": "wasi:http/proxy",
    "service": "wasi:http/service",
    "middleware": "wasi:http/middleware",
}
_COMMAND = ("cli", "clocks", "filesystem", "random", "sockets")
_SERVICE = ("cli/stderr", "cli/stdin", "cli/stdout", "cli/types", "clocks", "http/client", "http/types", "random")
_PROXY = """
    cli/stderr cli/stdin cli/stdout clocks/monotonic-clock clocks/wall-clock http/outgoing-handler http/types
    io/error io/poll io/streams random/random
"""
_OFFERED = {
    ("command", "0.2"): (*_COMMAND, "io"),
    ("command", "0.3"): _COMMAND,
    ("proxy", "0.2"): tuple(_PROXY.split()),
    ("service", "0.3"): _SERVICE,
    ("middleware", "0.3"): (*_SERVICE, "http/handler"),
}


def release_of(version: str) -> str:
    """The level that a version of an interface belongs to: ``0.2`` for ``0.2.12``; as it is where there is none."""
    numbers = version.partition("-")[0].split(".")
    return ".".join(numbers[:2])


@dataclass(frozen=True, slots=True)
class WasiLevel:
    """The levels of WASI that a file speaks, sorted, and the versions that it names, as they stand there.

    ``wasi_unstable`` is 0.0, ``wasi_snapshot_preview1`` is 0.1; their versions are the names of these modules.
    """

    levels: tuple[str, ...]
    versions: tuple[str, ...]

    @property
    def unknown(self) -> tuple[str, ...]:
        """The levels that we know nothing of."""
        return tuple(level for level in self.levels if level not in _KNOWN)

    def __str__(self) -> str:
        named = [f"{level} (not known)" if level in self.unknown else level for level in self.levels]
        return " and ".join(named) or "none"


def wasi_level(binary: WasmBinary) -> WasiLevel:
    """Which WASI a file speaks: imports and, of a component, exports, of the packages that WASI's releases have.

    Proposals (``wasi:keyvalue``) have versions of their own and say nothing. A name without a version is
    of no level.
    """
    found = set(_levels(binary))
    return WasiLevel(tuple(sorted({level for level, _ in found})), tuple(sorted({version for _, version in found})))


def role(binary: WasmBinary) -> Role:
    """What a file is to whoever runs it.

    A module with ``_start`` is a command, one with ``_initialize`` a reactor. A component is what its export
    makes it (``wasi:cli/run``, ``wasi:http/incoming-handler``, ``wasi:http/handler``), of the levels that are
    known. Everything else is a library, or, if it is a component that needs WASI, a reactor.
    """
    if binary.kind == "module":
        functions = {export.name for export in binary.exports if export.kind == "function"}
        return "command" if "_start" in functions else "reactor" if "_initialize" in functions else "library"
    exported = _exported_role(binary)
    if exported is not None:
        return exported[0]
    return "reactor" if any(_interface(name) is not None for name in binary.import_names) else "library"


def target_world(binary: WasmBinary) -> str | None:
    """``wasi:cli/command@…``, ``wasi:http/proxy@…``, ``…/service@…`` or ``…/middleware@…``, if a component fits it.

    It fits when it exports what the world exports and imports nothing that the world does not offer, in
    versions of one level. The version is that of the export.
    """
    exported = _exported_role(binary) if binary.kind == "component" else None
    if exported is None:
        return None
    found, level, version = exported
    offered = _OFFERED[found, level]
    if all(_offers(offered, level, name) for name in binary.import_names):
        return f"{_WORLDS[found]}@{version}"
    return None


def _exported_role(binary: WasmBinary) -> tuple[Role, str, str] | None:
    exports = dict.fromkeys(_split(name) for name in binary.export_names)
    imports = {(name, release_of(version)) for name, version in map(_split, binary.import_names)}
    for name, level, found in _BY_EXPORT:
        for exported, version in exports:
            if exported == name and release_of(version) == level:
                return ("middleware" if found == "service" and _HANDLER in imports else found), level, version
    return None


def _offers(offered: tuple[str, ...], level: str, name: str) -> bool:
    interface, version = _split(name)
    package, _, _ = interface.partition("/")
    wanted = interface.removeprefix("wasi:"), package.removeprefix("wasi:")
    return interface.startswith("wasi:") and release_of(version) == level and any(each in offered for each in wanted)


def _levels(binary: WasmBinary) -> Iterator[tuple[str, str]]:
    for wanted in binary.imports:
        module = wanted.module
        if module in PREVIEW1_MODULES:
            yield PREVIEW1_MODULES[module], module
        elif module is not None and module.startswith(_PREVIEWS):
            yield module, module
        elif version := _interface(wanted.name if module is None else module):
            yield release_of(version), version
    for export in binary.exports if binary.kind == "component" else ():
        if version := _interface(export.name):
            yield release_of(version), version


def _interface(name: str) -> str | None:
    """The version of an interface of WASI's releases, empty where it names none; None for everything else."""
    interface, version = _split(name)
    package, slash, _ = interface.partition("/")
    space, _, package = package.partition(":")
    return version if slash and space == "wasi" and package in _PACKAGES else None


def _split(name: str) -> tuple[str, str]:
    interface, _, version = name.partition("@")
    return interface, version

"""What the engine, wasmtime 50 from Python, offers of WASI, and the reason why it does not offer the rest.

Known before anything is compiled, so that a person reads a reason and not a linker's complaint. Not
here: what a guest is granted (``wasmbuild.run.deciding.decision``).
"""

import re

from wasmbuild.wasm.capabilities import capability_of
from wasmbuild.wasm.model import Import, WasmBinary

__all__ = ["NO_HOSTS", "NO_SOCKETS", "unable", "unable_to_export"]

NO_SOCKETS = "the engine gives no guest TCP, UDP or the names of hosts"
NO_HOSTS = "the engine sends a guest's HTTP requests to every host or to none: it cannot tell hosts apart"

_PREVIEW1 = "wasi_snapshot_preview1"
_INTERFACES = {
    "cli": "environment exit stderr stdin stdout terminal-input terminal-output "
    "terminal-stderr terminal-stdin terminal-stdout",
    "clocks": "monotonic-clock wall-clock",
    "filesystem": "preopens types",
    "http": "outgoing-handler types",
    "io": "error poll streams",
    "random": "insecure insecure-seed random",
    "sockets": "instance-network ip-name-lookup network tcp tcp-create-socket udp udp-create-socket",
}
"""Of WASI 0.2, in any patch version (crates wasmtime-wasi and wasmtime-wasi-http, release 50)."""

_OFFERED = frozenset(f"wasi:{package}/{name}" for package, names in _INTERFACES.items() for name in names.split())
_VERSION = re.compile(r"(\d{1,9}\.\d{1,9})\.\d{1,9}(-.*)?", re.DOTALL)


def unable(wanted: Import) -> str | None:
    """Why the engine cannot give an import, whatever is granted; None when it can, and for what is not of WASI."""
    if (wanted.module, wanted.name) == ("wasi", "thread-spawn"):
        return "the engine starts no threads for a guest"
    if wanted.module is not None:
        return None if wanted.module == _PREVIEW1 else _in_module(wanted)
    interface, _, version = wanted.name.partition("@")
    if capability_of(Import(None, interface, wanted.kind)) is None:
        return None
    return _level(version) or _interface(interface)


def unable_to_export(binary: WasmBinary) -> str | None:
    """Why the engine cannot call what a component offers; None when it can, and for what is not of WASI."""
    found = [name for name in binary.export_names if name.startswith("wasi:")] if binary.kind == "component" else []
    reasons = [_level(name.partition("@")[2]) for name in found]
    return reasons[0] if reasons and None not in reasons else None


def _interface(interface: str) -> str | None:
    if interface in _OFFERED:
        return None
    if interface == "wasi:cli/run":
        return "it is to be composed with another program, and the engine has none to link it with"
    return f"the engine does not offer {interface} of WASI 0.2"


def _level(version: str) -> str | None:
    match = _VERSION.fullmatch(version)
    if match is None:
        return "it says no version of WASI, and the engine has 0.2"
    if match[1] == "0.2" and not match[2]:
        return None
    draft = ", a draft" if match[2] else ""
    return f"it is of WASI {match[1]}{draft}, and the engine runs WASI 0.1 and 0.2"


def _in_module(wanted: Import) -> str | None:
    if wanted.module == "wasi_unstable":
        return "it is of WASI before 0.1 (wasi_unstable), and the engine runs WASI 0.1 and 0.2"
    if capability_of(wanted) is not None:
        return "it is of WASI 0.2 or newer in a core module, which only a component can use"
    return None

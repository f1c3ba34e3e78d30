"""Capabilities: what a wasm file may ask for, in words that people and policies use, and who allows it.

The one table from imports to capabilities, and the one parser of ``[capabilities]``, for builds, for
``run`` and for trust policies. WASI 0.1 by function (witx of ``wasi_snapshot_preview1``), WASI 0.2 and 0.3
by interface (their WIT). Everything else is foreign, other proposals of WASI included.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from wasmbuild.tables import Table, closest
from wasmbuild.wasm.model import Import, WasmBinary
from wasmbuild.wasm.world import PREVIEW1_MODULES, release_of

__all__ = [
    "CAPABILITIES",
    "NOTHING_ASKED",
    "Asked",
    "Capability",
    "CapabilityPolicy",
    "Denied",
    "asked",
    "capability_of",
    "parse_capabilities",
]

Risk = Literal["none", "low", "high"]


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that a guest may be able to do; ``words`` follow "it".

    ``risk`` is ``none`` for what reaches nothing outside the guest that it was not handed anyway: that is
    always allowed. It is ``high`` for what can take data out, or read what may be secret.
    """

    name: str
    words: str
    risk: Risk


CAPABILITIES = {
    capability.name: capability
    for capability in (
        Capability("arguments", "reads its arguments", "low"),
        Capability("clocks", "reads the time", "low"),
        Capability("command", "runs another program that it is composed with", "low"),
        Capability("environment", "reads environment variables", "high"),
        Capability("exit", "ends itself", "none"),
        Capability("filesystem", "reads and writes files", "high"),
        Capability("http", "sends HTTP requests", "high"),
        Capability("name-lookup", "looks up host names", "high"),
        Capability("poll", "waits", "none"),
        Capability("random", "draws random numbers", "low"),
        Capability("sockets", "opens and uses TCP and UDP sockets", "high"),
        Capability("stdio", "reads standard input, and writes standard output and standard error", "low"),
        Capability("streams", "moves bytes and HTTP messages through what it was handed", "none"),
        Capability("threads", "starts threads", "low"),
    )
}
"""Every capability by its name, sorted."""

NOTHING_ASKED = "asks for nothing"
"""What to say of a file without imports: it computes, and that is all."""

_FOREIGN = "needs what is not of any WASI that is known, and what its host has to provide"
_PREVIEW1 = {
    "arguments": "args_get args_sizes_get",
    "clocks": "clock_res_get clock_time_get",
    "environment": "environ_get environ_sizes_get",
    "exit": "proc_exit proc_raise",
    "filesystem": """
        fd_advise fd_allocate fd_datasync fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size
        fd_filestat_set_times fd_pread fd_prestat_dir_name fd_prestat_get fd_pwrite fd_readdir fd_renumber
        fd_sync fd_tell path_create_directory path_filestat_get path_filestat_set_times path_link path_open
        path_readlink path_remove_directory path_rename path_symlink path_unlink_file
    """,
    "poll": "poll_oneoff sched_yield",
    "random": "random_get",
    "sockets": "sock_accept sock_recv sock_send sock_shutdown",
    # What C's library does with stdin and stdout; a file has to be opened first, by path_open.
    "stdio": "fd_close fd_fdstat_get fd_fdstat_set_flags fd_read fd_seek fd_write",
}
_INTERFACES = {
    "clocks": "clocks/monotonic-clock clocks/system-clock clocks/timezone clocks/types clocks/wall-clock",
    "command": "cli/run",
    "environment": "cli/environment",
    "exit": "cli/exit",
    "filesystem": "filesystem/preopens filesystem/types",
    "http": "http/client http/handler http/incoming-handler http/outgoing-handler",
    "name-lookup": "sockets/ip-name-lookup",
    "poll": "io/poll",
    "random": "random/insecure random/insecure-seed random/random",
    "sockets": """
        sockets/instance-network sockets/network sockets/tcp sockets/tcp-create-socket sockets/types
        sockets/udp sockets/udp-create-socket
    """,
    "stdio": """
        cli/stderr cli/stdin cli/stdout cli/terminal-input cli/terminal-output cli/terminal-stderr
        cli/terminal-stdin cli/terminal-stdout
    """,
    "streams": "cli/types http/types io/error io/streams",
}
_BY_FUNCTION = {function: CAPABILITIES[name] for name, said in _PREVIEW1.items() for function in said.split()}
_BY_INTERFACE = {f"wasi:{each}": CAPABILITIES[name] for name, said in _INTERFACES.items() for each in said.split()}
_RELEASES = ("0.2", "0.3")
_THREADS = ("wasi", "thread-spawn")


def capability_of(wanted: Import) -> Capability | None:
    """The capability that an import belongs to, in any version of WASI 0.2 and 0.3; None for what is foreign.

    So are versions of WASI that we know nothing of: what is in them is not ours to guess.
    ``wasi:cli/environment`` also gives arguments away, in one interface: it is ``environment``.
    """
    if wanted.module in PREVIEW1_MODULES:
        return _BY_FUNCTION.get(wanted.name)
    if (wanted.module, wanted.name) == _THREADS:
        return CAPABILITIES["threads"]
    interface, at, version = (wanted.name if wanted.module is None else wanted.module).partition("@")
    if at and release_of(version) not in _RELEASES:
        return None
    return _BY_INTERFACE.get(interface)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a file asks for, and the imports that say so, each once, sorted; None is for foreign ones."""

    capability: Capability | None
    imports: tuple[Import, ...]

    @property
    def words(self) -> str:
        """What it does with them; "it" goes before."""
        return self.capability.words if self.capability else _FOREIGN


def asked(binary: WasmBinary) -> tuple[Asked, ...]:
    """What a file asks for: its imports by capability, these sorted by name, and foreign ones last."""
    found: dict[str, list[Import]] = {}
    for wanted in {str(each): each for each in sorted(binary.imports, key=str)}.values():
        capability = capability_of(wanted)
        found.setdefault(capability.name if capability else "", []).append(wanted)
    names = [name for name in CAPABILITIES if name in found] + [""] * ("" in found)
    return tuple(Asked(CAPABILITIES.get(name), tuple(found[name])) for name in names)


@dataclass(frozen=True, slots=True)
class Denied:
    """An import that nobody allows; ``capability`` is None for a foreign one."""

    wanted: Import
    capability: Capability | None

    def __str__(self) -> str:
        return f"{self.wanted} ({self.capability.name if self.capability else _stranger(self.wanted)})"


@dataclass(frozen=True, slots=True)
class CapabilityPolicy:
    """What a file may import: names of capabilities, and foreign imports by name or with ``*`` for any characters.

    A name without a version stands for every version.
    """

    allow: frozenset[str]
    imports: tuple[str, ...] = ()

    def denied(self, binary: WasmBinary) -> tuple[Denied, ...]:
        """The imports of a file that this does not allow, each once, sorted by what they are called."""
        return self.denied_of(binary.imports)

    def denied_of(self, imports: Iterable[Import]) -> tuple[Denied, ...]:
        """The same of imports without their file."""
        distinct = {str(wanted): wanted for wanted in sorted(imports, key=str)}
        found = (Denied(wanted, capability_of(wanted)) for wanted in distinct.values())
        return tuple(each for each in found if not self._allows(each))

    def _allows(self, asked: Denied) -> bool:
        if asked.capability is not None:
            return asked.capability.risk == "none" or asked.capability.name in self.allow
        name = str(asked.wanted)
        names = {name, name.partition("@")[0]} if asked.wanted.module is None else {name}
        return any(_fits(pattern, each) for pattern in self.imports for each in names)


def parse_capabilities(table: Table) -> CapabilityPolicy:
    """Read ``[capabilities]``: ``allow`` and ``imports``. An empty one allows nothing.

    Raises InvalidProject for a capability that nobody knows, and for a WASI import where a foreign one belongs.
    """
    table.only(("allow", "imports"))
    allow, imports = table.texts("allow"), table.texts("imports")
    for name in allow:
        if name not in CAPABILITIES:
            guess = closest(name, CAPABILITIES)
            hint = f"did you mean {guess}?" if guess else f"known are {', '.join(CAPABILITIES)}"
            raise table.invalid("allow", f"has {name[:60]!r}, which is not a capability", hint)
    for pattern in imports:
        _check_import(table, pattern)
    return CapabilityPolicy(frozenset(allow), imports)


def _check_import(table: Table, pattern: str) -> None:
    module, separator, name = pattern.rpartition("::")
    capability = capability_of(Import(module if separator else None, name, ""))
    if capability is not None:
        said = f"has {pattern[:60]!r}, which is of WASI"
        raise table.invalid("imports", said, f'allow = ["{capability.name}"]')
    if not pattern:
        raise table.invalid("imports", "has an empty name")


def _stranger(wanted: Import) -> str:
    interface = (wanted.name if wanted.module is None else wanted.module).partition("@")[0]
    return "of a version of WASI that is not known" if interface in _BY_INTERFACE else "not of WASI"


def _fits(pattern: str, text: str) -> bool:
    """Whether a text is what a pattern says, in time that grows with their lengths."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for run in middle:
        at = text.find(run, at, end)
        if at < 0:
            return False
        at += len(run)
    return True

import re
import time
from pathlib import Path

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import component

from wasmbuild.errors import InvalidProject
from wasmbuild.tables import parse_table
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.capabilities import (
    CAPABILITIES,
    NOTHING_ASKED,
    CapabilityPolicy,
    asked,
    capability_of,
    parse_capabilities,
)
from wasmbuild.wasm.model import Import, WasmBinary

# The functions of wasi_snapshot_preview1.witx, in its order.
PREVIEW1 = {
    "args_get": "arguments",
    "args_sizes_get": "arguments",
    "environ_get": "environment",
    "environ_sizes_get": "environment",
    "clock_res_get": "clocks",
    "clock_time_get": "clocks",
    "fd_advise": "filesystem",
    "fd_allocate": "filesystem",
    "fd_close": "stdio",
    "fd_datasync": "filesystem",
    "fd_fdstat_get": "stdio",
    "fd_fdstat_set_flags": "stdio",
    "fd_fdstat_set_rights": "filesystem",
    "fd_filestat_get": "filesystem",
    "fd_filestat_set_size": "filesystem",
    "fd_filestat_set_times": "filesystem",
    "fd_pread": "filesystem",
    "fd_prestat_get": "filesystem",
    "fd_prestat_dir_name": "filesystem",
    "fd_pwrite": "filesystem",
    "fd_read": "stdio",
    "fd_readdir": "filesystem",
    "fd_renumber": "filesystem",
    "fd_seek": "stdio",
    "fd_sync": "filesystem",
    "fd_tell": "filesystem",
    "fd_write": "stdio",
    "path_create_directory": "filesystem",
    "path_filestat_get": "filesystem",
    "path_filestat_set_times": "filesystem",
    "path_link": "filesystem",
    "path_open": "filesystem",
    "path_readlink": "filesystem",
    "path_remove_directory": "filesystem",
    "path_rename": "filesystem",
    "path_symlink": "filesystem",
    "path_unlink_file": "filesystem",
    "poll_oneoff": "poll",
    "proc_exit": "exit",
    "proc_raise": "exit",
    "sched_yield": "poll",
    "random_get": "random",
    "sock_accept": "sockets",
    "sock_recv": "sockets",
    "sock_send": "sockets",
    "sock_shutdown": "sockets",
}

# The interfaces of WASI 0.2.12 and 0.3.0, by their WIT.
BOTH = {
    "cli/environment": "environment",
    "cli/exit": "exit",
    "cli/run": "command",
    "cli/stdin": "stdio",
    "cli/stdout": "stdio",
    "cli/stderr": "stdio",
    "cli/terminal-input": "stdio",
    "cli/terminal-output": "stdio",
    "cli/terminal-stdin": "stdio",
    "cli/terminal-stdout": "stdio",
    "cli/terminal-stderr": "stdio",
    "clocks/monotonic-clock": "clocks",
    "clocks/timezone": "clocks",
    "filesystem/preopens": "filesystem",
    "filesystem/types": "filesystem",
    "http/types": "streams",
    "random/insecure": "random",
    "random/insecure-seed": "random",
    "random/random": "random",
    "sockets/ip-name-lookup": "name-lookup",
}
ONLY_2 = {
    "clocks/wall-clock": "clocks",
    "http/incoming-handler": "http",
    "http/outgoing-handler": "http",
    "io/error": "streams",
    "io/poll": "poll",
    "io/streams": "streams",
    "sockets/instance-network": "sockets",
    "sockets/network": "sockets",
    "sockets/tcp": "sockets",
    "sockets/tcp-create-socket": "sockets",
    "sockets/udp": "sockets",
    "sockets/udp-create-socket": "sockets",
}
ONLY_3 = {
    "cli/types": "streams",
    "clocks/system-clock": "clocks",
    "clocks/types": "clocks",
    "http/client": "http",
    "http/handler": "http",
    "sockets/types": "sockets",
}
EXPORTED_ONLY = {"cli/run", "http/incoming-handler", "clocks/timezone"}  # timezone: behind a gate in 0.2
INTERFACES = [(f"wasi:{name}@0.2.12", word) for name, word in {**BOTH, **ONLY_2}.items()]
INTERFACES += [(f"wasi:{name}@0.3.0", word) for name, word in {**BOTH, **ONLY_3}.items()]


def named(wanted: Import) -> str | None:
    found = capability_of(wanted)
    return found.name if found else None


def binary_with(*imports: Import) -> WasmBinary:
    return WasmBinary("module", 1, 8, (), imports, ())


def policy(text: str) -> CapabilityPolicy:
    return parse_capabilities(parse_table("wasmbuild.toml", text.encode()).table("capabilities"))


@pytest.mark.parametrize("module", ["wasi_snapshot_preview1", "wasi_unstable"])
@pytest.mark.parametrize(("function", "word"), PREVIEW1.items())
def test_every_function_of_wasi_1(module: str, function: str, word: str) -> None:
    assert named(Import(module, function, "function")) == word


def test_these_are_all_functions_of_wasi_1() -> None:
    assert len(PREVIEW1) == 46
    engine = wasmtime.Engine()
    linker, store = wasmtime.Linker(engine), wasmtime.Store(engine)
    linker.define_wasi()
    for function in PREVIEW1:
        assert linker.get(store, "wasi_snapshot_preview1", function)


@pytest.mark.parametrize(("interface", "word"), INTERFACES)
def test_every_interface_of_wasi_2_and_3(interface: str, word: str) -> None:
    assert named(Import(None, interface, "instance")) == word
    assert named(Import(None, interface.partition("@")[0], "instance")) == word
    assert named(Import(interface, "[method]some.thing", "function")) == word  # a core module that will be a component


@pytest.mark.parametrize(
    "interface", [f"wasi:{name}@0.2.0" for name in {**BOTH, **ONLY_2} if name not in EXPORTED_ONLY]
)
def test_an_engine_knows_these_interfaces(interface: str) -> None:
    engine = wasmtime.Engine()
    with component.Linker(engine) as linker, wasmtime.Store(engine) as store:
        linker.add_wasip2()
        linker.add_wasi_http()
        store.set_wasi(wasmtime.WasiConfig())
        made = component.Component(engine, f'(component (import "{interface}" (instance)))')
        linker.instantiate(store, made)


@pytest.mark.parametrize(
    "wanted",
    [
        Import("env", "abort", "function"),
        Import("env", "fd_write", "function"),
        Import("wasi_snapshot_preview1", "sock_open", "function"),
        Import("wasi", "thread_spawn", "function"),
        Import(None, "wasi:keyvalue/store@0.2.0", "instance"),
        Import(None, "wasi:cli/stdinx", "instance"),
        Import(None, "wasi:cli/stdin@0.9.0", "instance"),
        Import(None, "wasi:cli/stdin@7.0.0", "instance"),
        Import(None, "wasi:cli/stdin@", "instance"),
        Import("wasi:cli/stdin@0.20.0", "get-stdin", "function"),
        Import(None, "acme:cli/stdin@0.2.0", "instance"),
        Import(None, "fd_write", "function"),
        Import(None, "", "function"),
    ],
)
def test_what_is_foreign(wanted: Import) -> None:
    assert capability_of(wanted) is None


def test_threads() -> None:
    assert named(Import("wasi", "thread-spawn", "function")) == "threads"


def test_every_capability_is_that_of_some_import() -> None:
    assert set(CAPABILITIES) == {*PREVIEW1.values(), *(word for _, word in INTERFACES), "threads"}
    assert list(CAPABILITIES) == sorted(CAPABILITIES)


def test_the_page_says_what_the_table_says() -> None:
    page = (Path(__file__).parents[3] / "docs/capabilities.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (none|low|high) \|$", page, re.MULTILINE)
    assert rows == [(each.name, each.words, each.risk) for each in CAPABILITIES.values()]


def test_what_is_not_allowed_is_named_once_in_order() -> None:
    binary = binary_with(
        Import("wasi_snapshot_preview1", "path_open", "function"),
        Import("wasi_snapshot_preview1", "fd_write", "function"),
        Import("env", "abort", "function"),
        Import("env", "abort", "function"),
        Import("wasi_snapshot_preview1", "proc_exit", "function"),
    )
    denied = policy('[capabilities]\nallow = ["stdio"]').denied(binary)
    assert [str(each) for each in denied] == [
        "env::abort (not of WASI)",
        "wasi_snapshot_preview1::path_open (filesystem)",
    ]
    assert policy('[capabilities]\nallow = ["stdio", "filesystem"]\nimports = ["env::abort"]').denied(binary) == ()


def test_a_version_that_nobody_knows_is_said_to_be_one() -> None:
    binary = binary_with(Import(None, "wasi:cli/stdin@7.0.0", "instance"))
    denied = policy('[capabilities]\nallow = ["stdio"]').denied(binary)
    assert [str(each) for each in denied] == ["wasi:cli/stdin@7.0.0 (of a version of WASI that is not known)"]
    assert policy('[capabilities]\nimports = ["wasi:cli/stdin@7.*"]').denied(binary) == ()


@pytest.mark.parametrize("version", ["0.2.0", "0.2.12", "0.2", "0.2.0-rc-2023-11-10", "0.3.0", "0.3.1"])
def test_every_version_of_a_known_level(version: str) -> None:
    assert named(Import(None, f"wasi:cli/stdin@{version}", "instance")) == "stdio"


def test_what_is_asked_for_is_grouped_and_sorted() -> None:
    write = Import("wasi_snapshot_preview1", "fd_write", "function")
    close = Import("wasi_snapshot_preview1", "fd_close", "function")
    open_ = Import("wasi_snapshot_preview1", "path_open", "function")
    memory, abort = Import("env", "memory", "memory"), Import("env", "abort", "function")
    found = asked(binary_with(write, memory, open_, close, abort, write))
    assert [(each.capability and each.capability.name, each.imports) for each in found] == [
        ("filesystem", (open_,)),
        ("stdio", (close, write)),
        (None, (abort, memory)),
    ]
    assert found[0].words == "reads and writes files"
    assert "its host has to provide" in found[2].words


def test_what_imports_nothing_asks_for_nothing() -> None:
    assert asked(binary_with()) == ()
    assert NOTHING_ASKED == "asks for nothing"


@given(st.lists(st.sampled_from([*PREVIEW1, "abort", "other"]), max_size=20))
def test_no_import_is_lost_or_doubled(functions: list[str]) -> None:
    binary = binary_with(*(Import("wasi_snapshot_preview1", function, "function") for function in functions))
    found = [each for group in asked(binary) for each in group.imports]
    assert sorted(map(str, found)) == list(binary.import_names)


def test_no_imports_and_no_risk_always_pass() -> None:
    nothing = policy("[capabilities]")
    assert nothing.denied(binary_with()) == ()
    assert nothing.denied(binary_with(Import("wasi_snapshot_preview1", "proc_exit", "function"))) == ()
    assert nothing.denied(binary_with(Import(None, "wasi:io/streams@0.2.0", "instance"))) == ()
    assert len(nothing.denied(binary_with(Import(None, "wasi:cli/stdout@0.2.0", "instance")))) == 1


def test_a_real_module() -> None:
    module = read(
        wasmtime.wat2wasm('(module (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32))))')
    )
    assert [str(each) for each in policy("[capabilities]").denied(module)] == [
        "wasi_snapshot_preview1::random_get (random)"
    ]
    assert policy('[capabilities]\nallow = ["random"]').denied(module) == ()


@pytest.mark.parametrize(
    ("pattern", "wanted", "allowed"),
    [
        ("env::abort", Import("env", "abort", "function"), True),
        ("env::abort", Import("env", "abortx", "function"), False),
        ("env::*", Import("env", "abort", "function"), True),
        ("env", Import("env", "abort", "function"), False),
        ("*", Import("env", "abort", "function"), True),
        ("*", Import("wasi_snapshot_preview1", "sock_send", "function"), False),
        ("wasi*", Import(None, "wasi:http/outgoing-handler@0.2.0", "instance"), False),
        ("wasi:keyvalue/*", Import(None, "wasi:keyvalue/store@0.2.0", "instance"), True),
        ("acme:kv/store", Import(None, "acme:kv/store@1.2.3", "instance"), True),
        ("acme:kv/store@1.2.3", Import(None, "acme:kv/store@1.2.3", "instance"), True),
        ("acme:kv/store@1.*", Import(None, "acme:kv/store@1.2.3", "instance"), True),
        ("acme:kv/store@2.*", Import(None, "acme:kv/store@1.2.3", "instance"), False),
        ("env::a", Import("env", "a@b", "function"), False),
        ("ab*ba", Import(None, "aba", "function"), False),
        ("a*b*b", Import(None, "axb", "function"), False),
    ],
)
def test_foreign_imports_by_name(pattern: str, wanted: Import, allowed: bool) -> None:
    denied = CapabilityPolicy(frozenset(), (pattern,)).denied(binary_with(wanted))
    assert (denied == ()) == allowed


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_a_pattern_means_what_it_plainly_says(pattern: str, name: str) -> None:
    plain = re.fullmatch(pattern.replace("*", ".*"), name) is not None
    allowed = not CapabilityPolicy(frozenset(), (pattern,)).denied(binary_with(Import(None, name, "function")))
    assert allowed == plain


def test_no_pattern_takes_exponential_time() -> None:
    began = time.process_time()
    binary = binary_with(*(Import("env", "a" * 5000 + str(number), "function") for number in range(100)))
    assert len(CapabilityPolicy(frozenset(), ("*a" * 200 + "b",)).denied(binary)) == 100
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ('allow = ["stdout"]', "line 2.* has 'stdout', which is not a capability", "did you mean stdio"),
        ('allow = ["zzz"]', "which is not a capability", "known are arguments, clocks"),
        ('allow = "stdio"', "must be a list", None),
        ('alow = ["stdio"]', "is not a key", "did you mean allow"),
        ('imports = ["wasi_snapshot_preview1::sock_send"]', "which is of WASI", 'allow = ["sockets"]'),
        ('imports = ["wasi:http/outgoing-handler@0.2.0"]', "which is of WASI", 'allow = ["http"]'),
        ('imports = [""]', "has an empty name", None),
    ],
)
def test_tables_that_cannot_be(text: str, said: str, hint: str | None) -> None:
    with pytest.raises(InvalidProject, match=said) as caught:
        policy(f"[capabilities]\n{text}")
    assert hint is None or hint in str(caught.value.hint)

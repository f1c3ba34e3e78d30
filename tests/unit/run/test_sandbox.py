import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from wasmbuild.errors import GuestFailed, InvalidWasm, UsageFailed
from wasmbuild.run.sandbox import run

WASI = "wasi_snapshot_preview1"


def command(body, imports="", more=""):
    return f'(module {imports} (memory (export "memory") 1) {more} (func (export "_start") {body}))'


def exits(code):
    imports = f'(import "{WASI}" "proc_exit" (func $exit (param i32)))'
    return command(f"i32.const {code} call $exit", imports)


# Writes its last argument to standard output: iovec at 0, argv at 16, argument bytes at 1024.
ECHO = command(
    """
    (drop (call $sizes (i32.const 4) (i32.const 8)))
    (drop (call $get (i32.const 16) (i32.const 1024)))
    (i32.store (i32.const 0)
      (i32.load (i32.add (i32.const 12) (i32.mul (i32.const 4) (i32.load (i32.const 4))))))
    (i32.store (i32.const 4)
      (i32.sub (i32.add (i32.const 1023) (i32.load (i32.const 8))) (i32.load (i32.const 0))))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))""",
    f"""(import "{WASI}" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "{WASI}" "args_get" (func $get (param i32 i32) (result i32)))
        (import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))""",
)

# Copies up to 100 bytes of standard input to standard error.
COPY_BODY = """
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 100))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))"""
COPY_IMPORTS = f"""
    (import "{WASI}" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"""
COPY = command(COPY_BODY, COPY_IMPORTS)

# Exits with the number of environment variables, plus 100 when descriptor 3 is a preopened folder.
LOOKS_AROUND = command(
    """
    (drop (call $environ (i32.const 0) (i32.const 4)))
    (call $exit (i32.add (i32.load (i32.const 0))
      (i32.mul (i32.const 100) (i32.eqz (call $prestat (i32.const 3) (i32.const 8))))))""",
    f"""(import "{WASI}" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
        (import "{WASI}" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (import "{WASI}" "proc_exit" (func $exit (param i32)))""",
)

# Three that say "ready" on standard error and then do not end by themselves.
READY = """
    (i32.store (i32.const 0) (i32.const 900))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))"""
READY_TEXT = '(data (i32.const 900) "ready\\n")'
LOOP = command(READY + "(loop $again (br $again))", COPY_IMPORTS, READY_TEXT)
READ = command(READY + COPY_BODY, COPY_IMPORTS, READY_TEXT)

# poll_oneoff with one relative clock subscription of an hour.
SLEEP = command(
    READY
    + """
    (i32.store8 (i32.const 48) (i32.const 0))
    (i32.store (i32.const 56) (i32.const 1))
    (i64.store (i32.const 64) (i64.const 3600000000000))
    (drop (call $poll (i32.const 40) (i32.const 200) (i32.const 1) (i32.const 300)))""",
    COPY_IMPORTS + f'(import "{WASI}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))',
    READY_TEXT,
)


def component(result, imports=""):
    return f"""(component {imports}
      (core module $m (func (export "run") (result i32) {result}))
      (core instance $i (instantiate $m))
      (func $run (result (result)) (canon lift (core func $i "run")))
      (instance $r (export "run" (func $run)))
      (export "wasi:cli/run@0.2.3" (instance $r)))"""


@pytest.fixture
def guest(tmp_path):
    def write(wat, name="guest.wasm"):
        path = tmp_path / name
        path.write_bytes(wat2wasm(wat) if isinstance(wat, str) else wat)
        return path

    return write


@pytest.mark.parametrize(
    ("code", "expected"), [(0, 0), (1, 1), (125, 125), (126, 126), (255, 255), (256, 0), (-1, 255)]
)
def test_the_exit_code_is_the_guests(guest, code, expected):
    assert run(guest(exits(code)), ["guest"]) == expected


def test_returning_is_success(guest):
    assert run(guest(command("")), []) == 0
    assert run(guest(command("")), [], interruptible=False) == 0


@pytest.mark.parametrize("last", ["Ada", "", "Zoë", "a b"])
def test_arguments_and_standard_output(guest, capfd, last):
    assert run(guest(ECHO), ["guest", "first", last]) == 0
    assert capfd.readouterr().out == last


def test_a_guest_sees_no_environment_and_no_folder(guest, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    assert run(guest(LOOKS_AROUND), ["guest"]) == 0


@pytest.mark.parametrize("argument", ["a\0b", "\udcff"])
def test_arguments_that_a_guest_cannot_take(guest, argument):
    with pytest.raises(UsageFailed, match="argument 1"):
        run(guest(ECHO), ["guest", argument])


def test_a_trap_is_told_in_the_engines_own_words(guest):
    wat = command("call $boom", more="(func $boom (i32.store (i32.const 70000) (i32.const 1)))")
    with pytest.raises(GuestFailed, match=r"guest\.wasm trapped") as caught:
        run(guest(wat), [])
    assert "wasm trap: out of bounds memory access" in caught.value.cause
    assert "boom" in caught.value.cause


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("unreachable", "unreachable"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "divide by zero"),
        ("call 0", "call stack exhausted"),
    ],
)
def test_every_kind_of_trap(guest, body, words):
    with pytest.raises(GuestFailed) as caught:
        run(guest(command(body)), [])
    assert words in caught.value.cause
    assert len(caught.value.cause.splitlines()) <= 21


def test_names_chosen_by_the_guest_are_never_shown_raw(guest):
    with pytest.raises(GuestFailed) as caught:
        run(guest('(module (func (export "\\1b[2J")))'), [])
    assert "\x1b" not in str(caught.value)
    assert "\\x1b[2J" in caught.value.cause


def test_a_library_is_not_a_command_and_says_what_it_is(guest):
    with pytest.raises(GuestFailed, match="not a command") as caught:
        run(guest('(module (func (export "add")) (memory (export "memory") 1))'), [])
    assert caught.value.cause == "it exports add, memory"


def test_an_empty_module_exports_nothing(guest):
    with pytest.raises(GuestFailed) as caught:
        run(guest("(module)"), [])
    assert caught.value.cause == "it exports nothing"


def test_start_must_be_a_function_without_arguments(guest):
    with pytest.raises(GuestFailed, match="not a command"):
        run(guest('(module (memory (export "_start") 1))'), [])
    with pytest.raises(GuestFailed, match="takes arguments"):
        run(guest('(module (func (export "_start") (param i32)))'), [])


def test_an_unknown_import_is_named_before_any_code_runs(guest, capfd):
    wat = ECHO.replace("(module ", '(module (import "env" "launch" (func)) ')
    with pytest.raises(GuestFailed, match="cannot be started") as caught:
        run(guest(wat), ["guest", "seen"])
    assert "env::launch" in caught.value.cause
    assert capfd.readouterr().out == ""


def test_an_import_of_another_type_is_named(guest):
    with pytest.raises(GuestFailed) as caught:
        run(guest(command("", f'(import "{WASI}" "fd_write" (func))')), [])
    assert "fd_write" in caught.value.cause


def test_files_that_are_not_runnable(guest, tmp_path):
    with pytest.raises(InvalidWasm):
        run(guest(b"int main"), [])
    with pytest.raises(GuestFailed, match="cannot be read"):
        run(tmp_path / "missing.wasm", [])
    # Well formed from outside, and invalid within: a function body that is nonsense.
    broken = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x05\x01\x03\0\xff\x0b"
    with pytest.raises(GuestFailed, match="cannot be started"):
        run(guest(broken), [])


@pytest.mark.parametrize(("result", "code"), [("i32.const 0", 0), ("i32.const 1", 1)])
def test_a_component_ends_with_its_result(guest, result, code):
    assert run(guest(component(result)), ["guest"]) == code
    assert run(guest(component(result)), ["guest"], interruptible=False) == code


def test_a_component_that_traps(guest):
    with pytest.raises(GuestFailed, match="trapped") as caught:
        run(guest(component("unreachable")), [])
    assert "unreachable" in caught.value.cause


def test_an_unknown_import_of_a_component_is_named(guest):
    wat = component("i32.const 0", '(import "acme:log/log@1.0.0" (instance (export "write" (func))))')
    with pytest.raises(GuestFailed, match="cannot be started") as caught:
        run(guest(wat), [])
    assert "acme:log/log@1.0.0" in caught.value.cause


def test_a_component_that_is_no_command(guest):
    with pytest.raises(GuestFailed, match="not a command"):
        run(guest("(component)"), [])


def test_a_component_of_wasi_3_is_refused_by_name(guest):
    with pytest.raises(GuestFailed) as caught:
        run(guest(component("i32.const 0").replace("@0.2.3", "@0.3.0")), [])
    assert "WASI 0.3" in caught.value.cause


@pytest.mark.parametrize("wat", [exits(7), component("i32.const 1")], ids=["module", "component"])
def test_a_warm_cache_gives_the_same(guest, tmp_path, wat):
    cache, path = tmp_path / "cache" / "aot", guest(wat)
    notes = []
    first = run(path, ["guest"], cache=cache, notify=notes.append)
    (entry,) = cache.iterdir()
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    written = entry.stat().st_mtime_ns, entry.stat().st_ino
    assert run(path, ["guest"], cache=cache, notify=notes.append) == first
    assert (entry.stat().st_mtime_ns, entry.stat().st_ino) == written
    assert notes == []


def test_settings_and_contents_do_not_share_compiled_code(guest, tmp_path):
    cache = tmp_path / "aot"
    run(guest(exits(1)), [], cache=cache)
    run(guest(exits(2)), [], cache=cache)
    run(guest(exits(2)), [], cache=cache, interruptible=False)
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:100], lambda data: data[:-1] + b"\0\0", lambda data: b"x" * len(data)],
    ids=["empty", "cut", "longer", "nonsense"],
)
def test_damaged_code_is_compiled_again(guest, tmp_path, damage):
    cache, path = tmp_path / "aot", guest(exits(7))
    run(path, [], cache=cache)
    (entry,) = cache.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert run(path, [], cache=cache) == 7
    assert len(entry.read_bytes()) == len(whole)


def test_code_that_the_engine_does_not_take_is_compiled_again(guest, tmp_path):
    from wasmbuild.run.cache import CodeCache

    cache, path = tmp_path / "aot", guest(exits(7))
    run(path, [], cache=cache)
    (entry,) = cache.iterdir()
    whole = entry.read_bytes()
    CodeCache(cache).store(entry.name, b"well sealed, but no code")
    assert run(path, [], cache=cache) == 7
    assert len(entry.read_bytes()) == len(whole)


def test_a_folder_that_others_can_enter_is_not_used(guest, tmp_path):
    cache = tmp_path / "aot"
    cache.mkdir(mode=0o755)
    notes = []
    assert run(guest(exits(7)), [], cache=cache, notify=notes.append) == 7
    assert "only its owner" in notes[0].text
    assert list(cache.iterdir()) == []


def test_a_link_in_place_of_the_folder_is_not_used(guest, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "aot").symlink_to(tmp_path / "real")
    assert run(guest(exits(7)), [], cache=tmp_path / "aot") == 7
    assert list((tmp_path / "real").iterdir()) == []


def test_a_file_in_place_of_the_folder_is_not_used(guest, tmp_path):
    (tmp_path / "aot").write_text("mine")
    notes = []
    assert run(guest(exits(7)), [], cache=tmp_path / "aot", notify=notes.append) == 7
    assert len(notes) == 1


def grows(pages, index="i32"):
    """A guest that exits with 1 when its memory cannot grow by so many pages, else with 0."""
    return f"""(module (import "{WASI}" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") {"i64" if index == "i64" else ""} 1)
      (func (export "_start")
        ({index}.eq (memory.grow ({index}.const {pages})) ({index}.const -1)) call $exit))"""


@pytest.mark.parametrize(("pages", "code"), [(15, 0), (16, 1)])
def test_a_guest_grows_to_the_limit_and_no_further(guest, pages, code):
    assert run(guest(grows(pages)), [], memory_bytes=1024**2) == code


def test_sixty_four_bits_of_address_are_no_way_around_the_limit(guest):
    assert run(guest(grows(65536, "i64")), []) == 1
    assert run(guest(grows(65534, "i64")), []) == 0


def test_memories_share_the_limit(guest):
    wat = grows(8).replace("(func (export", "(memory $other 1) (func (export")
    assert run(guest(wat), [], memory_bytes=1024**2) == 1
    assert run(guest(wat), [], memory_bytes=2 * 1024**2) == 0


@pytest.mark.parametrize(
    "wat",
    [
        command("").replace("1)", "17)", 1),
        command("", more="(memory 16)"),
        component("i32.const 0").replace("(core module $m", "(core module $m (memory 17)"),
        f"""(component {component("i32.const 0").replace("(core module $m", "(core module $m (memory 17)")}
          (instance $i (instantiate 0)) (alias export $i "wasi:cli/run@0.2.3" (instance $r))
          (export "wasi:cli/run@0.2.3" (instance $r)))""",
    ],
    ids=["module", "two memories", "component", "nested component"],
)
def test_a_guest_that_starts_with_more_than_the_limit_is_told_so(guest, wat):
    with pytest.raises(GuestFailed, match="needs more memory than a guest may have") as caught:
        run(guest(wat), [], memory_bytes=1024**2)
    assert caught.value.cause == f"it starts with {17 * 65536} bytes, and the limit is 1048576"
    assert run(guest(wat), [], memory_bytes=4 * 1024**2) == 0


def test_tables_are_limited_too(guest):
    with pytest.raises(GuestFailed, match="cannot be started") as caught:
        run(guest(command("", more="(table 100000000 funcref)")), [])
    assert "table" in caught.value.cause


def test_a_start_function_that_traps_has_trapped(guest):
    with pytest.raises(GuestFailed, match="trapped"):
        run(guest(command("", more="(func $s unreachable) (start $s)")), [])


@pytest.mark.timeout(10)
def test_a_pipe_is_not_run_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.wasm")
    with pytest.raises(GuestFailed, match="cannot be read"):
        run(tmp_path / "pipe.wasm", [])


# Real processes: what a terminal does to them.

RUNNER = """
import sys, threading
from pathlib import Path
from wasmbuild.run.sandbox import run
try:
    sys.exit(run(Path(sys.argv[1]), ["guest"], interruptible=sys.argv[2] == "yes"))
except KeyboardInterrupt:
    (guest,) = [thread for thread in threading.enumerate() if thread.name == "guest"] or [None]
    if guest:
        guest.join(float(sys.argv[3]))
    print("interrupted", guest is not None and guest.is_alive(), flush=True)
    sys.exit(130)
"""


def start(path, interruptible, patience):
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(path), interruptible, str(patience)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )


def interrupt(process):
    """Wait until the guest runs, press Ctrl-C, and return what came out and how long it took."""
    try:
        while b"ready" not in process.stderr.readline():
            assert process.poll() is None
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        seconds = time.monotonic() - pressed
        return process.stdout.read(), seconds
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


@pytest.mark.parametrize(
    ("wat", "interruptible", "left_behind"),
    [(LOOP, "yes", False), (LOOP, "no", True), (SLEEP, "yes", True), (READ, "yes", True)],
    ids=["loop", "loop-without-checks", "sleep", "standard-input"],
)
def test_ctrl_c_ends_the_process_whatever_the_guest_does(guest, wat, interruptible, left_behind):
    process = start(guest(wat), interruptible, patience=0.2 if left_behind else 10)
    output, seconds = interrupt(process)
    assert process.returncode == 130
    assert output.decode().split() == ["interrupted", str(left_behind)]
    assert seconds < 2


def test_standard_input_and_error_are_the_process_own(guest):
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, wasmbuild.run.sandbox as s; s.run(pathlib.Path(sys.argv[1]), [])",
            str(guest(COPY)),
        ],
        input=b"through the guest",
        capture_output=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert (process.stdout, process.stderr) == (b"", b"through the guest")


def test_a_trap_in_a_process_of_its_own_leaves_no_mess(guest):
    script = (
        "import sys; from pathlib import Path; from wasmbuild.run.sandbox import run\n"
        "try:\n    run(Path(sys.argv[1]), [])\nexcept Exception as error:\n    print(type(error).__name__)"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, str(guest(command("unreachable")))],
        capture_output=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONDEVMODE": "1"},
    )
    assert (process.stdout, process.stderr) == (b"GuestFailed\n", b"")


# Writes a line to standard output for ever, and never looks at the error.
YES = command(
    """
    (i32.store (i32.const 0) (i32.const 900))
    (i32.store (i32.const 4) (i32.const 6))
    (loop $again (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))""",
    COPY_IMPORTS,
    READY_TEXT,
)


@pytest.mark.parametrize("interruptible", ["yes", "no"])
def test_printing_into_a_closed_pipe_ends_as_it_does_for_native_programs(guest, interruptible):
    process = start(guest(YES), interruptible, patience=0)
    try:
        assert process.stdout.readline() == b"ready\n"
        process.stdout.close()
        assert process.wait(timeout=10) == -signal.SIGPIPE
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def test_signals_are_afterwards_as_they_were(guest):
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
    with pytest.raises(GuestFailed):
        run(guest(command("unreachable")), [])
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
    seen = []
    thread = threading.Thread(target=lambda: seen.append(run(guest(exits(3)), [])))
    thread.start()
    thread.join()
    assert seen == [3]

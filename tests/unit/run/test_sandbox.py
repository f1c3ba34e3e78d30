import os

import pytest
from wasmtime import wat2wasm

from tests.unit.run.core_guests import ECHO, LOOKS_AROUND, WASI, command, component, exits
from wasmbuild.errors import EngineUnable, GuestFailed, GuestTrapped, InvalidWasm, UsageFailed
from wasmbuild.run import sandbox
from wasmbuild.run.deciding.grants import Folder, Grants
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.program import Program

TIMED = GuestLimits(seconds=60)


def run(path, arguments, **settings):
    return sandbox.run(Program.open(path), arguments, **settings)


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
    assert run(guest(command("")), [], limits=TIMED) == 0


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
    with pytest.raises(GuestTrapped, match=r"guest\.wasm trapped") as caught:
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
    with pytest.raises(GuestTrapped) as caught:
        run(guest(command(body)), [])
    assert words in caught.value.cause
    assert len(caught.value.cause.splitlines()) <= 22


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


def test_start_must_be_a_function_without_arguments_and_results(guest):
    with pytest.raises(GuestFailed, match="not a command"):
        run(guest('(module (memory (export "_start") 1))'), [])
    with pytest.raises(GuestFailed, match="takes or returns something"):
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
    assert run(guest(component(result)), ["guest"], limits=TIMED) == code


def test_a_component_that_traps(guest):
    with pytest.raises(GuestTrapped, match="trapped") as caught:
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
    with pytest.raises(EngineUnable) as caught:
        run(guest(component("i32.const 0").replace("@0.2.3", "@0.3.0")), [])
    assert "WASI 0.3" in caught.value.cause


def test_a_start_function_that_traps_has_trapped(guest):
    with pytest.raises(GuestTrapped, match="trapped"):
        run(guest(command("", more="(func $s unreachable) (start $s)")), [])


@pytest.mark.timeout(10)
def test_a_pipe_is_not_run_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.wasm")
    with pytest.raises(GuestFailed, match="cannot be read"):
        run(tmp_path / "pipe.wasm", [])


# Asks descriptor 3 for its folder, opens "note" there for reading, or to make it, and exits with the first error.
def opens(flags, rights):
    return command(
        f"""
        (if (call $prestat (i32.const 3) (i32.const 8)) (then (call $exit (i32.const 99))))
        (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 900) (i32.const 4) (i32.const {flags})
          (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 16)))""",
        f"""(import "{WASI}" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
            (import "{WASI}" "proc_exit" (func $exit (param i32)))
            (import "{WASI}" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))""",
        '(data (i32.const 900) "note")',
    )


READS, MAKES = opens(0, 2), opens(1, 64)


def test_a_folder_is_there_only_where_it_is_granted(guest, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "note").write_text("x")
    assert run(guest(READS), ["guest"]) == 99
    assert run(guest(READS), ["guest"], grants=Grants(folders=(Folder(folder, "/data"),))) == 0


def test_a_folder_to_read_is_not_written_to(guest, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    assert run(guest(MAKES), ["guest"], grants=Grants(folders=(Folder(folder, "/data", writable=False),))) != 0
    assert list(folder.iterdir()) == []
    assert run(guest(MAKES), ["guest"], grants=Grants(folders=(Folder(folder, "/data"),))) == 0
    assert [path.name for path in folder.iterdir()] == ["note"]


def test_a_folder_that_is_not_there_is_named(guest, tmp_path):
    with pytest.raises(GuestFailed, match="missing cannot be given to"):
        run(guest(READS), ["guest"], grants=Grants(folders=(Folder(tmp_path / "missing", "/data"),)))


def test_variables_are_those_that_are_granted(guest):
    assert run(guest(LOOKS_AROUND), ["guest"], grants=Grants(environment=(("A", "1"), ("B", "=")))) == 2 + 0


@pytest.mark.parametrize(
    ("kind", "value"), [("i32", "i32.const 1"), ("v128", "v128.const i64x2 0 0"), ("i31ref", "(ref.i31 (i32.const 1))")]
)
def test_start_returns_nothing(guest, kind, value):
    with pytest.raises(GuestFailed, match="takes or returns something"):
        run(guest(f'(module (func (export "_start") (result {kind}) {value}))'), [])


def test_a_folder_that_has_become_a_link_is_not_given(guest, tmp_path):
    """Whoever can write beside a folder does not decide what is granted, not even at the last moment."""
    (tmp_path / "granted").mkdir()
    (tmp_path / "secret").mkdir()
    grants = Grants(folders=(Folder(tmp_path / "granted", "/in"),))
    assert run(guest(LOOKS_AROUND), ["guest"], grants=grants) == 100
    (tmp_path / "granted").rmdir()
    (tmp_path / "granted").symlink_to("secret")
    with pytest.raises(GuestFailed, match="cannot be given"):
        run(guest(LOOKS_AROUND), ["guest"], grants=grants)
    (tmp_path / "secret" / "inner").mkdir()
    with pytest.raises(GuestFailed, match="cannot be given"):  # a link above it is no better
        run(guest(LOOKS_AROUND), ["guest"], grants=Grants(folders=(Folder(tmp_path / "granted" / "inner", "/in"),)))


@pytest.mark.parametrize(
    ("kind", "core"),
    [
        ('(param "x" u32) (result (result))', "(param i32) (result i32)"),
        ("(result u32)", "(result i32)"),
        ("", ""),
        ("(result (result u32))", "(result i32)"),
    ],
)
def test_a_command_of_another_type_is_none(guest, kind, core):
    body = "i32.const 1024" if "result" in core else ""
    wat = f"""(component
      (core module $m (memory (export "m") 1) (func (export "run") {core} {body}))
      (core instance $i (instantiate $m)) (alias core export $i "m" (core memory $m))
      (func $run {kind} (canon lift (core func $i "run") (memory $m)))
      (instance $r (export "run" (func $run))) (export "wasi:cli/run@0.2.3" (instance $r)))"""
    with pytest.raises(GuestFailed, match=r"cannot be started: .*run: func\(\) -> result"):
        run(guest(wat), [])

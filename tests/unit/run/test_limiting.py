"""The options, as a person gives them: one process of ours for all."""

import json
import os

import pytest

from tests.unit.run.core_guests import command, exits, grows, program
from wasmbuild.cli.main import run

ADD = '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'


@pytest.fixture
def guest(tmp_path, monkeypatch):
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))

    def write(wat):
        path = tmp_path / "guest.wasm"
        path.write_bytes(program(wat).wasm)
        return str(path)

    return write


LOOP = command("(loop $l (br $l))")


@pytest.mark.parametrize(
    ("options", "wat", "code", "words"),
    [
        ([], exits(7), 7, ""),
        (["--timeout", "50ms"], LOOP, 124, "error[WB702]: guest.wasm took longer than 0.05 s"),
        (["--fuel", "10_000"], LOOP, 152, "error[WB705]: guest.wasm is out of fuel"),
        (["--memory", "1MiB"], grows(100, otherwise="unreachable"), 137, "error[WB704]: guest.wasm is out of memory"),
        (["--memory", "1MiB"], grows(100), 1, "was refused memory"),
        ([], command("unreachable"), 134, "error[WB703]: guest.wasm trapped"),
        (["--stack", "16KiB"], command("call 0"), 134, "used up its stack"),
        (["--tables", "1"], command("", more="(table 1 funcref) (table 1 funcref)"), 1, "--tables"),
        (["--table-elements", "1"], command("", more="(table 2 funcref)"), 1, "--table-elements"),
        (["--memory", "lots"], exits(0), 2, "--memory 'lots' is not understood"),
        (["--timeout", "0"], exits(0), 2, "--timeout 0 is no time"),
        (["--instances", "0"], exits(0), 2, "--instances 0 is outside"),
    ],
)
def test_limits_have_their_codes_and_words(guest, capfd, options, wat, code, words):
    assert run(["run", *options, guest(wat)]) == code
    assert words in capfd.readouterr().err


def test_limits_can_come_from_the_environment(guest, monkeypatch):
    monkeypatch.setenv("WASMBUILD_RUN_FUEL", "10000")
    assert run(["run", guest(LOOP)]) == 152


def test_a_function_is_called_and_its_result_is_all_of_stdout(guest, capfd):
    assert run(["run", "--invoke", "add", guest(ADD), "--", "-2", "0x10"]) == 0
    assert capfd.readouterr().out == "14\n"
    assert run(["run", "--invoke", "sub", guest(ADD)]) == 2
    assert "it exports add" in capfd.readouterr().err


def test_what_is_compiled_before_is_not_compiled_again(guest, capfd, tmp_path):
    path = guest(exits(7))
    assert run(["compile", path, "--format", "json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["name"], said["settings"], said["file"]) == ("guest.wasm", "plain", None)
    assert said["engine"].startswith("wasmtime ")
    before = sorted((entry.name, entry.stat().st_ino) for entry in os.scandir(tmp_path / "cache" / "aot"))
    assert len(before) == 2
    assert run(["run", path]) == 7
    assert sorted((entry.name, entry.stat().st_ino) for entry in os.scandir(tmp_path / "cache" / "aot")) == before


def test_compiled_code_can_be_taken_elsewhere_and_is_not_run(guest, capfd, tmp_path):
    path, output = guest(exits(7)), tmp_path / "guest.cwasm"
    assert run(["compile", path, "-o", str(output), "--timeout", "1s"]) == 0
    assert capfd.readouterr().out == f"{output}\n"
    assert output.read_bytes()[:4] == b"\x7fELF"
    assert run(["run", str(output)]) == 1
    assert "trusts compiled code blindly" in capfd.readouterr().err


def test_what_cannot_be_compiled_is_not_valid(guest, capfd, tmp_path):
    broken = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x05\x01\x03\0\xff\x0b"
    (tmp_path / "broken.wasm").write_bytes(broken)
    guest(exits(0))
    assert run(["compile", str(tmp_path / "broken.wasm")]) != 0
    assert "error[WB601]: broken.wasm cannot be compiled" in capfd.readouterr().err

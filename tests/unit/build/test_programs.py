"""The small programs that run as actions: started as actions start them."""

import ast
import contextlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import wat2wasm

from wasmbuild.build.programs.pylock import requirements
from wasmbuild.build.programs.wat import without_names
from wasmbuild.build.programs.wit import packages
from wasmbuild.errors import InvalidProject, InvalidWasm
from wasmbuild.tables import parse_table

NAMED = '(module $m (func $first (export "f") (param $x i32)) (@custom "other" "kept"))'
ECHO = (sys.executable, "-c", "import os, sys; print(os.getcwd(), *sys.argv[1:])")


def program(name: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", f"wasmbuild.build.programs.{name}", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)


def test_wat_keeps_names_unless_told(tmp_path: Path) -> None:
    (tmp_path / "a.wat").write_text(NAMED)
    assert program("wat", "--wasmtime", version("wasmtime"), "a.wat", "a.wasm", folder=tmp_path).returncode == 0
    assert (tmp_path / "a.wasm").read_bytes() == wat2wasm(NAMED)
    assert program("wat", "--strip", "--", "a.wat", "b.wasm", folder=tmp_path).returncode == 0
    stripped = (tmp_path / "b.wasm").read_bytes()
    assert b"first" not in stripped
    assert b"kept" in stripped
    assert stripped == without_names(wat2wasm(NAMED))


def test_wat_says_where_it_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.wat").write_text('(module\n  (func (export "f") (i32.const 1) drp))\n')
    done = program("wat", "a.wat", "a.wasm", folder=tmp_path)
    assert done.returncode == 1
    assert "--> a.wat:2:36" in done.stderr
    assert not (tmp_path / "a.wasm").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--wasmtime", "1.0", "a.wat", "b"), f"this is wasmtime {version('wasmtime')}, and not 1.0"),
        (("none.wat", "b"), "No such file"),
        (("bytes.wat", "b"), "not UTF-8 at byte 0"),
    ],
)
def test_wat_refuses(tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    (tmp_path / "a.wat").write_text("(module)")
    (tmp_path / "bytes.wat").write_bytes(b"\xff")
    done = program("wat", *arguments, folder=tmp_path)
    assert done.returncode == 1
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


@given(st.binary(max_size=80))
def test_names_of_garbage(data: bytes) -> None:
    module = b"\0asm\x01\0\0\0" + data
    with contextlib.suppress(InvalidWasm):
        assert len(without_names(module)) <= len(module)
    assert without_names(data) == data


def wasi(root: Path) -> Path:
    for name in ("cli", "io"):
        (root / f"wasi-{name}").mkdir(parents=True)
        (root / f"wasi-{name}" / "package.wit").write_text(f"package wasi:{name}@0.2.12;\n")
    (root / "README.md").write_text("")
    return root


def test_wit_brings_what_is_missing(tmp_path: Path) -> None:
    own = tmp_path / "wit"
    (own / "deps" / "mine").mkdir(parents=True)
    (own / "world.wit").write_text("// package wasi:cli@0.2.12;\npackage a:b;\n")
    (own / "deps" / "mine" / "io.wit").write_text("package wasi:io@0.2.12 { }\n")
    out = tmp_path / "out"
    out.mkdir()
    assert program("wit", "wit", wasi(tmp_path / "wasi"), out, folder=tmp_path).returncode == 0
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {"world.wit", "deps/mine/io.wit", "deps/wasi-cli/package.wit"}


def test_wit_of_a_project_with_another_release_of_wasi(tmp_path: Path) -> None:
    own, out = tmp_path / "wit", tmp_path / "out"
    (own / "deps" / "wasi-cli").mkdir(parents=True)
    (own / "world.wit").write_text("package a:b;\n")
    (own / "deps" / "wasi-cli" / "package.wit").write_text("package wasi:cli@0.3.0;\n")
    assert program("wit", "wit", wasi(tmp_path / "wasi"), out, folder=tmp_path).returncode == 0
    assert (out / "deps/wasi-cli/package.wit").read_text() == "package wasi:cli@0.3.0;\n"
    assert (out / "deps/wasi-cli-wasi/package.wit").read_text() == "package wasi:cli@0.2.12;\n"


def test_wit_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "x.wit").write_text("package a:b;")
    (tmp_path / "api" / "y.wit").write_text("package a:b;")
    assert program("wit", "api/x.wit", wasi(tmp_path / "wasi"), tmp_path / "out", folder=tmp_path).returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["deps", "x.wit"]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_wit_is_read_by_wasm_tools(tmp_path: Path, exit_code: int) -> None:
    (tmp_path / "wit").mkdir()
    (tmp_path / "wit" / "world.wit").write_text("package a:b;")
    check = tmp_path / "check"
    check.write_text(f'#!/bin/sh\necho said\necho "--> $4/world.wit:1:1 $1 $2" >&2\nexit {exit_code}\n')
    check.chmod(0o755)
    arguments = ("--check", check, "wit", wasi(tmp_path / "wasi"), tmp_path / "out")
    done = program("wit", *arguments, folder=tmp_path)
    said = "" if exit_code == 0 else "--> wit/world.wit:1:1 component wit\n"
    assert (done.returncode, done.stdout, done.stderr) == (exit_code, "", said)


def test_packages_of_wit(tmp_path: Path) -> None:
    (tmp_path / "a.wit").write_text(
        "/* package no:no; */\npackage a:b-c@1.0.0-rc.1;\n  package d:e/f {\n}\ninterface package-x;"
    )
    assert packages([tmp_path / "a.wit"]) == {"a:b-c@1.0.0-rc.1", "d:e/f"}


def test_linked_shows_the_packages_of_several_folders(tmp_path: Path) -> None:
    for path in ("tool/a", "tool/@s/one", "own/a", "own/@s/two", "own/.bin"):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "from").write_text(path)
    look = (sys.executable, "-c", "import sys; [print(open(f'node_modules/{p}/from').read()) for p in sys.argv[1:]]")
    command = (*look, "a", "@s/one", "@s/two")
    done = program("linked", tmp_path / "tool", tmp_path / "own", "missing", "--", *command, folder=tmp_path)
    assert done.stdout.split() == ["tool/a", "tool/@s/one", "own/@s/two"]
    assert not (tmp_path / "node_modules" / ".bin").exists()


def test_inside_copies_and_goes_there(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "out").mkdir()
    done = program("inside", tmp_path / "out", "package.json", "--", *ECHO, "x", folder=tmp_path)
    assert done.stdout.split() == [str(tmp_path / "out"), "x"]
    assert (tmp_path / "out" / "package.json").read_text() == "{}"


@pytest.mark.parametrize("name", ["linked", "inside", "written", "pylock"])
@pytest.mark.parametrize("arguments", [(), ("a",), ("a", "--"), ("a", "b", "--")])
def test_without_a_command(tmp_path: Path, name: str, arguments: tuple[str, ...]) -> None:
    done = program(name, *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(name)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("linked", ("x", "--", "/none")), ("inside", (".", "none", "--", "x")), ("written", ("a", "b", "--", "/none"))],
)
def test_a_command_that_is_not_there(tmp_path: Path, name: str, arguments: tuple[str, ...]) -> None:
    done = program(name, *arguments, folder=tmp_path)
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("code", "exit_code"), [("open('a', 'w').write('x')", 0), ("raise SystemExit(3)", 3), ("pass", 1),
                            ("import os; os.kill(os.getpid(), 9)", 137)]
)  # fmt: skip
def test_written(tmp_path: Path, code: str, exit_code: int) -> None:
    done = program("written", "a", "b", "--", sys.executable, "-c", code, folder=tmp_path)
    assert done.returncode == exit_code
    assert (tmp_path / "b").exists() == (exit_code == 0)
    if code == "pass":
        assert done.stderr == "the command ended well, and did not write a\n"


def test_written_keeps_the_way_to_our_packages_to_itself(tmp_path: Path) -> None:
    code = "import os, pathlib; pathlib.Path('a').write_text(repr(sorted(os.environ.items())))"
    main = [sys.executable, "-P", "-m", "wasmbuild.build.programs.written", "a", "b"]
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7", "LC_ALL": "C.UTF-8", "A": "b"}
    for own, shown in (
        ((), {"PYTHONHASHSEED": "7"}),
        (("PYTHONHASHSEED=0=1", "A=c"), {"PYTHONHASHSEED": "0=1", "A": "c"}),
    ):
        command = [*main, *own, "--", "sh", "-c", 'exec "$0" -E -c "$1"', sys.executable, code]
        subprocess.run(command, cwd=tmp_path, env=env, timeout=30, check=True)
        seen = {
            name: value for name, value in ast.literal_eval((tmp_path / "b").read_text()) if name not in {"PWD", "_"}
        }
        assert {key: value for key, value in seen.items() if key not in {"OLDPWD", "SHLVL"}} == {
            "LC_ALL": "C.UTF-8",
            "A": "b",
            **shown,
        }


@pytest.mark.parametrize("link", ["ln -s ../secret a", "ln -s .. up", "mkfifo a"])
def test_written_brings_no_file_that_the_command_did_not_write(tmp_path: Path, link: str) -> None:
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "work").mkdir()
    source = "up/secret" if "up" in link else "a"
    done = program("written", source, "b", "--", "sh", "-c", link, folder=tmp_path / "work")
    assert done.returncode == 1
    assert "regular file" in done.stderr if link == "mkfifo a" else "is a link" in done.stderr
    assert not (tmp_path / "work" / "b").exists()


def test_written_lets_a_pipe_break(tmp_path: Path) -> None:
    shell = "(sleep 0.1; exec yes) 2>noise | true; test -s noise || echo x > a"
    assert program("written", "a", "b", "--", "sh", "-c", shell, folder=tmp_path).returncode == 0


HASH = "ab" * 32
LOCK = f"""
lock-version = "1.0"
[[packages]]
name = "six"
version = "1.17.0"
marker = "python_version > '3'"
sdist = {{name = "six.tar.gz", hashes = {{sha256 = "{"0" * 64}"}}}}
wheels = [{{name = "six.whl", hashes = {{sha256 = "{HASH}"}}}}, {{hashes = {{sha256 = "{"1" * 64}"}}}}]
"""


def test_pylock_becomes_requirements() -> None:
    (line,) = requirements(parse_table("pylock.toml", LOCK.encode()))
    assert line == f"six==1.17.0 ; python_version > '3' --hash=sha256:{HASH} --hash=sha256:{'1' * 64}"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "six"', 'name = "six --index-url=x"', "name cannot be"),
        ('"1.17.0"', '"1.17.0 --pre"', "version cannot be"),
        (HASH, "md5", "sha256 cannot be"),
        ("wheels =", "others =", "wheels of six is missing"),
        ("'3'\"", "'3' --hash=sha256:x\"", "marker cannot be"),
    ],
)
def test_a_pylock_that_cannot_be_used(old: str, new: str, problem: str) -> None:
    table = parse_table("pylock.toml", LOCK.replace(old, new, 1).encode())
    with pytest.raises(InvalidProject, match=problem):
        tuple(requirements(table))


def test_pylock_gives_pip_the_requirements(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(LOCK)
    read = "import sys; print(sys.argv[1], open(sys.argv[2]).read())"
    done = program("pylock", "pylock.toml", "--", sys.executable, "-c", read, folder=tmp_path)
    assert done.stdout.startswith("--requirement six==1.17.0")

"""``go list``: the command that is made of a build's, and what is read of its answer."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.build.action import Action, Output, Produced, ToolFile
from wasmbuild.errors import ToolFailed
from wasmbuild.toolchains.golist import LISTED, listing, read_listing

GO = ToolFile("go", "go/bin/go")
BUILD = Action(
    name="compile",
    tool="go",
    argv=(GO, "build", "-trimpath", "-ldflags=-s -w", "-tags=a,b", "-o", Output("x.wasm"), "./cmd/x"),
    outputs=("x.wasm",),
    inputs=("go.mod", "main.go"),
    files=(("a", "b"),),
    env=(("GOOS", "wasip1"), ("GOMODCACHE", Produced("fetch"))),
    first_time="building",
)


def test_the_command_lists_what_the_build_compiles():
    made = listing(BUILD)
    assert made.argv[-6:] == (GO, "list", "-deps", "-json=Module,Standard", "-tags=a,b", "./cmd/x")
    assert made.argv[-8:-6] == (Output(LISTED), "--")
    assert (made.name, made.outputs, made.files, made.first_time) == ("list", (LISTED,), (), None)
    assert (made.inputs, made.env, made.after) == (BUILD.inputs, BUILD.env, ("fetch",))


def test_what_is_no_build_lists_nothing():
    assert listing(Action(name="compile", tool="x", argv=(ToolFile("x"), "run"), outputs=("x.wasm",))) is None


def printed(*modules):
    return "\n".join(
        json.dumps({"Module": each} if each else {"Standard": True}, indent=1) for each in modules
    ).encode()


def test_modules_are_read_once_without_the_main_one():
    listed = printed(
        None,
        {"Path": "example.com/app", "Main": True},
        {"Path": "example.com/a", "Version": "v1.0.0"},
        {"Path": "example.com/a", "Version": "v1.0.0"},
        {"Path": "example.com/b", "Version": "v1.0.0", "Replace": {"Path": "example.com/c", "Version": "v2.0.0"}},
        {"Path": "example.com/d", "Version": "v1.0.0", "Replace": {"Path": "../d"}},
    )
    assert read_listing(listed) == {("example.com/a", "v1.0.0"), ("example.com/c", "v2.0.0"), ("../d", "")}
    assert read_listing(b"") == read_listing(b" \n") == frozenset()


@pytest.mark.parametrize("data", [b"{", b"\xff", printed({"Path": 1}), printed({"Version": "v1"}), b"[" * 100_000])
def test_what_cannot_be_read_is_said(data):
    with pytest.raises(ToolFailed, match="go list wrote what cannot be read"):
        read_listing(data)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_any_module_is_read(modules):
    assert read_listing(printed(*({"Path": path, "Version": version} for path, version in modules))) == set(modules)


def test_standard_output_goes_into_a_new_file(tmp_path):
    program = [sys.executable, "-m", "wasmbuild.build.programs.redirect"]
    said = [*program, str(tmp_path / "it"), "--", sys.executable, "-c", "print(1)"]
    done = subprocess.run(said, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, (tmp_path / "it").read_text()) == (0, "", "1\n")
    assert subprocess.run(said, capture_output=True, check=False).returncode == 1
    assert subprocess.run(program, capture_output=True, check=False).returncode == 2

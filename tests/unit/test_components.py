"""Components made and taken apart: what is decided and refused before the tool is asked, and how it is asked."""

import pytest
import wasmtime

from tests.unit.standins import standing_in
from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidWasm, TargetExists, ToolchainMissing, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.workflows.components import new_component, unbundle
from wasmbuild.workflows.outputs import destination
from wasmbuild.workflows.workbench import Workbench

COMPONENT = b"\0asm\x0d\0\1\0"
PREVIEW1 = '(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))'
COMMAND = bytes(wasmtime.wat2wasm(f'(module {PREVIEW1} (func (export "_start")))'))
ALONE = bytes(wasmtime.wat2wasm('(module (func (export "_start")))'))
LIBRARY = bytes(wasmtime.wat2wasm(f'(module {PREVIEW1} (func (export "add")))'))
TYPED = LIBRARY + b"\0\x0f\x0ecomponent-type"
ECHO = 'echo "$*" > "$output"'


@pytest.fixture
def bench(tmp_path):
    """Tools that write down how they were called."""
    standing_in(tmp_path / "cache", "", tool="wasi", file="node_modules/none")
    return lambda script=ECHO: Workbench(standing_in(tmp_path / "cache", script), ignore)


def new(module, bench, **settings):
    return new_component(module, bench, **settings).decode()


def test_the_adapter_goes_with_what_a_module_exports(bench):
    assert "wasi_snapshot_preview1.command.wasm" in new(COMMAND, bench())
    assert "wasi_snapshot_preview1.reactor.wasm" in new(TYPED, bench())


def test_a_module_that_imports_nothing_of_wasi_needs_no_adapter(bench):
    assert "--adapt" not in new(ALONE, bench())


def test_an_adapter_can_be_chosen_or_brought(bench, tmp_path):
    assert "preview1.reactor.wasm" in new(COMMAND, bench(), adapt=("reactor",))
    mine = tmp_path / "mine.wasm"
    mine.write_bytes(ALONE)
    words = new(COMMAND, bench(), adapt=("command", f"env={mine}")).split()
    assert words[words.index("--adapt") + 1].endswith("command.wasm")
    assert words[-3] == "env=adapter1.wasm"


@pytest.mark.parametrize("word", ["proxy", "commando", "=x", "a b=x", "wasi_snapshot_preview1="])
def test_what_is_no_adapter_is_said(bench, word):
    with pytest.raises(UsageFailed, match="is not an adapter"):
        new(COMMAND, bench(), adapt=(word,))


def test_an_adapter_is_a_module_and_replaces_what_no_other_does(bench, tmp_path):
    (tmp_path / "a.wasm").write_bytes(COMPONENT)
    with pytest.raises(InvalidWasm, match="needs a module"):
        new(COMMAND, bench(), adapt=(f"env={tmp_path / 'a.wasm'}",))
    with pytest.raises(UsageFailed, match="cannot be read"):
        new(COMMAND, bench(), adapt=("env=missing.wasm",))
    with pytest.raises(UsageFailed, match="same imports"):
        new(COMMAND, bench(), adapt=("command", "reactor"))


def test_a_library_needs_its_wit(bench, tmp_path):
    with pytest.raises(InvalidWasm, match="by its WIT") as caught:
        new(LIBRARY, bench())
    assert "--wit" in caught.value.hint
    with pytest.raises(UsageFailed, match="--world"):
        new(LIBRARY, bench(), world="adder")


def test_wit_is_embedded_first_with_the_packages_that_it_uses(bench, tmp_path):
    wit = tmp_path / "interfaces"
    (wit / "deps/x").mkdir(parents=True)
    (wit / "w.wit").write_text("package a:b;")
    (wit / "deps/x/x.wit").write_text("package x:y;")
    (wit / "notes.txt").write_text("no WIT")
    (wit / "secret.wit").symlink_to("/etc/passwd")
    script = 'case "$*" in *embed*) (cat input.wasm; find wit -type f | sort; echo "$*") > "$output";; *) cp '
    script += 'input.wasm "$output";; esac'
    made = new_component(LIBRARY, bench(script), wit=wit, world="adder")
    *files, words = made.removeprefix(LIBRARY).decode().splitlines()
    assert files == ["wit/deps/x/x.wit", "wit/w.wit"]
    assert words.startswith("component embed --world adder wit input.wasm -o ")
    assert "preview1" not in words


def test_wit_may_be_one_file_and_must_be_there(bench, tmp_path):
    (tmp_path / "w.wit").write_text("package a:b;")
    assert "component new" in new(LIBRARY, bench(), wit=tmp_path / "w.wit")
    (tmp_path / "empty").mkdir()
    for missing in ("empty", "none"):
        with pytest.raises(UsageFailed, match=r"has no WIT|cannot be read"):
            new(LIBRARY, bench(), wit=tmp_path / missing)


def test_wit_is_bounded(bench, tmp_path):
    with (tmp_path / "w.wit").open("wb") as file:
        file.truncate(17 * 1024**2)
    with pytest.raises(UsageFailed, match="more WIT"):
        new(LIBRARY, bench(), wit=tmp_path / "w.wit")


def test_the_wrong_kind_of_file_names_the_right_verb(bench, tmp_path):
    with pytest.raises(InvalidWasm, match="is a component, and this needs a module") as caught:
        new(COMPONENT, bench())
    assert "component unbundle" in caught.value.hint
    with pytest.raises(InvalidWasm, match="is a module, and this needs a component") as caught:
        unbundle(ALONE, tmp_path / "parts", bench())
    assert "component new" in caught.value.hint


def test_parts_are_listed_in_the_order_of_the_component(bench, tmp_path):
    script = 'for n in 0 2 10; do echo $n > "${output%/*}/unbundled-module$n.wasm"; done; echo "$*" > "$output"'
    made = unbundle(COMPONENT, tmp_path / "parts", bench(script), threshold=99)
    names = [name for name, _ in made.files]
    assert names == [*(f"unbundled-module{n}.wasm" for n in (0, 2, 10)), "component.wasm"]
    assert (tmp_path / "parts/unbundled-module10.wasm").read_text() == "10\n"
    assert "--threshold 99" in (tmp_path / "parts/component.wasm").read_text()


def test_parts_do_not_mix_with_what_is_there(bench, tmp_path):
    (tmp_path / "x").write_text("")
    for folder in (tmp_path, tmp_path / "x"):
        with pytest.raises(TargetExists, match="not an empty folder"):
            unbundle(COMPONENT, folder, bench())


def test_what_the_tool_refuses_leaves_no_parts(bench, tmp_path):
    with pytest.raises(InvalidWasm) as caught:
        unbundle(COMPONENT, tmp_path / "parts", bench("echo 'error: no'; exit 1"))
    assert caught.value.cause == "no"
    assert not (tmp_path / "parts").exists()


def test_a_file_is_replaced_only_when_that_was_asked_for(tmp_path):
    source, link = tmp_path / "a.wasm", tmp_path / "b.wasm"
    source.write_bytes(ALONE)
    link.symlink_to(source)
    assert destination(source, tmp_path / "c.wasm") == tmp_path / "c.wasm"
    assert destination(source, None, in_place=True) == source
    for output in (source, link, tmp_path / "." / "a.wasm"):
        with pytest.raises(UsageFailed, match="is the file that is read"):
            destination(source, output)
    with pytest.raises(UsageFailed, match="where the result goes"):
        destination(source, None)
    with pytest.raises(UsageFailed, match="do not go together"):
        destination(source, tmp_path / "c.wasm", in_place=True)


@pytest.mark.usefixtures("private_cache")
def test_verbs_refuse_before_any_tool_is_needed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.wasm").write_bytes(ALONE)
    (tmp_path / "c.wasm").write_bytes(COMPONENT)
    for words, said in (
        ("component wit m.wasm", "needs a component"),
        ("component new c.wasm -o x.wasm", "needs a module"),
        ("component new m.wasm", "where the result goes"),
        ("component unbundle m.wasm -o parts", "needs a component"),
        ("optimize m.wasm", "--in-place"),
        ("optimize m.wasm -o m.wasm", "is the file that is read"),
        ("validate missing.wasm", "there is no file"),
    ):
        assert run(words.split()) in {1, 2}
        shown = capsys.readouterr()
        assert said in shown.err
        assert shown.out == ""
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["c.wasm", "m.wasm"]
    assert run(["validate", "m.wasm"]) == 0
    assert capsys.readouterr().out == "a valid module\n"


def test_without_network_a_missing_adapter_is_said(tmp_path):
    with pytest.raises(ToolchainMissing):
        new_component(COMMAND, Workbench(Caches(tmp_path), ignore, offline=True))

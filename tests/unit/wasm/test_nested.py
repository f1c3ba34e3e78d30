"""Core modules inside components: found wherever they are, replaced, and every other byte as it was."""

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.binary import read_all
from wasmbuild.wasm.editing.nested import core_modules, with_core_modules

MODULE = bytes(wasmtime.wat2wasm('(module (func (export "f") nop nop))'))
SMALL = b"\0asm\1\0\0\0"
COMPONENT = b"\0asm\x0d\0\1\0"


def section(number: int, content: bytes, width: int = 1) -> bytes:
    """A section whose length takes at least ``width`` bytes."""
    size, encoded = len(content), bytearray()
    while size > 0x7F or len(encoded) < width - 1:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number]) + bytes(encoded) + bytes([size]) + content


def custom(content: bytes) -> bytes:
    return section(0, b"\x01x" + content, 4)


@st.composite
def components(draw: st.DrawFn, depth: int = 3) -> bytes:
    pieces = [COMPONENT]
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(("module", "custom", "component") if depth else ("module", "custom")))
        width = draw(st.integers(1, 5))
        if kind == "module":
            pieces.append(section(1, SMALL + custom(draw(st.binary(max_size=200))), width))
        elif kind == "component":
            pieces.append(section(4, draw(components(depth=depth - 1)), width))
        else:
            pieces.append(custom(draw(st.binary(max_size=20))))
    return b"".join(pieces)


@given(components())
def test_what_is_put_back_unchanged_changes_no_byte_but_lengths(component: bytes) -> None:
    modules = core_modules(component)
    assert with_core_modules(component, {}) == component
    same = with_core_modules(component, modules)
    assert len(same) <= len(component)  # lengths get as short as they can be
    assert core_modules(same) == modules


@given(components(), st.data())
def test_one_module_is_replaced_and_the_others_stay(component: bytes, data: st.DataObject) -> None:
    modules = core_modules(component)
    if not modules:
        return
    path = data.draw(st.sampled_from(sorted(modules)))
    new = SMALL + custom(data.draw(st.binary(max_size=300)))
    made = with_core_modules(component, {path: new})
    assert core_modules(made) == {**modules, path: new}
    assert [each.path for each in read_all(made)] == [each.path for each in read_all(component)]
    assert _customs(made, apart_from=path) == _customs(component, apart_from=path)


def _customs(file: bytes, apart_from: tuple[int, ...]) -> list[tuple[tuple[int, ...], bytes]]:
    return [
        (each.path, file[part.offset : part.offset + part.size])
        for each in read_all(file)
        for part in each.binary.sections
        if part.kind == "custom" and each.path != apart_from
    ]


def test_bytes_before_and_after_stay_as_they_were_written() -> None:
    before, after = custom(b"before"), custom(b"after")
    inner = COMPONENT + before + section(1, MODULE, 5) + after
    component = COMPONENT + after + section(4, inner, 3) + before
    made = with_core_modules(component, {(0, 0): SMALL})
    assert made == COMPONENT + after + section(4, COMPONENT + before + section(1, SMALL) + after) + before


def test_what_is_no_component_is_said() -> None:
    with pytest.raises(InvalidWasm):
        core_modules(b"text")
    assert core_modules(MODULE) == {(): MODULE}

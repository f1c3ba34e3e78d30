import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.wasm.sections import COMPONENT, MODULE, custom, long_leb, nest, text
from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.binary import MAX_DEPTH, read, read_all
from wasmbuild.wasm.editing.rewrite import leb128, rewrite

MEMORY = b"\5" + long_leb(3) + b"\1\0\1"
"""A memory section whose size takes five bytes."""

names = st.text(max_size=8)
contents = st.binary(max_size=200)
customs = st.builds(custom, names, contents)
modules = st.builds(
    lambda before, after: MODULE + b"".join(before) + MEMORY + b"".join(after),
    st.lists(customs, max_size=3),
    st.lists(customs, max_size=3),
)
components = st.recursive(
    st.lists(customs, max_size=3).map(lambda sections: COMPONENT + b"".join(sections)),
    lambda inner: st.lists(st.one_of(customs, modules.map(nest), inner.map(nest)), max_size=4).map(
        lambda sections: COMPONENT + b"".join(sections)
    ),
    max_leaves=6,
)
binaries = st.one_of(modules, components)


def keep(section):
    return section.content


def drop(section):
    return None


def listed(data):
    """Every custom section: where it is, its name, its content."""
    return [
        (each.path, section.name, data[section.offset : section.offset + section.size])
        for each in read_all(data)
        for section in each.binary.sections
        if section.name is not None
    ]


@given(binaries)
def test_where_nothing_is_asked_nothing_changes(data):
    for nested in (False, True):
        assert rewrite(data, keep, nested=nested) == data
        assert rewrite(data, lambda section: bytes(section.content), nested=nested) == data


@given(binaries)
def test_what_is_dropped_is_gone_and_the_rest_is_there(data):
    outer = rewrite(data, drop)
    assert [each for each in listed(data) if each[0]] == listed(outer)
    everything = rewrite(data, drop, nested=True)
    assert listed(everything) == []
    assert [each.path for each in read_all(everything)] == [each.path for each in read_all(data)]
    assert everything.count(MEMORY) == sum(each.binary.kind == "module" for each in read_all(data))


@given(binaries, names, contents)
def test_what_is_replaced_and_added(data, name, content):
    def edit(section):
        return content if section.name == name else section.content

    changed = rewrite(data, edit, nested=True, added=[(name, content)])
    expected = [(path, each, content if each == name else old) for path, each, old in listed(data)]
    outer = sum(not path for path, _, _ in expected)
    own = [each for each in listed(changed) if not each[0]]
    assert own == [*(each for each in expected if not each[0]), ((), name, content)]
    assert len(own) == outer + 1
    assert [each for each in listed(changed) if each[0]] == [each for each in expected if each[0]]


def test_lengths_of_what_did_not_change_stay_as_they_are_written():
    untouched = MODULE + MEMORY + b"\0" + long_leb(5) + text("keep")
    touched = MODULE + MEMORY + custom("drop", bytes(200))
    data = COMPONENT + b"\1" + long_leb(len(untouched)) + untouched + b"\1" + long_leb(len(touched)) + touched
    expected = COMPONENT + b"\1" + long_leb(len(untouched)) + untouched + nest(MODULE + MEMORY)
    assert rewrite(data, lambda section: None if section.name == "drop" else section.content, nested=True) == expected


def test_only_lengths_around_a_change_are_written_anew():
    def levels(binary, count):
        for _ in range(count):
            binary = COMPONENT + custom("a", b"b") + nest(binary) + custom("c", b"d")
        return binary

    data, expected = levels(MODULE + custom("x", bytes(300)), 9), levels(MODULE + custom("x", b"y"), 9)
    edited = rewrite(data, lambda section: b"y" if section.name == "x" else section.content, nested=True)
    assert edited == expected


def test_what_an_edit_is_told():
    told = []

    def edit(section):
        told.append((section.path, section.kind, section.name, bytes(section.content), section.size))
        return section.content

    rewrite(COMPONENT + nest(MODULE) + nest(MODULE + custom("a", b"bc")) + custom("d", b""), edit, nested=True)
    assert told == [((1,), "module", "a", b"bc", 6), ((), "component", "d", b"", 4)]


def test_as_deep_as_can_be_read_and_no_deeper():
    data = MODULE + custom("x", b"y")
    for _ in range(MAX_DEPTH):
        data = COMPONENT + nest(data)
    assert len(rewrite(data, drop, nested=True)) < len(data)
    with pytest.raises(InvalidWasm, match="not valid WebAssembly"):
        rewrite(COMPONENT + nest(data), drop, nested=True)
    assert rewrite(COMPONENT + nest(data), drop) == COMPONENT + nest(data)


@given(binaries, st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=200)
def test_a_byte_that_is_changed_breaks_nothing_of_ours(data, place, value):
    broken = bytearray(data)
    broken[place % len(data)] = value
    with contextlib.suppress(InvalidWasm):
        assert rewrite(bytes(broken), keep, nested=True) == bytes(broken)
        read(rewrite(bytes(broken), drop, nested=True))


def test_numbers():
    assert [leb128(number) for number in (0, 127, 128, 624_485)] == [b"\0", b"\x7f", b"\x80\1", b"\xe5\x8e\x26"]

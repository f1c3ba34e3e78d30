import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.format.reader import Reader


def reader(data):
    return Reader(memoryview(data), 0, len(data))


def unsigned(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def signed(value):
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value & 0x7F])


@given(st.integers(0, 2**32 - 1))
def test_u32_round_trip(value):
    assert reader(unsigned(value)).u32() == value


@given(st.integers(2**32, 2**70))
def test_u32_refuses_what_does_not_fit(value):
    with pytest.raises(InvalidWasm):
        reader(unsigned(value)).u32()


@given(st.integers(0, 2**64 - 1))
def test_u64_round_trip(value):
    assert reader(unsigned(value)).u64() == value


@given(st.integers(2**64, 2**80))
def test_u64_refuses_what_does_not_fit(value):
    with pytest.raises(InvalidWasm):
        reader(unsigned(value)).u64()


@given(st.integers(-(2**32), 2**32 - 1))
def test_s33_round_trip(value):
    assert reader(signed(value)).s33() == value


@given(st.integers(2**32, 2**50) | st.integers(-(2**50), -(2**32) - 1))
def test_s33_refuses_what_does_not_fit(value):
    with pytest.raises(InvalidWasm):
        reader(signed(value)).s33()


def test_padded_numbers_are_read_up_to_the_longest_length():
    assert reader(b"\x81\x80\x80\x80\x00").u32() == 1
    with pytest.raises(InvalidWasm):
        reader(b"\x81\x80\x80\x80\x80\x00").u32()


def test_a_name_has_a_bound():
    size = 100_001
    with pytest.raises(InvalidWasm, match="100001 bytes"):
        reader(unsigned(size) + b"a" * size).name()


def test_within_does_not_see_beyond_its_end():
    outer = reader(b"\x01\x02\x03")
    inner = outer.within(2)
    inner.skip(2)
    with pytest.raises(InvalidWasm, match="unexpected end"):
        inner.byte()
    assert outer.byte() == 3

import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ahead import ReadAhead
from registry.content import CHUNK, VerifyingReader
from registry.errors import DigestMismatch
from registry.model import describe
from tests.contract.making import BLOB

DATA = bytes(range(256)) * (3 * CHUNK // 256) + b"the end"


@given(st.lists(st.integers(1, 2 * CHUNK), min_size=1, max_size=5))
def test_all_bytes_come_in_order(sizes):
    reader, got = ReadAhead(io.BytesIO(DATA)), []
    turn = 0
    while data := reader.read(sizes[turn % len(sizes)] + CHUNK // 8):
        got.append(data)
        turn += 1
    assert b"".join(got) == DATA
    assert reader.read(1) == b""
    reader.close()


def test_what_the_source_fails_with_is_raised_in_its_place():
    lying = VerifyingReader(io.BytesIO(DATA), describe(BLOB, DATA[:-1] + b"!"))
    reader = ReadAhead(lying)
    for _ in range(3):
        reader.read(CHUNK)
    assert reader.read(CHUNK) == b"the end"
    for _ in range(2):
        with pytest.raises(DigestMismatch):
            reader.read(CHUNK)
    reader.close()


def test_it_does_not_read_far_ahead():
    class Counted(io.BytesIO):
        taken = 0

        def read(self, size=-1, /):
            Counted.taken += 1
            return super().read(size)

    reader = ReadAhead(Counted(b"x" * 20 * CHUNK))
    reader.read(CHUNK)
    threading.Event().wait(0.05)
    assert Counted.taken <= 5
    reader.close()


def test_closing_early_stops_it_and_closes_the_source():
    source = io.BytesIO(b"x" * 50 * CHUNK)
    reader = ReadAhead(source)
    reader.read(10)
    reader.close()
    assert source.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]

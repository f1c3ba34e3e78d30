"""Whatever is wrong with a file, it is an InvalidWasm or a result, and soon."""

import contextlib
import random
import time
import tracemalloc

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import COMPONENTS, MODULES, accepted, everything
from tests.fuzz.targets.wasm import TARGET, mutated
from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm import binary
from wasmbuild.wasm.binary import MAX_DEPTH, read, read_all
from wasmbuild.wasm.examine import examine
from wasmbuild.wasm.format.contents import Budget
from wasmbuild.wasm.format.reader import Reader

MODULE_HEAD = b"\0asm\x01\0\0\0"
COMPONENT_HEAD = b"\0asm\x0d\0\x01\0"
CORPUS = {f"{name}-module": data for name, data in MODULES.items()} | COMPONENTS


def leb(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def section(number, *parts):
    body = b"".join(parts)
    return bytes([number]) + leb(len(body)) + body


def module(*sections):
    return MODULE_HEAD + b"".join(sections)


def text(value):
    return leb(len(value)) + value


FUNCTION_TYPE = section(1, b"\x01\x60\0\0")


def body(code):
    """A module of one function that consists of this, its locals included."""
    return module(FUNCTION_TYPE, section(3, b"\x01\0"), section(10, b"\x01", leb(len(code)), code))


def agrees(engine, data):
    """Examine it, deeply: what the engine takes must be taken. A component is only read."""
    try:
        examine(data, deep=True)
    except InvalidWasm as error:
        assert not accepted(engine, data), (error.cause, data.hex())


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_is_taken(name):
    data = CORPUS[name]
    anatomy = examine(data, deep=True)
    assert read(data) == anatomy.binary
    if name in {f"{each}-module" for each in MODULES}:
        wasmtime.Module.validate(everything(), data)


@pytest.mark.parametrize("name", CORPUS)
def test_truncated_at_every_byte(name):
    data, engine = CORPUS[name], everything()
    for size in range(len(data)):
        agrees(engine, data[:size])


@pytest.mark.parametrize("name", CORPUS)
def test_every_byte_flipped_in_turn(name):
    data, engine = CORPUS[name], everything()
    for place, byte in enumerate(data):
        for value in {byte ^ 1, byte ^ 0x80, byte ^ 0x40, 0xFF, 0, (byte + 1) & 0x7F}:
            agrees(engine, data[:place] + bytes([value]) + data[place + 1 :])


@given(st.binary(max_size=200))
def test_random_bytes(rest):
    for head in (b"", MODULE_HEAD, COMPONENT_HEAD):
        with contextlib.suppress(InvalidWasm):
            examine(head + rest, deep=True)


@given(st.lists(st.tuples(st.integers(0, 13), st.binary(max_size=40)), max_size=5))
def test_random_sections(sections):
    data = b"".join(section(number, content) for number, content in sections)
    agrees(everything(), MODULE_HEAD + data)
    with contextlib.suppress(InvalidWasm):
        examine(COMPONENT_HEAD + data, deep=True)


@given(st.binary(max_size=60))
def test_random_code(code):
    agrees(everything(), body(b"\0" + code + b"\x0b"))


@given(data=st.data())
@settings(max_examples=150)
def test_mutated_modules(data):
    wasm = bytearray(data.draw(st.sampled_from(list(CORPUS.values()))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(wasm)))
        end = data.draw(st.integers(start, min(len(wasm), start + 6)))
        wasm[start:end] = data.draw(st.binary(max_size=6))
    agrees(everything(), bytes(wasm))


@given(st.integers(0, 2**32))
@settings(max_examples=200)
def test_what_the_fuzzer_makes(seed):
    TARGET.tried(mutated(list(CORPUS.values()), random.Random(seed)))


LONG = b"\x80\x80\x80\x80\x80\0"
TOO_BIG = b"\xff\xff\xff\xff\x1f"
MOST = b"\xff\xff\xff\xff\x0f"


@pytest.mark.parametrize("number", [LONG, TOO_BIG, MOST, b"\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b""])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda number: MODULE_HEAD + b"\0" + number,
        lambda number: module(section(0, number)),
        lambda number: module(section(1, number)),
        lambda number: module(section(1, b"\x01\x60", number)),
        lambda number: module(section(1, b"\x01\x4e", number)),
        lambda number: module(section(2, b"\x01", number)),
        lambda number: module(section(2, b"\x01\0\0\0", number)),
        lambda number: module(section(2, b"\x01\0\0\x7f", number)),
        lambda number: module(FUNCTION_TYPE, section(3, number)),
        lambda number: module(FUNCTION_TYPE, section(3, b"\x01", number)),
        lambda number: module(section(4, number)),
        lambda number: module(section(5, number)),
        lambda number: module(section(7, number)),
        lambda number: module(section(8, number)),
        lambda number: module(section(9, number)),
        lambda number: module(section(11, number)),
        lambda number: module(section(12, number)),
        lambda number: module(section(11, b"\x01\0\x41\0\x0b", number)),
        lambda number: module(section(11, b"\x01\0\x41", number, b"\x0b\0")),
        lambda number: module(FUNCTION_TYPE, section(3, b"\x01\0"), section(10, number)),
        lambda number: module(FUNCTION_TYPE, section(3, b"\x01\0"), section(10, b"\x01", number)),
        body,
        lambda number: body(b"\x02\x01\x7f" + number + b"\x7f\x0b"),
        lambda number: body(b"\0\x0e" + number + b"\x0b"),
        lambda number: body(b"\0\x1c" + number + b"\x0b"),
        lambda number: body(b"\0\xfd" + number + b"\x0b"),
        lambda number: COMPONENT_HEAD + b"\x01" + number,
        lambda number: COMPONENT_HEAD + section(7, number),
        lambda number: COMPONENT_HEAD + section(10, number),
        lambda number: COMPONENT_HEAD + section(11, b"\x01\0" + number),
        lambda number: COMPONENT_HEAD + section(4, MODULE_HEAD + b"\0" + number),
    ],
)
def test_lengths_and_indices_of_every_wrong_shape(wrap, number):
    with pytest.raises(InvalidWasm):
        examine(wrap(number), deep=True)


@pytest.mark.parametrize(
    "code",
    [
        b"\0",
        b"\0\x0b\x0b",
        b"\0\x02\x40\x0b",
        b"\0\x02\x41\x0b\x0b",
        b"\0\x41\x80\x80\x80\x80\x10\x0b",
        b"\0\x41\x80\x80\x80\x80\x80\0\x0b",
        b"\0\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x0b",
        b"\0\x43\0\0\0",
        b"\0\x20\x80\x80\x80\x80\x10\x0b",
        b"\0\x28\x80\x01\0\x0b",
        b"\0\x28\x02\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x0b",
        b"\0\x0e\xff\xff\xff\xff\x0f\0\x0b",
        b"\0\x1c\x0b\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x0b",
        b"\0\x16\x0b",
        b"\0\xfb\x80\x02\x0b",
        b"\0\xfc\x17\x0b",
        b"\0\xfd\x9a\x01\x0b",
        b"\0\xfe\x04\x0b",
        b"\0\xff\x0b",
        b"\0\xfb\x18\x04\0\x70\x70\x0b",
        b"\0\xfe\x03\x01\x0b",
        b"\0\x1f\x40\x01\x04\0\x0b\x0b",
        b"\0\xd0\x40\x0b",
        b"\x02\xff\xff\xff\xff\x0f\x7f\x01\x7f\x0b",
    ],
)
def test_code_that_is_no_code(code):
    assert not accepted(everything(), body(code))
    with pytest.raises(InvalidWasm, match="not valid WebAssembly"):
        examine(body(code), deep=True)
    assert len(examine(body(code)).outermost.functions) == 1


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (module(section(3, b"\x01\0")), "type 0 of 0"),
        (module(section(1, b"\x01\x5f\0"), section(3, b"\x01\0")), "not a function's"),
        (module(FUNCTION_TYPE, section(3, b"\x01\0")), "no body"),
        (module(FUNCTION_TYPE, section(3, b"\x01\0"), section(10, b"\x02\x02\0\x0b\x02\0\x0b")), "other than the 1"),
        (module(FUNCTION_TYPE, section(3, b"\x01\0"), section(10, b"\x01\x03\0\x0b")), "are promised"),
        (module(FUNCTION_TYPE, section(3, b"\x01\0"), section(10, b"\x01\x01\0\x0b")), "too many at the end"),
        (module(section(7, b"\x01", text(b"f"), b"\0\0")), "function 0 of 0"),
        (module(section(7, b"\x01", text(b"f"), b"\x04\0")), "tag 0 of 0"),
        (module(section(7, b"\x01", text(b"f"), b"\x05\0")), "unknown kind"),
        (module(section(8, b"\0")), "function 0 of 0"),
        (module(section(12, b"\x02"), section(11, b"\0")), "2 data segments"),
        (module(section(6, b"\x01\x7f\0\x01\x0b")), "unknown instruction 01"),
        (module(section(6, b"\x01\x7f\0\x41\0")), "unexpected end"),
        (module(section(6, b"\x01\x7f\x04\x41\0\x0b")), "unknown flags"),
        (module(section(4, b"\x01\x70\x08\0\x01")), "unknown flags"),
        (module(section(4, b"\x01\x40\x01\x70\0\0\xd0\x70\x0b")), "unknown form"),
        (module(section(5, b"\x01\0\x80\x80\x80\x80\x10")), "do not fit in 32 bits"),
        (module(section(5, b"\x01\x01\x02\x01")), "below the minimum"),
        (module(section(13, b"\x01\x01\0")), "not an exception"),
        (module(section(9, b"\x01\x08")), "unknown flags"),
        (module(section(9, b"\x01\x01\x01\0")), "not functions"),
        (module(section(11, b"\x01\x03")), "unknown flags"),
        (module(section(1, b"\x01\x5c")), "unknown form"),
        (module(section(1, b"\x01\x60\x01\x40\0")), "unknown type"),
        (module(section(1, b"\x01\x5e\x7f\x02")), "unknown flags"),
        (module(section(1, b"\x01\x50\x02\0\0\x60\0\0")), "2 entries, more than 1"),
        (module(FUNCTION_TYPE, FUNCTION_TYPE), "twice or too late"),
        (COMPONENT_HEAD + section(1, b"\0asm\x02\0\0\0"), "module of version 2"),
        (COMPONENT_HEAD + section(1, b"oops"), "does not begin as WebAssembly"),
        (COMPONENT_HEAD + section(4, COMPONENT_HEAD + b"\x01\x7f"), "127 bytes are promised"),
    ],
)  # fmt: skip
def test_sections_that_lie(data, match):
    with pytest.raises(InvalidWasm) as raised:
        examine(data)
    assert match in raised.value.cause


def nested(depth):
    data = COMPONENT_HEAD
    for _ in range(depth):
        data = COMPONENT_HEAD + section(4, data)
    return data


def test_binaries_are_nested_only_so_deep():
    assert examine(nested(MAX_DEPTH)).parts[-1].path == (0,) * MAX_DEPTH
    for depth in (MAX_DEPTH + 1, 1000):
        with pytest.raises(InvalidWasm) as raised:
            examine(nested(depth))
        assert "nested 100 deep" in raised.value.cause


def test_a_thousand_blocks_deep():
    data = body(b"\0" + b"\x02\x40" * 100_000 + b"\x0b" * 100_001)
    assert examine(data, deep=True).outermost.used == set()


@pytest.mark.parametrize(
    ("data", "is_taken"),
    [
        (COMPONENT_HEAD + section(1, MODULE_HEAD) * 20_000, False),
        (module(section(1, leb(30_000), b"\x60\x0a" + b"\x6f" * 10 + b"\0", b"\x5f\0" * 29_999)), True),
        (
            module(section(1, b"\x01\x60", leb(1000), b"\x6f" * 1000, b"\0"), section(13, leb(9000), b"\0\0" * 9000)),
            True,
        ),
        (module(section(9, leb(30_000), b"\x01\0\0" * 30_000)), True),
        (module(section(1, leb(1_000_001), b"\x5f\0" * 1_000_001)), False),
        (COMPONENT_HEAD + section(1, module(section(9, leb(1_000_000), bytes(3_000_000)))) * 4, False),
    ],
    ids=["binaries", "types", "tags", "elements", "too many types", "lies"],
)
def test_many_small_things_take_neither_long_nor_much(data, is_taken):
    tracemalloc.start()
    start = time.process_time()
    try:
        examine(data)
    except InvalidWasm:
        assert not is_taken
    else:
        assert is_taken
    taken, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 5
    assert peak < 100 * 1024**2


def test_a_file_has_only_so_many_sections_in_all_of_its_parts(monkeypatch):
    data = COMPONENT_HEAD + section(1, module(section(0, b"\0") * 5)) * 3
    assert len(read_all(data)) == 4
    monkeypatch.setattr(binary, "_MAX_ENTRIES_NESTED", 17)
    with pytest.raises(InvalidWasm, match="not valid WebAssembly") as raised:
        read_all(data)
    assert "too many sections" in raised.value.cause


def test_a_file_has_only_so_many_entries_in_all_of_its_parts():
    budget = Budget(left=10)
    reader = Reader(memoryview(b"\x06" + b"\0" * 6), 0, 7)
    assert budget.count(reader) == 6
    reader.position = 0
    with pytest.raises(InvalidWasm) as raised:
        budget.count(reader)
    assert "too many entries" in raised.value.cause


def test_read_all_gives_what_read_gives():
    data = COMPONENTS["nested"]
    outermost, *rest = read_all(data)
    assert (outermost.path, outermost.offset, outermost.binary) == ((), 0, read(data))
    for each in rest:
        alone = read(data[each.offset : each.offset + each.binary.size])
        assert (alone.kind, alone.imports, alone.memories) == (
            each.binary.kind, each.binary.imports, each.binary.memories,
        )  # fmt: skip

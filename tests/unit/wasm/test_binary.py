import contextlib
import mmap
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wasmtime import wat2wasm

from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import Export, Import, Limits

MODULE_HEAD = b"\0asm\x01\0\0\0"
COMPONENT_HEAD = b"\0asm\x0d\0\x01\0"

COMMAND = bytes(
    wat2wasm(
        """(module
          (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
          (import "env" "table" (table 1 2 funcref))
          (import "env" "memory" (memory 1 4))
          (import "env" "global" (global (mut i64)))
          (import "env" "reference" (global externref))
          (import "env" "tag" (tag (param i32)))
          (memory 2)
          (memory i64 3 5)
          (func (export "_start"))
          (export "memory" (memory 1))
          (data (i32.const 0) "hello"))"""
    )
)
COMPONENT = bytes(
    wat2wasm(
        """(component
          (import "wasi:cli/stdout@0.2.3" (instance (export "f" (func))))
          (import "log" (func (param "line" string)))
          (import "handle" (type (sub resource)))
          (import "plain" (core module (export "g" (func))))
          (core module $m (func (export "run") (result i32) i32.const 0))
          (core instance $i (instantiate $m))
          (func $run (result (result)) (canon lift (core func $i "run")))
          (instance $r (export "run" (func $run)))
          (export "wasi:cli/run@0.2.3" (instance $r))
          (export "again" (func $run) (func (result (result)))))"""
    )
)


def section(number, *parts):
    body = b"".join(parts)
    assert len(body) < 128
    return bytes([number, len(body)]) + body


def text(value):
    encoded = value.encode()
    return bytes([len(encoded)]) + encoded


def test_reads_a_module():
    binary = read(COMMAND)
    assert (binary.kind, binary.version, binary.size) == ("module", 1, len(COMMAND))
    assert binary.imports == (
        Import("wasi_snapshot_preview1", "fd_write", "function"),
        Import("env", "table", "table"),
        Import("env", "memory", "memory"),
        Import("env", "global", "global"),
        Import("env", "reference", "global"),
        Import("env", "tag", "tag"),
    )
    assert set(binary.exports) == {Export("_start", "function"), Export("memory", "memory")}
    assert binary.memories == (Limits(1, 4), Limits(2), Limits(3, 5, index_bits=64))
    assert binary.export_names == ("_start", "memory")


def test_sections_say_where_their_content_is():
    binary = read(MODULE_HEAD + section(0, text("producers"), b"xyz") + section(1, b"\0"))
    custom, types = binary.sections
    assert (custom.kind, custom.name, custom.offset, custom.size) == ("custom", "producers", 20, 3)
    assert (types.kind, types.name, types.offset, types.size) == ("type", None, 25, 1)


def test_reads_a_component():
    binary = read(COMPONENT)
    assert binary.kind == "component"
    assert binary.imports == (
        Import(None, "wasi:cli/stdout@0.2.3", "instance"),
        Import(None, "log", "function"),
        Import(None, "handle", "type"),
        Import(None, "plain", "core module"),
    )
    assert binary.exports == (Export("wasi:cli/run@0.2.3", "instance"), Export("again", "function"))
    assert "core module" in {item.kind for item in binary.sections}


def test_a_nested_binary_is_not_mistaken_for_the_outer_one():
    binary = read(COMPONENT)
    assert "run" not in binary.export_names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"\0" + text("a:b/c@1.0.0"), "a:b/c@1.0.0"),
        (b"\1" + text("a:b/c@1.0.0"), "a:b/c@1.0.0"),
        (b"\2" + text("a:b/c@0.2") + b"\1" + b"\1" + text(".6"), "a:b/c@0.2.6"),
        (b"\2" + text("x") + b"\2" + b"\0" + text("a:b/c") + b"\2" + text("id"), "x"),
    ],
)
def test_reads_every_form_of_a_component_name(name, expected):
    binary = read(COMPONENT_HEAD + section(10, b"\1", name, b"\1\0"))
    assert binary.imports == (Import(None, expected, "function"),)


def test_value_imports_and_exports():
    data = COMPONENT_HEAD + section(10, b"\2", b"\0", text("v"), b"\2\1\x73", b"\0", text("w"), b"\2\0\0")
    assert [item.kind for item in read(data).imports] == ["value", "value"]


def test_reads_a_mapped_file(tmp_path):
    path = tmp_path / "a.wasm"
    path.write_bytes(COMMAND)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert read(data) == read(COMMAND)
    assert read(memoryview(bytearray(COMMAND))) == read(COMMAND)


def test_shared_memory_and_page_sizes():
    data = MODULE_HEAD + section(5, b"\2", b"\3\1\2", b"\x08\x05\x00")
    assert read(data).memories == (Limits(1, 2, shared=True), Limits(5, page_size=1))


NOT_WASM = {
    b"": "it is empty",
    b"\x1f\x8b\x08\0": "gzip-compressed data",
    b"\x7fELF\x02\x01": "a native program or object (ELF)",
    b"  (module)": "WebAssembly text",
    b"\xde\xad\xbe\xef\0": "de ad be ef",
}


@pytest.mark.parametrize("data", NOT_WASM)
def test_says_what_a_file_is_instead(data):
    with pytest.raises(InvalidWasm) as caught:
        read(data)
    assert NOT_WASM[data] in caught.value.cause


MALFORMED = {
    "preamble-cut": (b"\0asm\x01\0", "first 8 bytes"),
    "module-of-version-2": (b"\0asm\x02\0\0\0", "version 2"),
    "unknown-layer": (b"\0asm\x01\0\x05\0", "layer 5"),
    "component-of-version-9": (b"\0asm\x09\0\x01\0", "component of version 9"),
    "section-longer-than-file": (MODULE_HEAD + b"\x01\x7f\0", "127 bytes are promised"),
    "unknown-section": (MODULE_HEAD + section(14), "unknown kind 14"),
    "component-section-in-module": (MODULE_HEAD + section(99), "unknown kind 99"),
    "section-twice": (MODULE_HEAD + section(1, b"\0") * 2, "twice or too late"),
    "sections-out-of-order": (MODULE_HEAD + section(2, b"\0") + section(1, b"\0"), "twice or too late"),
    "length-of-six-bytes": (MODULE_HEAD + b"\x01\x80\x80\x80\x80\x80\x00", "longer than 32 bits"),
    "length-over-32-bits": (MODULE_HEAD + b"\x01\xff\xff\xff\xff\x7f", "does not fit in 32 bits"),
    "count-without-entries": (MODULE_HEAD + section(2, b"\x7f"), "127 entries are promised"),
    "section-not-used-up": (MODULE_HEAD + section(2, b"\0\0"), "too many"),
    "name-not-utf8": (MODULE_HEAD + section(0, b"\1\xff"), "not UTF-8"),
    "custom-name-longer-than-section": (MODULE_HEAD + section(0, b"\x05abc"), "promised"),
    "import-of-kind-9": (MODULE_HEAD + section(2, b"\1", text("a"), text("b"), b"\x09"), "unknown kind 9"),
    "export-of-kind-9": (MODULE_HEAD + section(7, b"\1", text("a"), b"\x09\0"), "unknown kind 9"),
    "export-twice": (MODULE_HEAD + section(7, b"\2", (text("a") + b"\0\0") * 2), "same name"),
    "limits-upside-down": (MODULE_HEAD + section(5, b"\1\1\x05\x02"), "below the minimum"),
    "limits-with-flag-16": (MODULE_HEAD + section(5, b"\1\x10\0"), "unknown flags"),
    "page-of-2-to-the-64": (MODULE_HEAD + section(5, b"\1\x08\0\x40"), "page size"),
    "tag-not-an-exception": (MODULE_HEAD + section(2, b"\1", text("a"), text("b"), b"\4\1\0"), "tag"),
    "global-of-unknown-type": (MODULE_HEAD + section(2, b"\1", text("a"), text("b"), b"\3\x10\0"), "unknown type"),
    "component-name-of-form-3": (COMPONENT_HEAD + section(10, b"\1\3", text("a"), b"\1\0"), "form 3"),
    "component-import-of-kind-6": (COMPONENT_HEAD + section(10, b"\1\0", text("a"), b"\6\0"), "unknown kind 6"),
    "component-export-with-flag-2": (COMPONENT_HEAD + section(11, b"\1\0", text("a"), b"\1\0\2"), "flag 2"),
    "component-name-option-twice": (
        COMPONENT_HEAD + section(10, b"\1\2", text("a"), b"\2", (b"\1" + text("b")) * 2, b"\1\0"),
        "repeated options",
    ),
}


@pytest.mark.parametrize("defect", MALFORMED)
def test_refuses_malformed_binaries(defect):
    data, reason = MALFORMED[defect]
    with pytest.raises(InvalidWasm) as caught:
        read(data)
    assert reason in caught.value.cause
    assert "at byte" in caught.value.cause


@pytest.mark.parametrize("whole", [COMMAND, COMPONENT], ids=["module", "component"])
def test_truncation_anywhere_is_invalid_or_ends_between_sections(whole):
    ends = {item.offset + item.size for item in read(whole).sections} | {8}
    for size in range(len(whole)):
        if size in ends:
            read(whole[:size])
        else:
            with pytest.raises(InvalidWasm):
                read(whole[:size])


@pytest.mark.parametrize("whole", [COMMAND, COMPONENT], ids=["module", "component"])
def test_flipping_any_bit_never_raises_anything_else(whole):
    for position in range(len(whole)):
        for bit in range(8):
            mutated = bytearray(whole)
            mutated[position] ^= 1 << bit
            try:
                read(bytes(mutated))
            except InvalidWasm:
                continue


@settings(max_examples=300, deadline=500)
@given(st.sampled_from([b"", b"\0asm", MODULE_HEAD, COMPONENT_HEAD]), st.binary(max_size=400))
def test_random_bytes_never_raise_anything_else(head, rest):
    try:
        binary = read(head + rest)
    except InvalidWasm:
        return
    assert binary.size == len(head + rest)


@settings(max_examples=200, deadline=500)
@given(st.sampled_from([COMMAND, COMPONENT]), st.data())
def test_spliced_modules_never_raise_anything_else(whole, data):
    start = data.draw(st.integers(8, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    with contextlib.suppress(InvalidWasm):
        read(whole[:start] + data.draw(st.binary(max_size=40)) + whole[end:])


def test_reading_is_bounded_in_time():
    many = MODULE_HEAD + section(0, text("")) * 200_000
    started = time.process_time()
    with pytest.raises(InvalidWasm, match="100000 sections"):
        read(many)
    large = MODULE_HEAD + b"\x0a" + bytes([0x80, 0x80, 0x80, 0x0A]) + bytes(20 * 1024 * 1024)
    read(large)
    assert time.process_time() - started < 5


def test_every_error_offset_is_inside_the_file():
    for data, _ in MALFORMED.values():
        with pytest.raises(InvalidWasm) as caught:
            read(data)
        offset = int(caught.value.cause.removeprefix("at byte ").partition(":")[0])
        assert 0 <= offset <= len(data)

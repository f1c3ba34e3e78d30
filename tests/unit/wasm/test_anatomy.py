import mmap

import pytest
import wasmtime
from wasmtime import wat2wasm

from tests.fuzz.corpus import COMPONENTS, MODULES
from tests.unit.wasm.anatomies import USES
from wasmbuild.errors import InvalidWasm
from wasmbuild.wasm.anatomy import Extern, Function
from wasmbuild.wasm.examine import examine
from wasmbuild.wasm.model import Limits

MODULE_HEAD = b"\0asm\x01\0\0\0"
COMPONENT_HEAD = b"\0asm\x0d\0\x01\0"


REEXPORTS = """(module
    (type $unused (func (param f64)))
    (import "a" "f" (func $f (param funcref) (result f64 f32)))
    (import "a" "m" (memory $m i64 2 4 shared)) (import "a" "t" (table $t 3 funcref))
    (import "a" "g" (global $g (mut funcref)))
    (func $own (export "own") (param i32))
    (memory $more (export "more") 1) (table $objects (export "objects") 0 7 funcref)
    (export "f" (func $f)) (export "m" (memory $m)) (export "t" (table $t)) (export "g" (global $g)))"""


def leb(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def section(number, *parts):
    body = b"".join(parts)
    return bytes([number]) + leb(len(body)) + body


def text(value):
    encoded = value.encode()
    return leb(len(encoded)) + encoded


def custom(name, *parts):
    return section(0, text(name), *parts)


def module(wat, **options):
    return examine(bytes(wat2wasm(wat)), **options).outermost


def test_a_module_with_everything():
    part = module(
        """(module $whole
          (type $binary (func (param i32 i64) (result f32)))
          (import "env" "f" (func $f (type $binary)))
          (import "env" "g" (global $g (mut i32)))
          (import "env" "t" (table 1 16 funcref))
          (import "env" "m" (memory 1 4))
          (func $start)
          (func $add (export "add") (param i32) (result i32) local.get 0)
          (table (export "objects") 3 externref)
          (global (export "answer") i64 (i64.const 42))
          (export "f again" (func $f)) (export "g" (global $g)) (export "m" (memory 0))
          (start $start)
          (elem (i32.const 0) $f $start)
          (data (i32.const 0) "hello") (data "lazy"))"""
    )
    assert (part.path, part.kind, part.offset, part.name) == ((), "module", 0, "whole")
    assert part.imports == (
        Extern("f", "function", "(func (param i32 i64) (result f32))", "env"),
        Extern("g", "global", "(global (mut i32))", "env"),
        Extern("t", "table", "(table 1 16 funcref)", "env"),
        Extern("m", "memory", "(memory 1 4)", "env"),
    )
    assert part.exports == (
        Extern("add", "function", "(func (param i32) (result i32))"),
        Extern("objects", "table", "(table 3 externref)"),
        Extern("answer", "global", "(global i64)"),
        Extern("f again", "function", "(func (param i32 i64) (result f32))"),
        Extern("g", "global", "(global (mut i32))"),
        Extern("m", "memory", "(memory 1 4)"),
    )
    assert part.memories == (Limits(1, 4),)
    assert part.tables == ("(table 1 16 funcref)", "(table 3 externref)")
    assert part.globals == ("(global (mut i32))", "(global i64)")
    assert [(each.index, each.name, each.size) for each in part.functions] == [(1, "start", 2), (2, "add", 4)]
    assert (part.start, part.data_segments, part.data_bytes, part.element_segments) == (1, 2, 9, 1)
    assert part.types == ("(func (param i32 i64) (result f32))", "(func)", "(func (param i32) (result i32))")
    assert part.used is None


def test_functions_say_where_their_bodies_are():
    data = bytes(wat2wasm("(module (func) (func (result i32) i32.const 7))"))
    first, second = examine(data).outermost.functions
    assert data[first.offset : first.offset + first.size] == b"\0\x0b"
    assert data[second.offset : second.offset + second.size] == b"\0\x41\x07\x0b"
    assert (first, second.index) == (Function(0, first.offset, 2), 1)


@pytest.mark.parametrize(
    ("wat", "types"),
    [
        ("(rec (type (struct (field i8) (field (mut i16)))) (type (array (mut (ref null 0)))))",
         ("(struct (field i8) (field (mut i16)))", "(array (mut (ref null 0)))")),
        ("(type (sub (struct))) (type (sub final 0 (struct (field i31ref))))",
         ("(sub (struct))", "(sub final 0 (struct (field i31ref)))")),
        ("(type (func (param anyref eqref (ref struct) arrayref nullref) (result nullfuncref nullexternref exnref)))",
         ("(func (param anyref eqref (ref struct) arrayref nullref) (result nullfuncref nullexternref exnref))",)),
        ("(type $f (func)) (type (func (param (ref $f) (ref null func) (ref extern) v128)))",
         ("(func)", "(func (param (ref 0) funcref (ref extern) v128))")),
        ("(type (shared (struct))) (type (shared (array (ref null (shared any)))))",
         ("(shared (struct))", "(shared (array (ref null (shared any))))")),
        ("(type $f (func)) (type (cont $f))", ("(func)", "(cont 0)")),
        ("(type (array i64))", ("(array i64)",)),
    ],
)  # fmt: skip
def test_types_are_in_the_words_of_the_text_format(wat, types):
    assert module(f"(module {wat})").types == types


@pytest.mark.parametrize(
    ("wat", "words"),
    [
        ("(memory 1)", "(memory 1)"),
        ("(memory i64 1 2)", "(memory i64 1 2)"),
        ("(memory 1 2 shared)", "(memory 1 2 shared)"),
        ("(memory 5 (pagesize 1))", "(memory 5 (pagesize 1))"),
        ("(table i64 1 2 funcref)", "(table i64 1 2 funcref)"),
        ("(table 0 (ref null extern))", "(table 0 externref)"),
        ("(global (ref null any) (ref.null any))", "(global anyref)"),
        ("(global (mut v128) (v128.const i64x2 1 2))", "(global (mut v128))"),
        ("(tag (param i32 f64))", "(tag (param i32 f64))"),
        ("(tag)", "(tag)"),
    ],
)
def test_exports_have_the_types_of_what_is_defined(wat, words):
    kind = wat[1:].replace(")", " ").split()[0]
    (export,) = module(f'(module {wat} (export "it" ({kind} 0)))').exports
    assert (export.kind, export.type) == (kind, words)
    (imported,) = module(f'(module (import "m" "it" {words.replace("(tag", "(tag")}))').imports
    assert imported.type == words


def _words(kind):
    """A type of the engine's in our words."""
    match kind:
        case wasmtime.FuncType():
            groups = (("param", kind.params), ("result", kind.results))
            return " ".join(["(func", *(f"({word} {' '.join(map(str, each))})" for word, each in groups if each)]) + ")"
        case wasmtime.GlobalType():
            return f"(global (mut {kind.content}))" if kind.mutable else f"(global {kind.content})"
        case wasmtime.MemoryType() | wasmtime.TableType():
            is_table = isinstance(kind, wasmtime.TableType)
            words = ["(table" if is_table else "(memory"]
            words += ["i64"] if not is_table and kind.is_64 else []
            words += [str(bound) for bound in (kind.limits.min, kind.limits.max) if bound is not None]
            words += ["shared"] if not is_table and kind.is_shared else []
            return " ".join([*words, *([str(kind.element)] if is_table else [])]) + ")"
    return None


@pytest.mark.parametrize("name", ["command", "bulk", "constants", "memory64", "reexports"])
def test_imports_and_exports_are_those_that_an_engine_sees(name):
    data = bytes(wat2wasm(REEXPORTS)) if name == "reexports" else MODULES[name]  # others have types that it aborts on
    theirs = wasmtime.Module(wasmtime.Engine(_config()), data)
    part = examine(data).outermost
    assert [(each.module, each.name, each.type) for each in part.imports] == [
        (each.module, each.name, _words(each.type)) for each in theirs.imports
    ]
    assert [(each.name, each.type) for each in part.exports] == [
        (each.name, _words(each.type)) for each in theirs.exports
    ]


def _config():
    config = wasmtime.Config()
    config.wasm_memory64 = config.wasm_multi_memory = config.wasm_tail_call = config.wasm_threads = True
    config.wasm_exceptions = config.wasm_relaxed_simd = True
    return config


@pytest.mark.parametrize(("wat", "feature"), USES)
def test_the_code_says_which_features_it_uses(wat, feature):
    data = bytes(wat2wasm(f"(module {wat})"))
    assert feature in examine(data, deep=True).outermost.used
    assert examine(data).outermost.used is None


@pytest.mark.parametrize(
    ("wat", "features"),
    [
        ("(memory 1) (table 1 funcref) (func (export \"f\") (param i32) (result i32) local.get 0)", set()),
        ("(memory i64 1)", {"memory64"}),
        ("(memory 1) (memory 1)", {"multimemory"}),
        ("(memory 1 2 shared)", {"atomics"}),
        ("(memory 1 (pagesize 1))", {"custom-page-sizes"}),
        ("(tag)", {"exception-handling"}),
        ("(type (func (result i32 i32)))", {"multivalue"}),
        ("(type (func (param v128)))", {"simd128"}),
        ("(type (struct))", {"gc"}),
        ("(memory 1) (data \"passive\")", {"bulk-memory"}),
        ("(table 1 externref)", {"reference-types"}),
        ("(import \"a\" \"g\" (global (mut i32)))", {"mutable-globals"}),
        ("(global (export \"g\") (mut i32) (i32.const 0))", {"mutable-globals"}),
        ("(global (mut i32) (i32.const 0))", set()),
        ("(global i32 (i32.add (i32.const 1) (i32.const 2)))", {"extended-const"}),
    ],
)  # fmt: skip
def test_the_structure_says_which_features_it_declares(wat, features):
    part = module(f"(module {wat})", deep=True)
    assert part.declared == part.used == features


def test_compilers_declare_features_too():
    said = custom("target_features", b"\x03", b"+", text("simd128"), b"=", text("atomics"), b"-", text("gc"))
    assert examine(MODULE_HEAD + said).outermost.declared == {"simd128", "atomics"}
    assert examine(MODULE_HEAD + custom("target_features", b"\x7f+")).outermost.declared == set()
    assert examine(MODULE_HEAD + said, deep=True).outermost.used == set()


@pytest.mark.parametrize(
    ("code", "features"),
    [
        (b"\x41\0\x11\0\x80\0", {"call-indirect-overlong"}),
        (b"\x41\0\x11\0\x01", {"reference-types"}),
        (b"\x41\0\x11\0\0", set()),
        (b"\x06\x40\x07\0\x19\x09\0\x0b", {"legacy-exceptions"}),
        (b"\x06\x40\x18\0", {"legacy-exceptions"}),  # delegate ends its block
    ],
)
def test_instructions_that_no_text_says(code, features):
    body = b"\0" + code + b"\x0b"
    data = (
        MODULE_HEAD + section(1, b"\x01\x60\0\0") + section(3, b"\x01\0") + section(10, b"\x01", leb(len(body)), body)
    )
    assert examine(data, deep=True).outermost.used == features


@pytest.mark.parametrize("kind", ["import", "export"])
def test_a_long_type_is_not_repeated_without_end(kind):
    long = section(1, b"\x01\x60" + leb(1000) + b"\x7f" * 1000 + b"\0")
    one = section(2, b"\x01", text("") + text("f") + b"\0\0")
    imports = section(2, leb(5000), (text("") + text("f") + b"\0\0") * 5000)
    exports = section(7, leb(5000), b"".join(text(str(number)) + b"\0\0" for number in range(5000)))
    with pytest.raises(InvalidWasm) as caught:
        examine(MODULE_HEAD + long + (imports if kind == "import" else one + exports))
    assert "types that are too long for so many imports and exports" in caught.value.cause


def test_compact_imports_are_imports():
    same_module = text("env") + text("") + b"\x7f\x02" + text("a") + b"\x03\x7f\0" + text("b") + b"\x02\0\x01"
    same_type = text("env") + text("") + b"\x7e\x03\x7f\x01\x02" + text("c") + text("d")
    part = examine(MODULE_HEAD + section(2, b"\x02", same_module, same_type)).outermost
    assert [(str(each), each.type) for each in part.imports] == [
        ("env::a", "(global i32)"),
        ("env::b", "(memory 1)"),
        ("env::c", "(global (mut i32))"),
        ("env::d", "(global (mut i32))"),
    ]
    assert part.memories == (Limits(1),)
    assert part.declared == {"compact-imports", "mutable-globals"}


def test_parts_of_a_component_are_found_with_their_path():
    data = bytes(
        wat2wasm(
            """(component $outer
              (import "log" (func (param "line" string)))
              (core module $first (memory 1))
              (component $inner
                (core module $second (import "a" "b" (func)) (func $f))
                (component (core module))
                (export "m" (core module $second)))
              (core module $last (memory 2))
              (export "inner" (component $inner)))"""
        )
    )
    anatomy = examine(data)
    assert [(part.path, part.kind, part.name) for part in anatomy.parts] == [
        ((), "component", "outer"),
        ((0,), "module", "first"),
        ((1,), "component", "inner"),
        ((1, 0), "module", "second"),
        ((1, 1), "component", None),
        ((1, 1, 0), "module", None),
        ((2,), "module", "last"),
    ]
    assert anatomy.outermost.imports == (Extern("log", "function"),)
    assert anatomy.outermost.exports == (Extern("inner", "component"),)
    assert anatomy.binary.imports[0].name == "log"
    second = anatomy.parts[3]
    assert str(second.imports[0]) == "a::b"
    for part in anatomy.parts:
        inside = data[part.offset : part.offset + part.size]
        assert inside[:4] == b"\0asm"
        for each in part.sections:
            assert part.offset + 8 <= each.offset <= each.offset + each.size <= part.offset + part.size
        assert [(each.kind, each.size) for each in examine(inside).outermost.sections] == [
            (each.kind, each.size) for each in part.sections
        ]
    assert [part.memories for part in anatomy.modules()] == [(Limits(1),), (), (), (Limits(2),)]


@pytest.mark.parametrize("name", COMPONENTS)
def test_components_of_the_corpus_are_read(name):
    anatomy = examine(COMPONENTS[name], deep=True)
    assert anatomy.outermost.kind == "component"
    assert all(part.used is not None for part in anatomy.modules())


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_any_buffer_is_taken(wrap, tmp_path):
    data = bytes(wat2wasm("(module (func $f))"))
    assert examine(wrap(data)) == examine(data)
    path = tmp_path / "m.wasm"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert examine(mapped, deep=True).outermost.functions[0].name == "f"


@pytest.mark.parametrize(
    "names",
    [
        custom("name", b"\x01\x7f"),
        custom("name", section(1, b"\xff\xff\xff\xff\x0f")),
        custom("name", section(0, b"\x02\xff\xfe")),
        custom("name", b"\x01"),
        custom("name", section(1, b"\x01\0\x7fx")),
    ],
)
def test_broken_names_are_overlooked(names):
    data = bytes(wat2wasm("(module (func))")) + names
    wasmtime.Module.validate(wasmtime.Engine(), data)
    assert examine(data).outermost.functions[0].name is None


def test_names_come_from_the_first_section_only_and_other_subsections_are_skipped():
    names = custom("name", section(9, b"\x01\x02\x03"), section(1, b"\x01\0", text("zero")), section(2, b"junk"))
    data = bytes(wat2wasm("(module (func))")) + names + custom("name", section(1, b"\x01\0", text("other")))
    assert examine(data).outermost.functions[0].name == "zero"


def test_what_is_no_wasm_says_what_it_is():
    with pytest.raises(InvalidWasm, match="gzip"):
        examine(b"\x1f\x8b rest")

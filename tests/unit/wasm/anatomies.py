"""Anatomies made by hand: sections that follow each other as in a file, with headers of two bytes."""

from wasmbuild.wasm.anatomy import Anatomy, Function, Part
from wasmbuild.wasm.model import Section, WasmBinary

HEADER = 2


def sections_of(start, *named):
    """Sections of ``(id, kind, size)`` or, for custom ones, ``(0, name, size)``, from ``start`` on."""
    made, at = [], start + 8
    for number, word, size in named:
        kind, name = ("custom", word) if number == 0 else (word, None)
        made.append(Section(number, kind, at + HEADER, size, name))
        at += HEADER + size
    return tuple(made), at - start


def module(path=(), start=0, functions=(), **settings):
    """A module with a type section of 40 bytes, code, data of 300 bytes, and names of 60."""
    code = sum(size for _, size in functions) + 3
    sections, size = sections_of(start, (1, "type", 40), (10, "code", code), (11, "data", 300), (0, "name", 60))
    at, made = sections[1].offset + 3, []
    for index, (name, length) in enumerate(functions):
        made.append(Function(index, at, length, name))
        at += length
    return Part(path, "module", start, size, sections, functions=tuple(made), **settings)


def anatomy(*parts):
    outermost = parts[0]
    return Anatomy(WasmBinary(outermost.kind, 1, outermost.size, outermost.sections, (), ()), parts)


def component(*names):
    """A component that holds a module, which has a function of 500 and one of 100 bytes, and a custom section."""
    functions = tuple(zip(names, (500, 100), strict=True))
    inner = module((0,), 10, functions, name="main")
    sections, size = sections_of(0, (1, "core module", inner.size), (10, "import", 30), (0, "notes", 50))
    return anatomy(Part((), "component", 0, size, sections), inner)


USES = (
    ("(func (drop (i8x16.splat (i32.const 0))))", "simd128"),
    ("(func (drop (i32x4.relaxed_trunc_f32x4_s (v128.const i64x2 0 0))))", "relaxed-simd"),
    ("(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))", "bulk-memory"),
    ("(func (drop (i32.extend8_s (i32.const 0))))", "sign-ext"),
    ("(func (drop (i32.trunc_sat_f32_s (f32.const 0))))", "nontrapping-fptoint"),
    ("(func (drop (ref.null func)))", "reference-types"),
    ("(table 1 externref) (func (drop (table.get 0 (i32.const 0))))", "reference-types"),
    ("(func (block (param) (result i32 i32) i32.const 1 i32.const 2) drop drop)", "multivalue"),
    ("(func $f (return_call $f))", "tail-call"),
    ("(type $f (func)) (func (call_ref $f (ref.null $f)))", "function-references"),
    ("(tag $e) (func (throw $e))", "exception-handling"),
    ("(func (block $h (result exnref) (try_table (catch_all_ref $h)) return) throw_ref)", "exception-handling"),
    ("(memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0))))", "atomics"),
    ("(func (atomic.fence))", "atomics"),
    ("(type $s (struct)) (func (drop (struct.new $s)))", "gc"),
    ("(func (param anyref) (block (result i31ref) (br_on_cast 0 anyref i31ref (local.get 0)) return) drop)", "gc"),
    ("(memory 1) (memory 1) (func (drop (i32.load 1 (i32.const 0))))", "multimemory"),
    ("(func (drop (i64.add128 (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1))) drop)", "wide-arithmetic"),
    ("(type $f (func)) (type $k (cont $f)) (tag $t) (func (resume $k (on $t switch) (ref.null $k)))",
     "stack-switching"),
    ("(memory 1) (func (memory.discard (i32.const 0) (i32.const 0)))", "memory-control"),
)  # fmt: skip
"""What a module consists of, and a feature of WebAssembly without which its code is not valid."""

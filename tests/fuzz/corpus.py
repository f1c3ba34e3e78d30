"""Small files of every kind that the parser of wasm is tried on: each feature at least once."""

from functools import cache

from wasmtime import Config, Engine, Module, WasmtimeError, wat2wasm

__all__ = ["COMPONENTS", "MODULES", "accepted", "everything"]

_MODULES = {
    "empty": "(module)",
    "command": """(module $hello
        (type $write (func (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (type $write)))
        (import "env" "g" (global (mut i64)))
        (memory (export "memory") 1 4)
        (table (export "table") 2 8 funcref)
        (global (export "top") i32 (i32.const 65536))
        (func $main (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func $pick (param i32) (result i32) (local i64 f32 f64)
            (block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 1))))
            (loop (br_if 0 (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
            (if (result i32) (local.get 0)
                (then (i32.load8_u offset=300 (i32.const -5))) (else (i32.const 0x7fffffff))))
        (func $floats (result f64)
            (f64.add (f64.const 1.5) (f64.promote_f32 (f32.const -0))))
        (func $wide (result i64) (i64.mul (i64.const -9223372036854775808) (i64.const 9223372036854775807)))
        (func $indirect (call_indirect (type 1) (i32.const 0)))
        (start $main)
        (elem (i32.const 0) $main $indirect)
        (data (i32.const 16) "hello\\n"))""",
    "bulk": """(module
        (memory 1) (table 4 funcref) (table 4 externref)
        (func $f
            (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d)
            (memory.copy (i32.const 0) (i32.const 1) (i32.const 2))
            (table.init 0 $e (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e)
            (table.copy 0 0 (i32.const 0) (i32.const 1) (i32.const 2))
            (drop (table.grow 1 (ref.null extern) (i32.const 1)))
            (table.fill 1 (i32.const 0) (ref.null extern) (i32.const 1))
            (drop (select (result funcref) (ref.null func) (ref.func $f) (i32.const 0))))
        (elem $e func $f) (elem declare func $f) (elem (table 0) (i32.const 1) funcref (ref.func $f) (ref.null func))
        (elem externref (ref.null extern))
        (data $d "passive"))""",
    "simd": """(module (memory 1)
        (global v128 (v128.const i32x4 1 2 3 4))
        (func (param v128) (result v128)
            (v128.store align=4 (i32.const 0) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31
                (local.get 0) (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))
            (v128.load16_lane offset=2 3 (i32.const 0) (f32x4.replace_lane 2 (local.get 0) (f32.const 1)))))""",
    "gc": """(module
        (rec (type $node (sub (struct (field $next (mut (ref null $node))) (field i8))))
             (type $leaf (sub final $node (struct (field (mut (ref null $node))) (field i8) (field v128)))))
        (type $bytes (array (mut i8))) (type $refs (array (ref null $node)))
        (global (ref null $node) (struct.new $node (ref.null $node) (i32.const 1)))
        (global (ref $bytes) (array.new_fixed $bytes 2 (i32.const 1) (i32.const 2)))
        (global (ref i31) (ref.i31 (i32.const 7)))
        (func (export "walk") (param $n (ref null $node)) (result i32)
            (block $done (result (ref null $node))
                (br_on_cast $done (ref null $node) (ref $leaf) (local.get $n))
                (drop (br_on_null 0 (local.get $n)))
                (return (struct.get_u $node 1 (ref.as_non_null (local.get $n)))))
            (ref.test (ref null $leaf)))
        (func (param externref) (result i32)
            (drop (ref.cast i31ref (any.convert_extern (local.get 0))))
            (array.len (array.new_default $bytes (i32.const 3)))))""",
    "exceptions": """(module
        (tag $e (import "m" "e") (param i32)) (tag (export "own"))
        (func (result i32)
            (block $caught (result i32)
                (block $all (result exnref)
                    (try_table (result i32) (catch $e $caught) (catch_all_ref $all) (throw $e (i32.const 1)))
                    (return))
                (throw_ref))))""",
    "memory64": """(module
        (memory i64 1 8) (memory (export "second") 1 1 shared) (memory 1)
        (table i64 1 2 funcref)
        (func (param i64) (result i64)
            (i64.store offset=0x100000000 (local.get 0) (i64.load 1 offset=8 (i32.const 0)))
            (drop (memory.grow 2 (i32.const 1)))
            (memory.copy 0 1 (i64.const 0) (i32.const 0) (i32.const 1))
            (i64.atomic.rmw.add 1 (i32.const 8) (i64.const 1)))
        (func (drop (memory.atomic.wait32 1 (i32.const 0) (i32.const 0) (i64.const -1))) (atomic.fence)))""",
    "calls": """(module
        (type $f (func (param i32) (result i32 i64))) (type $r (func (result (ref null $f))))
        (import "m" "f" (func $imported (type $f))) (import "m" "r" (func (type $r)))
        (export "again" (func $imported))
        (table 1 (ref null $f)) (table 2 (ref func) (ref.func $tail))
        (elem declare func $tail $imported)
        (func $tail (param i32) (result i32 i64) (return_call $imported (local.get 0)))
        (func (param i32) (result i32 i64) (return_call_indirect 0 (type $f) (local.get 0) (i32.const 0)))
        (func (param i32) (result i32 i64) (call_ref $f (local.get 0) (ref.func $tail)))
        (func (param i32) (result i32 i64)
            (local.get 0) (block (param i32) (result i32 i64) (return_call_ref $f (ref.func $imported))))
        (func (result i32) (i32.extend16_s (i32.trunc_sat_f64_u (f64.const 1)))))""",
    "constants": """(module
        (import "m" "g" (global $g i32)) (memory 1) (table 9 funcref)
        (global i64 (i64.add (i64.const 1) (i64.mul (i64.const 2) (i64.const -3))))
        (global f32 (f32.const nan)) (global f64 (f64.const inf)) (global externref (ref.null extern))
        (func $f)
        (elem (i32.add (global.get $g) (i32.const 1)) func $f) (data (global.get $g) "x"))""",
}
_COMPONENTS = {
    "empty": "(component)",
    "command": """(component $hello
        (import "wasi:cli/stdout@0.2.3" (instance (export "f" (func))))
        (import "handle" (type (sub resource)))
        (import "plain" (core module (export "g" (func))))
        (core module $m (func $run (export "run") (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $r (export "run" (func $run)))
        (export "wasi:cli/run@0.2.3" (instance $r))
        (export "again" (func $run) (func (result (result)))))""",
    "nested": """(component
        (type (record (field "a" u8) (field "b" (list string))))
        (component $in (core module $m (memory 1) (func $f (drop (i64.load (i32.const 0))))) (component (component)))
        (instance (instantiate $in)))""",
}

MODULES = {name: bytes(wat2wasm(wat)) for name, wat in _MODULES.items()}
COMPONENTS = {name: bytes(wat2wasm(wat)) for name, wat in _COMPONENTS.items()}


@cache
def everything() -> Engine:
    """An engine that takes every feature which it can be told to take."""
    config = Config()
    for feature in ("memory64", "multi_memory", "tail_call", "threads", "exceptions", "relaxed_simd", "gc"):
        setattr(config, f"wasm_{feature}", True)
    config.wasm_function_references = config.wasm_wide_arithmetic = config.wasm_custom_page_sizes = True
    config.wasm_simd = config.wasm_bulk_memory = config.wasm_reference_types = config.wasm_multi_value = True
    return Engine(config)


def accepted(engine: Engine, data: bytes) -> bool:
    """Whether the engine takes it for a module."""
    try:
        Module.validate(engine, data)
    except WasmtimeError:
        return False
    return True

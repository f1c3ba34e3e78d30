"""Guests in the text format, each with one thing that it does."""

from wasmtime import wat2wasm

from wasmbuild.run.program import Program
from wasmbuild.wasm.binary import read

WASI = "wasi_snapshot_preview1"


def program(wat, name="guest.wasm"):
    wasm = wat2wasm(wat) if isinstance(wat, str) else wat
    return Program(name, wasm, read(wasm))


def command(body, imports="", more=""):
    return f'(module {imports} (memory (export "memory") 1) {more} (func (export "_start") {body}))'


def exits(code):
    imports = f'(import "{WASI}" "proc_exit" (func $exit (param i32)))'
    return command(f"i32.const {code} call $exit", imports)


# Writes its last argument to standard output: iovec at 0, argv at 16, argument bytes at 1024.
ECHO = command(
    """
    (drop (call $sizes (i32.const 4) (i32.const 8)))
    (drop (call $get (i32.const 16) (i32.const 1024)))
    (i32.store (i32.const 0)
      (i32.load (i32.add (i32.const 12) (i32.mul (i32.const 4) (i32.load (i32.const 4))))))
    (i32.store (i32.const 4)
      (i32.sub (i32.add (i32.const 1023) (i32.load (i32.const 8))) (i32.load (i32.const 0))))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))""",
    f"""(import "{WASI}" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "{WASI}" "args_get" (func $get (param i32 i32) (result i32)))
        (import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))""",
)

# Copies up to 100 bytes of standard input to standard error.
COPY_BODY = """
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 100))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))"""
COPY_IMPORTS = f"""
    (import "{WASI}" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"""
COPY = command(COPY_BODY, COPY_IMPORTS)

# Exits with the number of environment variables, plus 100 when descriptor 3 is a preopened folder.
LOOKS_AROUND = command(
    """
    (drop (call $environ (i32.const 0) (i32.const 4)))
    (call $exit (i32.add (i32.load (i32.const 0))
      (i32.mul (i32.const 100) (i32.eqz (call $prestat (i32.const 3) (i32.const 8))))))""",
    f"""(import "{WASI}" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
        (import "{WASI}" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (import "{WASI}" "proc_exit" (func $exit (param i32)))""",
)

# Three that say "ready" on standard error and then do not end by themselves.
READY = """
    (i32.store (i32.const 0) (i32.const 900))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))"""
READY_TEXT = '(data (i32.const 900) "ready\\n")'
LOOP = command(READY + "(loop $again (br $again))", COPY_IMPORTS, READY_TEXT)
READ = command(READY + COPY_BODY, COPY_IMPORTS, READY_TEXT)

# poll_oneoff with one relative clock subscription of an hour.
SLEEP = command(
    READY
    + """
    (i32.store8 (i32.const 48) (i32.const 0))
    (i32.store (i32.const 56) (i32.const 1))
    (i64.store (i32.const 64) (i64.const 3600000000000))
    (drop (call $poll (i32.const 40) (i32.const 200) (i32.const 1) (i32.const 300)))""",
    COPY_IMPORTS + f'(import "{WASI}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))',
    READY_TEXT,
)


def component(result, imports=""):
    return f"""(component {imports}
      (core module $m (func (export "run") (result i32) {result}))
      (core instance $i (instantiate $m))
      (func $run (result (result)) (canon lift (core func $i "run")))
      (instance $r (export "run" (func $run)))
      (export "wasi:cli/run@0.2.3" (instance $r)))"""


# Writes a line to standard output for ever, and never looks at the error.
YES = command(
    """
    (i32.store (i32.const 0) (i32.const 900))
    (i32.store (i32.const 4) (i32.const 6))
    (loop $again (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))""",
    COPY_IMPORTS,
    READY_TEXT,
)


# Lets its memory grow by so many pages: 1 is its exit code when it cannot, or it gives up.
def grows(pages, index="i32", otherwise="(call $exit (i32.const 1))"):
    return f"""(module (import "{WASI}" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") {"i64" if index == "i64" else ""} 1)
      (func (export "_start")
        (if ({index}.eq (memory.grow ({index}.const {pages})) ({index}.const -1)) (then {otherwise}))))"""

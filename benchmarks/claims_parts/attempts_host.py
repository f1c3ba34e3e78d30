"""Tries to reach the host itself: descriptors, variables, sockets, processes, imports of its own."""

from .attempt import Attempt, calls, probe, starts, wat

HOST = (
    probe(
        "descriptors",
        "use 3 to 100, of which the host has one open on the secret",
        "descriptors",
        "3",
        options=(),
        says="none is open",
    ),
    probe("descriptors", "use 4 to 100 beside its folder", "descriptors", "4", says="none is open"),
    probe(
        "environment", "read the host's variables, a secret among them", "environment", options=(), says="0 variables"
    ),
    probe(
        "sockets",
        "accept and send on descriptors 0 to 100, one of them a socket of the host",
        "sockets",
        options=(),
        says="refused: 57",
    ),
    Attempt(
        "sockets",
        "connect by TCP (WASI 0.2), where somebody listens",
        "connect.wat",
        code=1,
        means="WASI gave access-denied",
    ),
    Attempt("sockets", "the same with --strict", "connect.wat", options=("--strict",), code=4, says="WB403"),
    Attempt("HTTP", "make a request (WASI 0.2) without the grant", "request.wat", code=134, says="--allow http"),
    Attempt("HTTP", "the same with --strict", "request.wat", options=("--strict",), code=4, says="WB403"),
    wat("processes", "import fork", calls("env", "fork"), code=4, says="env::fork"),
    wat("processes", "import execve", calls("env", "execve"), code=4, says="env::execve"),
    wat(
        "processes", "import WASIX's proc_fork", calls("wasix_32v1", "proc_fork"), code=4, says="wasix_32v1::proc_fork"
    ),
    wat(
        "processes",
        "call an allowed foreign import: there is nothing behind it",
        calls("env", "fork"),
        "--allow",
        "env::fork",
        code=134,
        says="error[WB703]: the guest called fork",
    ),
    wat(
        "processes",
        "send its host a signal (proc_raise 9), and trap if that worked",
        '(import "wasi_snapshot_preview1" "proc_raise" (func $it (param i32) (result i32)))'
        + starts("(if (i32.eqz (call $it (i32.const 9))) (then unreachable))"),
        code=0,
        says="",
        means="WASI gave an error",
    ),
    wat(
        "threads",
        "import thread-spawn with a shared memory",
        '(import "wasi" "thread-spawn" (func $it (param i32) (result i32)))'
        '(import "env" "memory" (memory 1 2 shared)) (func (export "_start") (drop (call $it (i32.const 0))))',
        code=1,
        says="WB706",
    ),
    wat(
        "unknown import",
        "a function that WASI does not have",
        calls("wasi_snapshot_preview1", "proc_spawn"),
        code=4,
        says="proc_spawn",
    ),
    wat("unknown import", "terminal escapes in its name", calls("\\1b]0;owned\\07", "\\1b[2J"), code=4, says="\\x1b"),
    wat(
        "unknown import",
        "a memory of the host's",
        '(import "env" "memory" (memory 1)) (func (export "_start"))',
        code=1,
        says="WB706",
    ),
    Attempt("machine code", "hand over machine code in place of WebAssembly", "\x7fELF", code=1, says="error[WB"),
)

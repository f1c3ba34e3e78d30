"""Run broken files in the sandbox: ``python -m tests.fuzz.fuzz_run --seconds 60 [FILE…]``.

Each batch of mutated files is a process of its own, so that one that aborts is seen: the engine's package
ends the process for some values and types that it does not know. Every file must be decided on and then
run, or a function of it be called, with an exit code or a Failure as its end; within its time limit, and
without anything that could steer a terminal in its words. The first file that breaks this is written to
``--keep``.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from wasmtime import wat2wasm

from registry.errors import Failure
from registry.words import printable
from tests.fuzz.corpus import COMPONENTS, MODULES
from tests.fuzz.targets.wasm import mutated
from wasmbuild.run.calls.invocation import Invocation
from wasmbuild.run.deciding.decision import decide
from wasmbuild.run.deciding.wishes import parse_wish
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.program import Program
from wasmbuild.run.sandbox import run
from wasmbuild.run.supervisor import guest_is_left
from wasmbuild.wasm.binary import read

BATCH = 200
_SLOW = 10.0
_LIMITS = GuestLimits(memory_bytes=64 * 1024**2, seconds=0.5, fuel=1_000_000, table_elements=10_000, tables=20)
_ENGINES = {"plain": GuestLimits(memory_bytes=1024**3, seconds=0.5), "limited": _LIMITS}
_ARGUMENTS = ("1", "-1", "1.5", "x", '"x"', "[]", "{}", "none", "(1, 2)", "some(1)")
_WASI = "wasi_snapshot_preview1"
_VALUES = {
    "v128": "(v128.const i64x2 1 2)",
    "externref": "(ref.null extern)",
    "funcref": "(ref.func $f)",
    "i31ref": "(ref.i31 (i32.const 1))",
    "(ref null $s)": "(struct.new $s (i32.const 1))",
    "exnref": "(ref.null exn)",
}
_CALLING = [
    f"""(module (type $s (struct (field i32))) (import "env" "f" (func $f (param {kind})))
      (import "{_WASI}" "proc_exit" (func $exit (param i32)))
      (import "{_WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (elem declare func $f) (tag (export "tag") (param {kind})) (memory (export "memory") 1 3)
      (func $wild (call $exit (call $write (i32.const 1) (i32.const -9) (i32.const 1) (i32.const 8))))
      (func (export "_start") (call $f {value}) (call $wild)) (func (export "_initialize"))
      (func (export "returns") (result {kind}) {value}) (func (export "takes") (param {kind})))"""
    for kind, value in _VALUES.items()
]
_COMPONENT = """(component
    (type $r (record (field "a" u8) (field "b" (list string)))) (export $record "r" (type $r))
    (import "acme:x/y" (instance (export "t" (type (sub resource))) (export "f" (func (param "x" (list u8))))))
    (core module $m (memory (export "m") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
      (func (export "run") (result i32) i32.const 0)
      (func (export "id") (param i32 i32) (result i32) (i32.store (i32.const 8) (local.get 0))
        (i32.store (i32.const 12) (local.get 1)) i32.const 8)
      (func (export "rec") (param i32 i32 i32) (result i32) i32.const 16)
      (func (export "opt") (param i32 i32) (result i32) i32.const 32))
    (core instance $i (instantiate $m)) (alias core export $i "m" (core memory $mem))
    (alias core export $i "realloc" (core func $new)) (alias core export $i "id" (core func $id))
    (alias core export $i "rec" (core func $rec)) (alias core export $i "opt" (core func $opt))
    (alias core export $i "run" (core func $go))
    (func (export "id") (param "s" string) (result string) (canon lift (core func $id)
      (memory $mem) (realloc $new)))
    (func (export "rec") (param "r" $record) (result $record) (canon lift (core func $rec)
      (memory $mem) (realloc $new)))
    (func (export "opt") (param "o" (option u32)) (result (option u32)) (canon lift (core func $opt) (memory $mem)))
    (func $run (result (result)) (canon lift (core func $go)))
    (instance $run (export "run" (func $run))) (export "wasi:cli/run@0.2.3" (instance $run)))"""


def beginning() -> list[bytes]:
    """Files that do something, and those that the parser is tried on."""
    doing = [bytes(wat2wasm(wat)) for wat in (*_CALLING, *[_COMPONENT] * 3)]
    return [*MODULES.values(), *COMPONENTS.values(), *doing * 4]


def check(data: bytes, rng: random.Random) -> str:
    """How the file ended, in one word. Raises whatever is no Failure, AssertionError for a broken promise."""
    start = time.monotonic()
    try:
        ended = _run(data, rng)
    except Failure as failure:
        text = f"{failure.what}\n{failure.cause or ''}\n{failure.hint or ''}"
        if any(line != printable(line, len(line)) for line in text.split("\n")):
            raise AssertionError(f"words that are not printable: {text!r}") from failure
        if "ffi" in text:
            raise AssertionError(f"words that are not for people: {text}") from failure
        ended = type(failure).__name__
    if time.monotonic() - start > _SLOW:
        raise AssertionError(f"{time.monotonic() - start:.1f} s until {ended}")
    return ended


def _run(data: bytes, rng: random.Random) -> str:
    program = Program("guest.wasm", data, read(data))
    wish = parse_wish(allow=["*"] if rng.random() < 0.9 else [])
    decision = decide(program.binary, None, wish)
    decision.check("guest.wasm")
    names = [name for name in program.binary.export_names if not name.startswith("wasi:")]
    invoke = None
    if names and rng.random() < 0.5:
        arguments = tuple(rng.choices(_ARGUMENTS, k=rng.randrange(3)))
        invoke = Invocation(rng.choice(names), arguments, lambda text: text.encode())
    limits = _ENGINES[rng.choice(list(_ENGINES))]
    code = run(program, ["guest"], grants=decision.grants, stubs=decision.stubs, limits=limits, invoke=invoke)
    return "invoked" if invoke else f"code {min(code, 1)}"


def batch(folder: Path, seed: int, keep: Path) -> None:
    """Run a batch in this process; the file that is being run is always in ``keep``."""
    rng = random.Random(seed)
    corpus = [*beginning(), *(path.read_bytes() for path in folder.iterdir())]
    ends: Counter[str] = Counter()
    for _ in range(BATCH):
        data = mutated(corpus, rng) if rng.random() < 0.9 else rng.choice(corpus)
        keep.write_bytes(data)
        ends[check(data, rng)] += 1
        end = time.monotonic() + _SLOW  # what is still being compiled when its time is up goes on until it is
        while guest_is_left():
            if time.monotonic() > end:
                raise AssertionError("a guest did not end")
            time.sleep(0.01)
    keep.unlink()
    sys.stdout.write("\n".join(f"{count} {name}" for name, count in ends.items()))
    sys.stdout.flush()
    os._exit(0)


def fuzz(seconds: float, seed: int, keep: Path, files: list[Path]) -> Counter[str]:
    """Run batches for a while; how the files ended. Raises AssertionError for a batch that did not end well."""
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        for number, file in enumerate(files):
            (Path(name) / str(number)).write_bytes(file.read_bytes())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            command = [sys.executable, "-m", "tests.fuzz.fuzz_run", "--batch", name, "--seed", str(seed)]
            finished = subprocess.run(
                [*command, "--keep", str(keep)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", timeout=BATCH * _SLOW, check=False,
            )  # fmt: skip
            if finished.returncode != 0:
                said = finished.stderr[-3000:]
                raise AssertionError(f"seed {seed} ended with {finished.returncode}, its file is {keep}\n{said}")
            counts = (line.split(" ", 1) for line in finished.stdout.splitlines()[-40:] if line[:1].isdigit())
            ends.update({name: int(count) for count, name in counts if count.isdigit()})
            seed += 1
    return ends


def main() -> None:
    """Fuzz for a while."""
    parser = argparse.ArgumentParser(description="Fuzz the sandbox.")
    parser.add_argument("files", nargs="*", type=Path, help="more files to begin with")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--batch", type=Path, help="run one batch, with the files of this folder (used by itself)")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-run-found.wasm"))
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else time.time_ns() % 2**32
    if given.batch:
        batch(given.batch, seed, given.keep)
    ends = fuzz(given.seconds, seed, given.keep, given.files)
    sys.stdout.write(f"seed {seed}: {sum(ends.values())} files, nothing found; {dict(ends.most_common())}\n")


if __name__ == "__main__":
    main()

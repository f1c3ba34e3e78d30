"""The main job, for real: every command is printed before it is run.

A registry is started; a C project is made, built, signed and pushed; then, as somebody else on an
empty machine would, the artifact is verified, pulled and run; and at the end three ways of
tampering with it are shown to be caught. Everything happens in a temporary folder and on the
loopback interface, and is gone afterwards, also after Ctrl-C.
"""

import hashlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

CHECKOUT = Path(__file__).resolve().parent.parent
DENIED = 4
COMMAND_SECONDS = 900
SERVER_SECONDS = 60


class DemoFailed(Exception):
    """A command did not do what the demo says it does."""


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    stdout: str
    stderr: str


@dataclass
class Shell:
    """Runs commands in a folder, and shows them and what they print as it comes."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, expect: int = 0) -> Finished:
        """Run one command to its end.

        Raises DemoFailed when it ends with another code than was expected.
        """
        show(command)
        process = self._start(*command)
        with ended(process):
            stdout, stderr = Tee(process.stdout, sys.stdout), Tee(process.stderr, sys.stderr)
            code = process.wait(COMMAND_SECONDS)
            finished = Finished(code, stdout.text(), stderr.text())
        if code != expect:
            raise DemoFailed(f"{command[0]} {command[1]} ended with {code} instead of {expect}")
        return finished

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command that goes on in the background."""
        show((*command, "&"))
        return self._start(*command)

    def _start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class Tee:
    """Passes lines on as they come, and keeps them."""

    def __init__(self, source: IO[str] | None, sink: IO[str]) -> None:
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._pass_on, args=(source, sink), daemon=True)
        self._thread.start()

    def _pass_on(self, source: IO[str] | None, sink: IO[str]) -> None:
        for line in source or ():
            self._lines.append(line)
            print(line, end="", file=sink, flush=True)

    def text(self) -> str:
        """All of it, once the other side has closed."""
        self._thread.join(COMMAND_SECONDS)
        return "".join(self._lines)


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Make sure that a process is gone after the block, whatever happened in it."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def registry(shell: Shell, data: Path) -> Iterator[str]:
    """A registry in the background; its address."""
    process = shell.start("wasmbuild", "serve", "--data", str(data), "--listen", "127.0.0.1:0")
    with ended(process):
        stdout, _ = Tee(process.stdout, sys.stdout), Tee(process.stderr, sys.stderr)
        deadline = time.monotonic() + SERVER_SECONDS
        while not stdout._lines:  # noqa: SLF001 - the first line is the address
            if process.poll() is not None or time.monotonic() > deadline:
                raise DemoFailed("the registry did not start")
            time.sleep(0.02)
        yield stdout._lines[0].strip()  # noqa: SLF001


def show(command: tuple[str, ...]) -> None:
    """Print a command as one would type it."""
    words = " ".join(word if word == "&" else shlex.quote(word) for word in command)
    print(f"\n$ {words}", flush=True)


def say(text: str) -> None:
    """Print what comes next."""
    print(f"\n# {text}", flush=True)


def check(holds: bool, what: str) -> None:
    """Insist on something.

    Raises DemoFailed.
    """
    if not holds:
        raise DemoFailed(what)


def expect_denied(finished: Finished, words: str) -> None:
    """Insist that a refusal says why."""
    check(words in finished.stderr, f"the refusal does not say: {words}")
    check(finished.stdout == "", "a refused command printed a result")


def publish(shell: Shell, address: str) -> str:
    """Make, build, sign and push; the reference by digest."""
    say("1. somebody makes a project, builds it, and publishes it with a signature")
    shell.run("wasmbuild", "new", "--template", "c-cli", "hello")
    shell.run("wasmbuild", "keys", "generate")
    project = Shell(shell.folder / "hello", shell.environment)
    project.run("wasmbuild", "build")
    tagged = f"{address}/demo/hello:1.0.0"
    pushed = project.run("wasmbuild", "push", tagged, "--sign", "--key", "../wasmbuild.key")
    check(pushed.stdout.startswith(f"{address}/demo/hello@sha256:"), "push did not print the reference by digest")
    return pushed.stdout.strip()


def use(work: Path, pinned: str, tagged: str) -> Path:
    """Verify, pull and run as somebody else would; the file that was pulled."""
    say("2. somebody else, with nothing but the public key, verifies, pulls and runs it")
    shell = stranger(work, "friend")
    shell.run("wasmbuild", "verify", pinned, "--key", "../wasmbuild.pub")
    shell.run("wasmbuild", "pull", pinned, "-o", "hello.wasm", "--key", "../wasmbuild.pub")
    greeting = shell.run("wasmbuild", "run", tagged, "--", "Ada")
    check(greeting.stdout == "Hello, Ada, from WebAssembly!\n", "the guest did not greet")
    return shell.folder / "hello.wasm"


def stranger(work: Path, name: str) -> Shell:
    """A shell in an empty folder, with an empty cache."""
    folder = work / name
    folder.mkdir()
    return Shell(folder, {"WASMBUILD_CACHE_DIR": str(work / f"cache-of-{name}")})


def tamper(work: Path, shell: Shell, address: str, pulled: Path) -> None:
    """Three attacks, each met by an empty cache."""
    key = ("--key", "../wasmbuild.pub")
    tagged = f"{address}/demo/hello:1.0.0"
    encoded = hashlib.sha256(pulled.read_bytes()).hexdigest()
    (blob,) = (work / "data" / "blobs").rglob(encoded)

    say("3. tampering (a): one byte of the blob changes on the registry's disk")
    where = str(blob.relative_to(work))
    offset = next(number for number, byte in enumerate(blob.read_bytes()) if number >= 1000 and byte != 0)
    shell.run("cp", where, "kept.wasm")
    shell.run("dd", "if=/dev/zero", f"of={where}", "bs=1", "count=1", f"seek={offset}", "conv=notrunc", "status=none")
    denied = stranger(work, "victim-a").run("wasmbuild", "pull", tagged, "-o", "hello.wasm", *key, expect=DENIED)
    expect_denied(denied, "does not match its digest")
    check(not (work / "victim-a" / "hello.wasm").exists(), "a file was written although it was refused")
    shell.run("cp", "kept.wasm", where)

    say("4. tampering (b): one byte of the signature changes, and everything is pushed with correct digests")
    forged = f"{address}/demo/forged:1.0.0"
    Shell(CHECKOUT).run("python", "scripts/forge.py", tagged, forged)
    denied = stranger(work, "victim-b").run("wasmbuild", "pull", forged, "-o", "hello.wasm", *key, expect=DENIED)
    expect_denied(denied, "it is not valid for this key")

    say("5. tampering (c): the tag moves to other bytes, which nobody has signed")
    shell.run("sed", "-i", "s/Hello/Goodbye/", "hello/src/main.c")
    shell.run("wasmbuild", "push", tagged, "--project", "hello")
    denied = stranger(work, "victim-c").run("wasmbuild", "verify", tagged, *key, expect=DENIED)
    expect_denied(denied, "is not signed")


def demo(work: Path) -> None:
    """The whole of it, in a folder that is empty."""
    shell = Shell(work, {"WASMBUILD_KEY_PASSWORD": ""})
    with registry(shell, work / "data") as address:
        pinned = publish(shell, address)
        pulled = use(work, pinned, f"{address}/demo/hello:1.0.0")
        tamper(work, shell, address, pulled)


def main() -> int:
    """Run the demo in a temporary folder; 0 when everything happened as it says."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="wasmbuild-demo-", ignore_cleanup_errors=True) as folder:
            demo(Path(folder).resolve())
    except DemoFailed as failure:
        print(f"\nthe demo failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; everything that was started is ended", file=sys.stderr)
        return 130
    say(f"done in {time.monotonic() - began:.1f} s: built, signed, pushed, verified, pulled, run; three attacks caught")
    return 0


def _end(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())

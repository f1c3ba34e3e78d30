"""Claim: a guest can do what it was granted, and nothing else. Runs the table of ``attempts`` and judges each.

The judge does not take the guest's word: a secret lies outside of what is granted, in files, in the environment and
behind descriptors that are open, and must not come out; nothing outside may change; nobody may connect; and time and
memory are bounded.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import wasmtime

from .attempts import ATTEMPTS, CONTROLS, Attempt
from .compilers import WASM, compile_c
from .report import Section, Table
from .workspace import PROGRAMS, WASMBUILD, Workspace, clean

__all__ = ["Arena", "Outcome", "arena", "measure"]

DONE = 99
"""How our guests end when they could do what they tried."""

MOST_MEMORY = 640 * 1024 * 1024
"""Bytes that a process may have had: what is granted at most in the table, and an interpreter."""

_WASI_CODES = {"refused: 63": "error 63: operation not permitted", "refused: 57": "error 57: not a socket"}
_ELF = b"\x7fELF\x02\x01\x01\xc8" + bytes(56)
"""The head of a file of code that an engine compiled before; 200 is its system."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: the faults, of which there must be none, and what a person would have seen.

    ``escaped`` says that the guest did what it must not; without it, a fault is an end that says neither.
    """

    attempt: Attempt
    faults: tuple[str, ...]
    observed: str
    escaped: bool = False


@dataclass(frozen=True, slots=True)
class Arena:
    """Where attempts are made: a folder, the guests in it, a secret, and a listener that nobody may reach."""

    folder: Path
    probe: Path
    secret: str
    listener: socket.socket

    def attempt(self, attempt: Attempt) -> Outcome:
        """Make one attempt in fresh folders."""
        places = self._fresh()
        read_only = any(word.endswith(":ro") for word in attempt.options)
        guarded = [places[name] for name in ("outside", "other", *(["granted"] if read_only else []))]
        before = [_state(folder) for folder in guarded]
        code, text, seconds, memory = self._run(attempt, places)
        said = any(words in text for words in attempt.says.split("|"))
        breaches = {
            "the secret came out": self.secret in text,
            "a terminal escape came out": "\x1b" in text,
            "a folder changed that it may not write to": [_state(folder) for folder in guarded] != before,
            "somebody connected": self._reached(),
            f"it took {seconds:.1f} s": seconds > attempt.seconds,
            f"it had {memory} bytes": memory > MOST_MEMORY and attempt.kind != "control",
        }
        surprises = {
            f"it ended with {code} and not with {attempt.code}": code != attempt.code,
            f"it did not say {attempt.says!r}": not said,
        }
        faults = tuple(words for words, is_so in (breaches | surprises).items() if is_so)
        escaped = any(breaches.values()) or (code == DONE and attempt.code != DONE)
        return Outcome(attempt, faults, _observed(attempt, code, text), escaped)

    def _fresh(self) -> dict[str, Path]:
        place = self.folder / "host"
        shutil.rmtree(place, ignore_errors=True)
        places = {name: place / name for name in ("granted", "outside", "other")}
        for folder in places.values():
            folder.mkdir(parents=True)
        granted = places["granted"]
        (granted / "inner").mkdir()
        (granted / "own.txt").write_text("its own")
        for name in ("outside", "other"):
            (places[name] / "secret.txt").write_text(self.secret)
        (granted / "relative-link").symlink_to("../outside/secret.txt")
        (granted / "absolute-link").symlink_to(places["outside"] / "secret.txt")
        (granted / "link-up").symlink_to("..")
        return places

    def _guest(self, attempt: Attempt) -> Path:
        if attempt.guest == "probe":
            return self.probe
        made = self.folder / "guest.wasm"
        if attempt.guest.startswith("\x7fELF"):
            made.write_bytes(_ELF)
            return made
        text = attempt.guest if attempt.guest.startswith("(") else (PROGRAMS / attempt.guest).read_text()
        port = str(self.listener.getsockname()[1])
        made.write_bytes(bytes(wasmtime.wat2wasm(text.replace("45679", port))))
        return made

    def _run(self, attempt: Attempt, places: dict[str, Path]) -> tuple[int, str, float, int]:
        """Run it with open descriptors and a full environment: exit code, what came out, seconds, bytes."""

        def filled(text: str) -> str:
            return text.format(**{name: str(path) for name, path in places.items()}) if "{" in text else text

        options, arguments = map(filled, attempt.options), map(filled, attempt.arguments)
        command = [WASMBUILD, "run", *options, str(self._guest(attempt)), *arguments]
        never, silent = os.pipe()
        began = time.perf_counter()
        with (places["outside"] / "secret.txt").open("rb") as file, tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command,
                cwd=places["granted"],
                env={**os.environ, "CLAIMS_SECRET": self.secret},
                stdin=never,
                stdout=output,
                stderr=output,
                pass_fds=(file.fileno(), self.listener.fileno()),
            )
            code, memory = _ended(process, began + attempt.seconds + 20)
            seconds = time.perf_counter() - began
            output.seek(0)
            text = output.read(1_000_000).decode(errors="replace")
        os.close(never)
        os.close(silent)
        return code, text, seconds, memory

    def _reached(self) -> bool:
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return False
        connection.close()
        return True


def _ended(process: subprocess.Popen[bytes], until: float) -> tuple[int, int]:
    """Wait for a process, or end it; its exit code and the bytes of memory that it had at most."""
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, used.ru_maxrss * 1024
        if time.perf_counter() > until:
            process.kill()
        time.sleep(0.002)


def _state(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder that a guest could have changed."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (folder, *folder.rglob("*")):
        known = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (known.st_mode, known.st_nlink, known.st_mtime_ns, content)
    return found


def _observed(attempt: Attempt, code: int, text: str) -> str:
    """What a person sees first: the guest's words or the error of wasmbuild, with its cause."""
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if line.startswith(("refused", "error["))), "")
    trap = re.search(r"wasm trap: (.*)|(Pointer out of bounds)", text)
    if trap:
        return f"{code}, trap: {trap[1] or trap[2]}"
    cause = next((line for line in lines if line.startswith("cause:")), "").removeprefix("cause:")
    words = _WASI_CODES.get(first, first.removeprefix("refused: ")) or attempt.means or text
    return f"{code}, {clean(words + (':' + cause if cause else '')).replace('…/', '')}"


@contextmanager
def arena(workspace: Workspace) -> Iterator[Arena]:
    """Somewhere to make attempts. Raises Missing when the guest cannot be compiled."""
    probe = compile_c(workspace, "probe.c", WASM, "probe.wasm", "-O2", "-s")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Arena(workspace.folder, probe, f"secret-{secrets.token_hex(12)}", listener)


_HOW = f"""\
Each row is a small guest in C or WAT, run by `wasmbuild run` with the options shown, in a process that has a \
secret in its environment, in files beside the granted folder and behind an inherited descriptor, and that has a \
listening socket. An attempt counts as refused only if the guest or wasmbuild says so and ends with the expected \
code, the secret is in no output, nothing changed that may not be written to, nobody connected, and time and memory \
stayed bounded ({MOST_MEMORY // 2**20} MiB). The same guests must succeed where they are granted the same: \
{len(CONTROLS)} controls."""
_LIMITS = """\
That these ways are closed, not that there is no other: a hole in the engine or the kernel is a hole in the sandbox. \
The walls are the engine's, in one process with wasmbuild; whoever fears them puts a container around it. A guest may \
use a processor for ever unless `--timeout` or `--fuel` says otherwise, may fill the disk below a folder that it may \
write to, and may print without end. What a processor's caches tell (Spectre) is not tried."""


def measure(workspace: Workspace) -> Section:
    """Make all attempts, and those that must succeed."""
    with arena(workspace) as place:
        outcomes = [place.attempt(each) for each in ATTEMPTS]
        controls = [place.attempt(each) for each in CONTROLS]
    failed = [each for each in (*outcomes, *controls) if each.faults]
    rows = [
        (str(number), each.attempt.kind, each.attempt.tries, _granted(each.attempt), _words(each))
        for number, each in enumerate(outcomes, 1)
    ]
    return Section(
        "Escapes tried and refused",
        "A guest can do what it was granted, and nothing else.",
        _HOW,
        f"{sum(not each.faults for each in outcomes)} of {len(outcomes)} attempts were refused, and "
        f"{sum(not each.faults for each in controls)} of {len(controls)} controls did what they were granted.",
        (Table(("", "kind", "the guest tries to", "granted", "exit code and outcome"), tuple(rows), figures=False),),
        _LIMITS,
        failed=tuple(f"{each.attempt.kind}: {each.attempt.tries}: {_words(each)}" for each in failed),
    )


def _granted(attempt: Attempt) -> str:
    shown = " ".join(attempt.options)
    return shown.replace("{granted}", "granted") or "nothing"


def _words(outcome: Outcome) -> str:
    if not outcome.faults:
        return outcome.observed
    word = "ESCAPED" if outcome.escaped else "ended in another way"
    return f"{word}: {'; '.join(outcome.faults)} ({outcome.observed})"

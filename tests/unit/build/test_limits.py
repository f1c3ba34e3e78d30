"""What a command may take, and that it does not get more; real processes throughout."""

import signal
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.build.limits import Limits, shown_size
from wasmbuild.build.output import MAX_LINE, TAIL_LINES, Lines
from wasmbuild.build.processes import _by_parent, family
from wasmbuild.build.runner import Completed, run
from wasmbuild.errors import ToolFailed
from wasmbuild.events import Event, ToolOutput, ignore

MIB = 1024**2


def limited(argv: list[str], cwd: Path, limits: Limits, *, seconds: float = 30, sink=ignore) -> Completed:
    return run(argv, cwd=cwd, env={}, sink=sink, timeout_seconds=seconds, tool="tool", limits=limits)


def python(program: str, cwd: Path, limits: Limits) -> Completed:
    return limited([sys.executable, "-I", "-S", "-c", program], cwd, limits)


def test_a_hundred_megabytes_of_lines_are_neither_kept_nor_slow(tmp_path: Path) -> None:
    events: list[Event] = []
    began = time.monotonic()
    script = "head -c 100000000 /dev/zero | tr '\\0' '\\n'; echo; echo the error"
    completed = limited(["sh", "-c", script], tmp_path, Limits(output=20000), sink=events.append)
    assert time.monotonic() - began < 10
    assert len(events) < 30000
    (said,) = [event.line for event in events if isinstance(event, ToolOutput) and event.line.startswith("…")]
    assert 99_950_000 < int(said.split()[1]) < 100_000_000
    assert completed.exit_code == 0
    assert completed.tail[-1] == "the error"


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(0, 300))
def test_what_is_shown_does_not_depend_on_how_it_arrives(pieces: list[bytes], limit: int) -> None:
    def shown(parts: list[bytes]) -> list[Event]:
        events: list[Event] = []
        lines = Lines("tool", events.append, limit)
        for part in parts:
            lines.feed(part)
        lines.end()
        assert len(lines.tail) <= TAIL_LINES
        assert list(lines.tail) == [event.line for event in events][-TAIL_LINES:]
        return events

    assert shown(pieces) == shown([b"".join(pieces)])


def test_a_line_that_never_ends_takes_no_memory() -> None:
    lines = Lines("tool", ignore, 100 * MIB)
    for _ in range(1000):
        lines.feed(b"x" * 65536)
    lines.end()
    assert list(lines.tail) == ["x" * MAX_LINE + " …"]


EATS = "data = []\nwhile True: data.append(bytearray(b'x' * (1 << 20)))"


@pytest.mark.parametrize("own_session", [False, True])
def test_who_eats_memory_is_ended(tmp_path: Path, own_session: bool) -> None:
    eater = [sys.executable, "-I", "-S", "-c", EATS]
    began = time.monotonic()
    with pytest.raises(ToolFailed, match=r"tool used more than 64 MiB of memory and was stopped"):
        limited([*(["setsid", "-w"] if own_session else []), *eater], tmp_path, Limits(memory=64 * MIB))
    assert time.monotonic() - began < 10


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    program = "import os, time; data = bytearray(b'x' * (48 << 20))\n[os.fork() for _ in range(3)]; time.sleep(0.6)"
    assert python(program, tmp_path, Limits(memory=160 * MIB)).exit_code == 0


def test_a_small_command_under_a_memory_limit(tmp_path: Path) -> None:
    assert limited(["sleep", "0.4"], tmp_path, Limits(memory=64 * MIB)).exit_code == 0


def test_who_fills_a_file_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="tool wrote a file of more than 1 MiB"):
        limited(["dd", "if=/dev/zero", "of=big", "bs=1M", "count=5"], tmp_path, Limits(file_size=MIB))
    assert (tmp_path / "big").stat().st_size == MIB


def test_there_are_no_core_dumps(tmp_path: Path) -> None:
    assert limited(["sh", "-c", "ulimit -c; ulimit -Hc"], tmp_path, Limits()).tail == ("0", "0")
    assert limited(["sh", "-c", "kill -SEGV $$"], tmp_path, Limits()).exit_code == -signal.SIGSEGV


def test_who_starts_too_many_processes_is_ended(tmp_path: Path) -> None:
    script = "for i in $(seq 40); do setsid sleep 30 & done; wait"
    with pytest.raises(ToolFailed, match="started more than 20 processes"):
        limited(["sh", "-c", script], tmp_path, Limits(processes=20))


def test_the_family_is_the_same_in_both_lists(tmp_path: Path) -> None:
    """Kernels without lists of children are asked for everybody's parents."""
    seen: list[tuple[set[int], set[int]]] = []

    def look(event: Event) -> None:
        assert isinstance(event, ToolOutput)
        top, everybody = int(event.line), _by_parent()
        known, ahead = {top}, [top]
        while ahead:
            for child in everybody[ahead.pop()]:
                known.add(child)
                ahead.append(child)
        seen.append((set(family(top)), known))

    limited(
        ["sh", "-c", "sleep 5 & setsid sleep 5 & sleep 0.2; echo $$; exec sleep 0.3"], tmp_path, Limits(), sink=look
    )
    ((quick, slow),) = seen
    assert quick == slow
    assert len(quick) >= 3


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536 * MIB, "1.5 GiB"), (999 * MIB, "999 MiB")],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert shown_size(size) == words

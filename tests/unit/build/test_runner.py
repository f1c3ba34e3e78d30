import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wasmbuild.build.runner import MAX_LINE, TAIL_LINES, Completed, run
from wasmbuild.errors import ToolFailed
from wasmbuild.events import Event, Sink, ToolOutput, ignore


def shell(
    script: str, cwd: Path, *, sink: Sink = ignore, seconds: float = 30, env: dict[str, str] | None = None
) -> Completed:
    return run(["sh", "-c", script], cwd=cwd, env=env or {}, sink=sink, timeout_seconds=seconds, tool="sh")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def pid_in(file: Path) -> int:
    deadline = time.monotonic() + 10
    while not (file.exists() and file.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return int(file.read_text())


def test_exit_code_and_both_streams_line_by_line(tmp_path: Path) -> None:
    events: list[Event] = []
    completed = shell("echo one; echo two >&2; printf three; exit 7", tmp_path, sink=events.append)
    assert completed == Completed(7, ("one", "two", "three"))
    assert events == [ToolOutput("sh", line) for line in ("one", "two", "three")]


def test_lines_arrive_while_the_command_runs(tmp_path: Path) -> None:
    arrived: list[float] = []
    shell("echo one; sleep 0.4; echo two", tmp_path, sink=lambda _: arrived.append(time.monotonic()))
    assert arrived[1] - arrived[0] > 0.2


def test_empty_lines_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    assert shell(r"printf '\na\r\n\377\n'", tmp_path).tail == ("", "a", "\ufffd")


def test_a_command_ended_by_a_signal(tmp_path: Path) -> None:
    assert shell("kill -9 $$", tmp_path).exit_code == -9


def test_the_environment_is_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    tail = run(["env"], cwd=tmp_path, env={"MINE": "1"}, sink=ignore, timeout_seconds=30, tool="env").tail
    names = {line.partition("=")[0] for line in tail}
    assert names <= {"PATH", "HOME", "TMPDIR", "LC_ALL", "TZ", "MINE"}
    assert {"LC_ALL=C.UTF-8", "TZ=UTC", "MINE=1"} <= set(tail)


def test_the_command_runs_where_it_should_with_nothing_to_read(tmp_path: Path) -> None:
    assert shell("pwd; cat; umask", tmp_path).tail == (str(tmp_path.resolve()), "0022")


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    completed = shell(f"head -c {MAX_LINE * 50} /dev/zero | tr '\\0' x; echo; echo after", tmp_path)
    assert completed.tail == ("x" * MAX_LINE + " …", "after")


def test_much_output_is_kept_short(tmp_path: Path) -> None:
    seen = 0

    def count(_: Event) -> None:
        nonlocal seen
        seen += 1

    completed = shell("seq 1 200000", tmp_path, sink=count)
    assert seen == 200000
    assert completed.tail == tuple(str(number) for number in range(200001 - TAIL_LINES, 200001))


@pytest.mark.parametrize(
    "script", ["sleep 60 & echo $! > pid; wait", "trap '' TERM; (trap '' TERM; sleep 60) & echo $! > pid; wait"]
)
def test_a_time_out_ends_the_whole_group(tmp_path: Path, script: str) -> None:
    began = time.monotonic()
    with pytest.raises(ToolFailed, match=r"sh took longer than 0\.5 seconds"):
        shell(script, tmp_path, seconds=0.5)
    assert time.monotonic() - began < 10
    assert gone(pid_in(tmp_path / "pid"))


def test_a_time_out_shows_the_last_words(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        shell("echo working; sleep 60", tmp_path, seconds=0.5)
    assert caught.value.cause == "working"


def test_a_time_out_in_a_flood(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="took longer"):
        shell("yes", tmp_path, seconds=0.5)


def test_children_left_behind_are_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    completed = shell("sleep 60 & echo $! > pid; echo done", tmp_path)
    assert completed == Completed(0, ("done",))
    assert time.monotonic() - began < 5
    assert gone(pid_in(tmp_path / "pid"))


def test_a_command_that_closes_its_output_is_waited_for(tmp_path: Path) -> None:
    assert shell("exec >&- 2>&-; sleep 0.3; exit 3", tmp_path).exit_code == 3


def test_a_sink_that_fails_ends_the_command(tmp_path: Path) -> None:
    def fail(_: Event) -> None:
        raise RuntimeError("shown nowhere")

    with pytest.raises(RuntimeError):
        shell("echo $$ > pid; echo x; sleep 60", tmp_path, sink=fail)
    assert gone(pid_in(tmp_path / "pid"))


def test_an_interrupt_leaves_no_orphan(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from wasmbuild.build.runner import run; from wasmbuild.events import ignore\n"
        "run(['sh', '-c', 'sleep 60 & echo $! > child; echo $$ > pid; wait'], cwd=Path('.'), env={}, sink=ignore,"
        " timeout_seconds=60, tool='sh')"
    )
    checkout = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stderr=subprocess.PIPE,
    )
    with process:
        pids = [pid_in(tmp_path / "pid"), pid_in(tmp_path / "child")]
        assert all(alive(pid) for pid in pids)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert all(gone(pid) for pid in pids)


@pytest.mark.parametrize("argv", [["/nowhere/tool"], ["/"], ["a\0b"]])
def test_a_command_that_cannot_be_started(tmp_path: Path, argv: list[str]) -> None:
    with pytest.raises(ToolFailed, match="tool could not be started"):
        run(argv, cwd=tmp_path, env={}, sink=ignore, timeout_seconds=5, tool="tool")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_birth_of_a_process_does_not_lose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The signal arrives when the process runs, and nobody knows of it yet."""
    born: list[int] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **settings: object) -> None:
            super().__init__(*arguments, **settings)
            born.append(self.pid)
            os.kill(os.getpid(), number)

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(number, end)
    try:
        with pytest.raises(SystemExit, match=str(128 + number)):
            run(["sleep", "60"], cwd=tmp_path, env={}, sink=ignore, timeout_seconds=50, tool="sleep")
        assert signal.getsignal(number) is end
    finally:
        signal.signal(number, before)
    with pytest.raises(ProcessLookupError):
        os.kill(born[0], 0)

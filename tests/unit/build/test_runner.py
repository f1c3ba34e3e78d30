import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wasmbuild.build.output import MAX_LINE, TAIL_LINES
from wasmbuild.build.runner import Abort, Completed, abort_all, capture, run
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
    assert names == {"PATH", "LC_ALL", "TZ", "MINE"}
    assert {"LC_ALL=C.UTF-8", "TZ=UTC", "MINE=1", "PATH=/usr/local/bin:/usr/bin:/bin"} <= set(tail)


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

    completed = shell("seq 1 100000", tmp_path, sink=count)
    assert seen == 100000
    assert completed.tail == tuple(str(number) for number in range(100001 - TAIL_LINES, 100001))


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


@pytest.mark.parametrize("end", ["", "; sleep 60"])
def test_children_in_sessions_of_their_own_are_ended(tmp_path: Path, end: str) -> None:
    """Those of a daemon, too, whose parents have ended, and that have no variable and no stream of ours."""
    daemon = 'trap "" TERM; (setsid sleep 60 & echo $! > daemon) & wait'
    begin = f"setsid env -i sh -c '{daemon}' > /dev/null 2>&1 < /dev/null &"
    script = f"setsid sleep 60 & echo $! > child; {begin} while [ ! -s daemon ]; do sleep 0.02; done{end}"
    if end:
        with pytest.raises(ToolFailed, match="took longer"):
            shell(script, tmp_path, seconds=1)
    else:
        assert shell(script, tmp_path).exit_code == 0
    assert not alive(pid_in(tmp_path / "child"))
    assert not alive(pid_in(tmp_path / "daemon"))


def test_runs_in_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    """What one leaves behind is ended, and what another leaves stays until that one has ended."""

    def leave(name: str, seconds: float) -> Completed:
        script = f"setsid sleep 60 & echo $! > {name}; sleep {seconds}; kill -0 $(cat {name}) && echo {name}"
        return shell(script, tmp_path)

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(leave, f"run{number}", number / 5) for number in range(4)]
        assert [each.result().tail for each in done] == [(f"run{number}",) for number in range(4)]
    assert not any(alive(pid_in(tmp_path / f"run{number}")) for number in range(4))


def test_an_abort_ends_its_own_runs_and_those_that_begin_later(tmp_path: Path) -> None:
    abort = Abort()

    def sleep(seconds: float, mine: Abort | None) -> Completed:
        return run(["sleep", str(seconds)], cwd=tmp_path, sink=ignore, timeout_seconds=50, tool="sleep", abort=mine)

    with ThreadPoolExecutor(3) as pool:
        aborted, spared = [pool.submit(sleep, 50, abort) for _ in range(2)], pool.submit(sleep, 1, None)
        time.sleep(0.3)
        began = time.monotonic()
        abort.set()
        for each in aborted:
            with pytest.raises(ToolFailed, match="sleep was stopped"):
                each.result()
        assert time.monotonic() - began < 20
        assert spared.result().exit_code == 0
    with pytest.raises(ToolFailed, match="was not started"):
        sleep(0, abort)


def test_all_runs_of_all_threads_can_be_ended(tmp_path: Path) -> None:
    before = threading.active_count()
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(shell, f"echo $$ > pid{number}; sleep 60", tmp_path) for number in range(3)]
        pids = [pid_in(tmp_path / f"pid{number}") for number in range(3)]
        abort_all()
        for each in running:
            with pytest.raises(ToolFailed, match="sh was stopped"):
                each.result()
    assert not any(alive(pid) for pid in pids)
    assert shell("exit 3", tmp_path).exit_code == 3
    assert threading.active_count() <= before


THREADS = """
import signal, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from wasmbuild.build.runner import abort_all, run
from wasmbuild.events import ignore

def end(number, frame):
    raise SystemExit(128 + number)

def build(name):
    script = f"setsid sleep 60 & echo $! > child{name}; echo $$ > pid{name}; wait"
    run(["sh", "-c", script], cwd=Path("."), sink=ignore, timeout_seconds=60, tool="sh")

signal.signal(signal.SIGTERM, end)
with ThreadPoolExecutor(2) as pool:
    try:
        [each.result() for each in [pool.submit(build, name) for name in range(2)]]
    except BaseException:
        abort_all()
        raise
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_what_runs_in_threads(tmp_path: Path, number: int) -> None:
    """SIGKILL as well, of which we hear nothing: whoever watches a command notices that we are gone."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen([sys.executable, "-c", THREADS], cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    with process:
        pids = [pid_in(tmp_path / f"{kind}{name}") for kind in ("pid", "child") for name in range(2)]
        assert all(alive(pid) for pid in pids)
        process.send_signal(number)
        process.communicate(timeout=20)
    assert process.returncode == {signal.SIGTERM: 128 + number}.get(number, process.returncode) != 0
    assert all(gone(pid) for pid in pids)


def test_the_environment_stands_in_no_list_of_processes(tmp_path: Path) -> None:
    # Looked for by the shell itself: any program would have it in its own command line.
    script = "all=$(cat /proc/[0-9]*/cmdline); case $all in *$TOKEN*) echo seen;; *) echo $TOKEN;; esac"
    assert shell(script, tmp_path, env={"TOKEN": "hunter2hunter2"}) == Completed(0, ("hunter2hunter2",))


def test_the_launcher_takes_nothing_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('taken')")
    (tmp_path / "ctypes.py").write_text("print('taken')")
    env = {"LD_PRELOAD": "/nowhere.so", "PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": "sitecustomize.py"}
    completed = run(["true"], cwd=tmp_path, env=env, sink=ignore, timeout_seconds=30, tool="true")
    assert len(completed.tail) == 1  # the loader complains once: for the command
    assert "/nowhere.so" in completed.tail[0]


@pytest.mark.parametrize("name", ["with spaces and ü €", "new\nline", "-dash", "$HOME"])
def test_any_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "tool ü").symlink_to("/bin/cat")
    (folder / "file").write_text("read\n")
    argv = [str(folder / "tool ü"), str(folder / "file")]
    assert run(argv, cwd=folder, sink=ignore, timeout_seconds=30, tool="cat").tail == ("read",)


def test_a_command_that_does_not_exist_is_not_one_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="could not be started") as caught:
        run(["tinygo", "build"], cwd=tmp_path, sink=ignore, timeout_seconds=30, tool="tinygo")
    assert caught.value.cause == "tinygo: No such file or directory"
    assert shell("tinygo build", tmp_path).exit_code == 127


def test_an_answer() -> None:
    assert capture(["sh", "-c", "echo 1.2.3; echo more >&2; cat; exit 4"], env={}) == (4, "1.2.3\nmore")
    assert capture(["sh", "-c", "echo $MINE$HOME"], env={"MINE": "yes"}) == (0, "yes")


def test_an_answer_is_bounded() -> None:
    code, text = capture(["sh", "-c", "yes | head -c 10000000"], env={})
    assert code == 0
    assert len(text) < 100_000
    with pytest.raises(ToolFailed, match="took longer"):
        capture(["sleep", "60"], env={}, timeout_seconds=0.3)
    with pytest.raises(ToolFailed, match="could not be started"):
        capture(["/nowhere/cc", "--version"], env={})

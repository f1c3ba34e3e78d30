import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from wasmbuild.errors import CompilationFailed, ExtraMissing, Failure, UsageFailed
from wasmbuild.workflows.watch import watch

WAT = '(module (func (export "_start")))'
PATIENCE = 20.0


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


class Watched:
    """A watch in a thread, which counts what it does and what it was told of."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.times = 0
        self.failures: list[Failure] = []
        self.work: Callable[[], None] = lambda: None

    def __call__(self) -> None:
        self.times += 1
        self.work()

    def becomes(self, times: int) -> bool:
        return eventually(lambda: self.times >= times)

    def stays(self, times: int) -> bool:
        return not eventually(lambda: self.times != times, 0.5)


@pytest.fixture(autouse=True)
def _quickly(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmbuild.workflows.watch._WAIT", 30)
    if request.function is not test_a_change_is_worked_on_once:  # which writes for a while
        monkeypatch.setattr("wasmbuild.workflows.watch.DEBOUNCE", 50)


@contextmanager
def watching(watched: Watched) -> Iterator[Watched]:
    stop = Event()
    thread = Thread(target=watch, args=(watched.root, watched, watched.failures.append), kwargs={"stop": stop})
    thread.start()
    try:
        assert watched.becomes(1)
        yield watched
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "main.wat").write_text(WAT)
    (tmp_path / ".gitignore").write_text("*.log\n")
    with watching(Watched(tmp_path)) as made:
        yield made


def test_a_change_is_worked_on_once(watched: Watched) -> None:
    for number in range(5):
        (watched.root / "main.wat").write_text(f"{WAT}\n;; {number}")
    assert watched.becomes(2)
    assert watched.stays(2)


def test_what_is_written_beside_the_sources_is_no_change(watched: Watched) -> None:
    for path in ("dist/main.wasm", "target/x", ".hidden", "a.log", ".git/index"):
        file = watched.root / path
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    assert watched.stays(1)


@pytest.mark.parametrize("change", ["add", "remove", "project", "ignore"])
def test_other_changes_that_matter(watched: Watched, change: str) -> None:
    match change:
        case "add":
            (watched.root / "sub").mkdir()
            (watched.root / "sub" / "other.wat").write_text(WAT)
        case "remove":
            (watched.root / "main.wat").unlink()
        case "project":
            (watched.root / "wasmbuild.toml").write_text("x")
        case "ignore":
            (watched.root / ".gitignore").write_text("*.wat\n")
    assert watched.becomes(2)


def test_a_failure_ends_nothing(watched: Watched) -> None:
    def fail() -> None:
        raise CompilationFailed("no")

    watched.work = fail
    (watched.root / "main.wat").write_text("x")
    assert eventually(lambda: len(watched.failures) == 1)
    watched.work = lambda: None
    (watched.root / "main.wat").write_text("xy")
    assert watched.becomes(3)
    assert [failure.what for failure in watched.failures] == ["no"]


def test_a_lock_that_the_work_writes_is_no_change(watched: Watched) -> None:
    watched.work = lambda: (watched.root / "wasmbuild.lock").write_text(str(time.time_ns())) and None
    (watched.root / "main.wat").write_text("x")
    assert watched.becomes(2)
    assert watched.stays(2)
    watched.work = lambda: None
    (watched.root / "wasmbuild.lock").write_text("by somebody else")
    assert watched.becomes(3)


def test_a_change_during_the_work_is_worked_on_afterwards(tmp_path: Path) -> None:
    source = tmp_path / "main.wat"
    source.write_text(WAT)
    made = Watched(tmp_path)
    made.work = lambda: made.times == 1 and source.write_text("changed meanwhile") and None
    with watching(made):
        assert made.becomes(2)
        assert made.stays(2)


def test_what_was_asked_for_wrongly_ends_it(tmp_path: Path) -> None:
    def refuse() -> None:
        raise UsageFailed("git cannot say what has changed")

    told: list[Failure] = []
    with pytest.raises(UsageFailed):
        watch(tmp_path, refuse, told.append)
    assert told == []


def test_later_it_is_told(watched: Watched) -> None:
    def refuse() -> None:
        raise UsageFailed("there is no target")

    watched.work = refuse
    (watched.root / "main.wat").write_text("x")
    assert eventually(lambda: len(watched.failures) == 1)
    watched.work = lambda: None
    (watched.root / "main.wat").write_text("xy")
    assert watched.becomes(3)


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(ExtraMissing) as caught:
        watch(tmp_path, lambda: None, lambda failure: None)
    assert caught.value.hint == "pip install 'wasmbuild[watch]'"


def test_build_watches_until_it_is_interrupted(tmp_path: Path) -> None:
    source = tmp_path / "main.wat"
    source.write_text(WAT)
    environment = {**os.environ, "WASMBUILD_CACHE_DIR": str(tmp_path / ".cache")}
    with subprocess.Popen(
        [sys.executable, "-c", "from wasmbuild.cli.entry import main; main()", "build", "--watch", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            first = process.stdout.readline()
            source.write_text("(module (broken)")
            assert any("error[WB502]" in line for line in iter(process.stderr.readline, ""))
            source.write_text(WAT.replace("_start", "run"))
            second = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert first.startswith(f"oci:{tmp_path}/dist/oci@sha256:")
    assert second.startswith(f"oci:{tmp_path}/dist/oci@sha256:")
    assert (first != second, rest, process.returncode) == (True, "", 130)
    assert errors.splitlines()[-1] == "interrupted"

"""Logs: bounded, rotated, never in anybody's way."""

import json
import logging
import os
import threading
from pathlib import Path

import pytest

from registry.server.observing.journal import Journal


def read(path: Path) -> list[int]:
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


def test_lines_arrive_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log", 10**6, 2, lossy=True)
    for number in range(1000):
        journal.write({"n": number, "text": "line\nbreak \u2028"})
    journal.close()
    assert read(tmp_path / "log") == list(range(1000))
    assert journal.dropped == 0


def test_a_full_file_makes_room_and_few_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    journal = Journal(path, 4096, 2, lossy=True)
    for number in range(2000):
        journal.write({"n": number})
    journal.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert all(file.stat().st_size <= 4096 for file in tmp_path.iterdir())
    kept = [*read(tmp_path / "log.2"), *read(tmp_path / "log.1"), *read(path)]
    assert kept == list(range(2000 - len(kept), 2000))


def test_none_is_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log", 4096, 0, lossy=True)
    for number in range(1000):
        journal.write({"n": number})
    journal.close()
    assert [file.name for file in tmp_path.iterdir()] == ["log"]
    assert read(tmp_path / "log")[-1] == 999


def test_two_writers_of_one_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    journals = [Journal(path, 8192, 50, lossy=False) for _ in range(2)]

    def work(journal: Journal, start: int) -> None:
        for number in range(start, start + 3000):
            journal.write({"n": number})

    threads = [threading.Thread(target=work, args=(each, at * 3000)) for at, each in enumerate(journals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for journal in journals:
        journal.close()
    found = [number for file in tmp_path.iterdir() for number in read(file)]
    assert sorted(found) == list(range(6000))


def test_a_renamed_file_is_left_when_told(tmp_path: Path) -> None:
    path = tmp_path / "log"
    journal = Journal(path, 10**6, 1, lossy=True)
    path.rename(tmp_path / "old")
    journal.reopen()
    journal.write({"n": 1})
    journal.close()
    assert read(path) == [1]


def test_a_disk_that_is_full_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    journal = Journal(Path("/dev/full"), 10**6, 0, lossy=False)
    with caplog.at_level(logging.WARNING, "registry.server.observing"):
        for number in range(100):
            journal.write({"n": number})
        journal.close()
    assert journal.dropped == 100
    assert "a log cannot be written" in caplog.text


@pytest.mark.parametrize("lossy", [True, False])
def test_a_slow_reader_bounds_memory(tmp_path: Path, lossy: bool) -> None:
    """The pipe takes nothing until it is read, so that only the queue is left."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    journal = Journal(path, 10**9, 0, lossy=lossy)
    done = threading.Event()

    def work() -> None:
        for number in range(40_000):
            journal.write({"n": number})
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    finished = done.wait(1.0)
    assert finished is lossy
    os.set_blocking(reader, True)
    seen = bytearray()
    drain = threading.Thread(target=lambda: [seen.extend(piece) for piece in iter(lambda: os.read(reader, 65536), b"")])
    drain.start()
    thread.join()
    journal.close()
    drain.join()
    os.close(reader)
    assert seen.count(b"\n") + journal.dropped == 40_000
    assert (journal.dropped > 0) is lossy

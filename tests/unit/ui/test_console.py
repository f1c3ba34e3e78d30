import io
import json
import sys
import threading

import pytest

from registry.errors import DigestMismatch, Failure
from wasmbuild.events import Note, Step, ToolOutput, Transfer
from wasmbuild.ui.console import Console
from wasmbuild.ui.failure import failure_lines
from wasmbuild.ui.plain import line_of
from wasmbuild.ui.words import seconds, size


@pytest.mark.parametrize("progress", ["plain", "json"])
def test_events_from_many_threads_stay_whole(progress, capfd):
    console = Console(progress=progress)

    def work(number):
        for _ in range(200):
            console.emit(Transfer(f"blob-{number}", "done", 10, 10))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1600
    assert len(set(lines)) == 8


def test_json_events_are_objects(capfd):
    console = Console(progress="json")
    console.emit(Step("compile", "hello"))
    console.emit(Note("warning", "careful"))
    first, second = map(json.loads, capfd.readouterr().err.splitlines())
    assert first == {"event": "Step", "verb": "compile", "subject": "hello", "seconds": None}
    assert second == {"event": "Note", "level": "warning", "text": "careful"}


@pytest.mark.parametrize(("encoding", "name"), [("utf-8", "h\u00e9llo \U0001f600"), ("ascii", "h\\u00e9llo")])
def test_a_document_moves_no_terminal_and_is_json_in_any_encoding(encoding, name, monkeypatch):
    """Words of others are in it as they are: annotations, names of files."""
    written = io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace")
    monkeypatch.setattr(sys, "stdout", written)
    said = {"name": "h\u00e9llo \U0001f600", "bad": "\x1b[31m\x9b31m\x7f\u202e\u200b\U000e0041\udcff"}
    Console(format="json").result("a verb", "", said)
    text = written.buffer.getvalue().decode(encoding)
    assert {key: json.loads(text)[key] for key in said} == said
    assert name in text
    assert text.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("event", "plain", "verbose"),
    [
        (Step("compile", "hello"), None, None),
        (Step("compile", "hello", 0.25), "compile   hello (250 ms)", "compile   hello (250 ms)"),
        (Step("write", "a\nb\x1b[31m", 1), "write     a\\x0ab\\x1b[31m (1.0 s)", "write     a\\x0ab\\x1b[31m (1.0 s)"),
        (Note("info", "hi"), "hi", "hi"),
        (Note("warning", "hi"), "warning: hi", "warning: hi"),
        (Note("warning", "a:\n\tb\x1b\r\nc\n"), "warning: a:\n      b\\x1b\n  c", "warning: a:\n      b\\x1b\n  c"),
        (Note("info", "one\ntwo"), "one\n  two", "one\n  two"),
        (ToolOutput("zig", "\tline"), None, "zig:     line"),
        (ToolOutput("zig", "line"), None, "zig: line"),
        (Transfer("x", "begun", 0, 9), None, None),
        (Transfer("x", "moving", 5, 9), None, None),
        (Transfer("x", "done", 9, 9), "copied    x (9 B)", "copied    x (9 B)"),
        (Transfer("x", "skipped", 9, 9), "exists    x", "exists    x"),
    ],
)
def test_lines(event, plain, verbose):
    assert line_of(event, verbose=False) == plain
    assert line_of(event, verbose=True) == verbose


def test_quiet_shows_warnings_only(capfd):
    console = Console(progress="quiet")
    console.emit(Note("info", "hi"))
    console.emit(Note("warning", "careful"))
    assert capfd.readouterr().err == "warning: careful\n"


def test_a_failure_has_its_parts_in_order():
    failure = DigestMismatch("what", cause="one\n\ttwo", hint="do this")
    failure.side = "source"
    assert failure_lines(failure) == [
        "error[WB202]: what (source)",
        "  cause: one",
        "             two",
        "  hint:  do this",
        "  docs:  wasmbuild explain WB202",
    ]


def test_a_long_cause_shows_its_end():
    lines = failure_lines(Failure("what", cause="\n".join(map(str, range(100)))))
    assert len(lines) == 22
    assert lines[1] == "  cause: 80"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (23271, "23.3 kB"), (999_949, "999.9 kB"), (999_951, "1.0 MB"),
     (10**9, "1.0 GB"), (10**12, "1.0 TB"), (10**15, "1000.0 TB")],
)  # fmt: skip
def test_sizes(count, text):
    assert size(count) == text


@pytest.mark.parametrize(("value", "text"), [(0.0004, "0 ms"), (0.5, "500 ms"), (1.26, "1.3 s"), (61, "1 min 1 s")])
def test_durations(value, text):
    assert seconds(value) == text

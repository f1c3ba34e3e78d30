"""What is remembered of sandboxes: that one works, for a while, on this machine and for a process like this one."""

import os
import time
from pathlib import Path

import pytest

from wasmbuild.build.sandbox import choose, choose_sandbox
from wasmbuild.build.sandbox.choose import SANDBOXES


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sandboxes that were really tried."""
    names: list[str] = []
    real = choose.run

    def run(*arguments, **named):
        names.append(named["tool"])
        return real(*arguments, **named)

    monkeypatch.setattr(choose, "run", run)
    monkeypatch.setattr(choose, "_trouble", choose._trouble.__wrapped__)
    return names


@pytest.fixture
def memory(tmp_path: Path, tried: list[str]) -> Path:
    """Where it is remembered that one works, which one does; skips where none does."""
    if choose_sandbox(memory=tmp_path / "sandbox").name == "none":
        pytest.skip("no sandbox works here")
    tried.clear()
    return tmp_path / "sandbox"


def test_one_that_works_is_not_tried_again(memory: Path, tried: list[str]) -> None:
    chosen = choose_sandbox(memory=memory)
    assert tried == []
    assert chosen.name in SANDBOXES
    assert choose_sandbox(chosen.name, memory=memory) == chosen
    assert tried == []
    assert choose_sandbox() == chosen
    assert tried != [], "nobody said where to remember it"


@pytest.mark.parametrize("change", ["old", "to come", "damaged", "empty", "folder", "gone"])
def test_what_does_not_hold_is_tried_again(memory: Path, tried: list[str], change: str) -> None:
    (file,) = memory.parent.iterdir()
    match change:
        case "old":
            os.utime(file, (time.time() - 3700,) * 2)
        case "to come":
            os.utime(file, (time.time() + 60,) * 2)
        case "damaged" | "empty":
            file.write_text("x" if change == "damaged" else "")
        case "gone" | "folder":
            file.unlink()
    if change == "folder":
        file.mkdir()
    choose_sandbox(memory=memory)
    assert len(tried) == 1
    choose_sandbox(memory=memory)
    assert len(tried) == (2 if change == "folder" else 1)


def test_another_launcher_is_tried(memory: Path, tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    programs = memory.parent / "bin"
    programs.mkdir()
    (programs / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (programs / "bwrap").chmod(0o755)
    (programs / "python").symlink_to(os.path.realpath("/proc/self/exe"))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr("sys.executable", str(programs / "python"))
    choose_sandbox(memory=memory)
    assert tried != []


def test_one_that_does_not_work_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for expected in (1, 2):
        with pytest.raises(Exception, match="does not work here"):
            choose_sandbox("bubblewrap", memory=tmp_path / "sandbox")
        assert tried == ["bubblewrap"] * expected


def test_where_nothing_can_be_written(tmp_path: Path, tried: list[str]) -> None:
    (tmp_path / "file").write_text("")
    assert choose_sandbox(memory=tmp_path / "file" / "sandbox") == choose_sandbox()

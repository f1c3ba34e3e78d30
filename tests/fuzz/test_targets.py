"""Each target takes what it begins with and what once broke it, and a few inputs more; and what breaks is found."""

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fuzz.engine import at_random, mutated
from tests.fuzz.target import Target
from tests.fuzz.targets import KEPT, NAMES, kept, load

TRIED = 60


@pytest.mark.parametrize("name", NAMES)
def test_the_promises_of_a_target_hold(name: str) -> None:
    target, rng = load(name), random.Random(name)
    assert target.name == name
    assert sum(target.tried(data) for data in target.beginning) >= 1
    corpus = [*target.beginning, *kept(name)]
    for data in kept(name):
        target.tried(data)
    for _ in range(TRIED):
        data = mutated(target, corpus, rng)
        assert len(data) <= target.largest + 64
        target.tried(data)


def test_what_is_kept_belongs_to_a_target() -> None:
    assert {path.name for path in KEPT.iterdir()} <= set(NAMES)
    assert all(kept(path.name) for path in KEPT.iterdir())


def _refuses_nothing(data: bytes) -> bool:
    return data.index(b"a") >= 0


BROKEN = Target("broken", (b"abc", b"cba"), _refuses_nothing)


def test_the_input_that_breaks_a_promise_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not found"):
        at_random(BROKEN, list(BROKEN.beginning), 20, 1, tmp_path)
    (found,) = tmp_path.glob("crash-*")
    assert b"a" not in found.read_bytes()


def test_an_input_that_takes_too_long_breaks_a_promise() -> None:
    slow = replace(BROKEN, check=lambda data: bool(sum(range(10**6 * len(data)))), seconds=0.001)
    with pytest.raises(AssertionError, match=r"s for 3 bytes"):
        slow.tried(b"abc")


def test_what_holds_is_said_to_hold(tmp_path: Path) -> None:
    target = replace(BROKEN, check=lambda data: True)
    assert "nothing found" in at_random(target, [b"a"], 0.05, 1, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_can_be_tried_again() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.fuzz", "reference", "--replay"]
    folder = Path(__file__).parents[2]
    ended = subprocess.run([*command, "LICENSE"], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "refused\n"

import time
from pathlib import Path

import pytest

from registry.client import patience
from tests.client.homes import Home


class Clock:
    """A clock that waiting moves, and nothing else; ``waited`` has the seconds of each time."""

    really = 0.0
    """Seconds that it stands still for all the same."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def monotonic(self) -> float:
        return sum(self.waited)

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        time.sleep(self.really)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Retries are counted, not waited for."""
    clock = Clock()
    monkeypatch.setattr(patience, "monotonic", clock.monotonic)
    monkeypatch.setattr(patience, "pause", clock.pause)
    return clock


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Every place that credentials are looked for in, with nothing in it."""
    return Home(tmp_path, monkeypatch)

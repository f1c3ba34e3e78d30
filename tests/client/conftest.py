import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.client import patience
from tests.client.homes import Home
from tests.client.workloads import CLAIMS, Place, Service, serving, trusting

CI = (
    *("GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITLAB_CI", "SIGSTORE_ID_TOKEN"),
    *("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
)


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


@pytest.fixture(scope="session")
def issuer() -> Iterator[Service]:
    """Who gives jobs their identities."""
    with serving() as found:
        yield found


@pytest.fixture(scope="session")
def place(issuer: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A registry that trusts the issuer."""
    with trusting(issuer, tmp_path_factory.mktemp("trusting")) as found:
        yield found


@pytest.fixture
def no_job(home: Home, monkeypatch: pytest.MonkeyPatch, issuer: Service) -> None:
    """A machine that is no job of any CI system."""
    for name in CI:
        monkeypatch.delenv(name, raising=False)
    issuer.claims, issuer.lifetime, issuer.trouble = dict(CLAIMS), 300, None
    issuer.made.clear()


@pytest.fixture
def job(no_job: None, issuer: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A job of GitHub Actions with ``id-token: write``."""
    for name, value in issuer.github().items():
        monkeypatch.setenv(name, value)
    return issuer

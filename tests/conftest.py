"""What every test gets: an environment without the developer's own settings, and a real registry."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from registry.server.testing import running_server
from wasmbuild.caches import CACHE_VARIABLE, Caches

# The first text that Hypothesis draws on a machine costs seconds, whichever test it is for.
settings.register_profile("wasmbuild", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wasmbuild")

KEPT = {CACHE_VARIABLE}
"""The cache of compilers is shared between tests, and with the user: building libc takes long."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith("WASMBUILD_") and name not in KEPT:
            monkeypatch.delenv(name)
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):  # how things are shown depends on them
        monkeypatch.delenv(name, raising=False)
    for name in ("SOURCE_DATE_EPOCH", "FORCE_COLOR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path_factory.getbasetemp() / "no-docker-config"))
    monkeypatch.setenv("WASMBUILD_CONFIG", os.devnull)
    monkeypatch.setenv("NETRC", str(tmp_path_factory.getbasetemp() / "no-netrc"))


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one's own for everything but the compilers, which are the user's."""
    shared, mine = Caches.of_user(), Caches(tmp_path / "private-cache")
    mine.root.mkdir()
    for name in ("tools", "warm", "zig"):
        (mine.root / name).symlink_to(shared.folder(name))
    monkeypatch.setenv(CACHE_VARIABLE, str(mine.root))
    return mine.root


@pytest.fixture(scope="session")
def registry_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the registry of this session keeps its content."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="session")
def registry_address(registry_data: Path) -> Iterator[str]:
    """A real registry on loopback, for the whole session."""
    with running_server(registry_data) as address:
        yield address


@pytest.fixture
def repository_name() -> str:
    """A repository that no other test uses."""
    return f"test/{uuid.uuid4().hex}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Golden files are written anew with ``--update-golden``."""
    parser.addoption("--update-golden", action="store_true", help="write the golden transcripts anew")

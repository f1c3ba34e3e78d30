"""Real clients and real registries; only collected when this folder, or something in it, is asked for by name.

``make interop`` gets the programs first. What could not be had is skipped, with the reason.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.peers import REGISTRIES, WITHOUT_REFERRERS, Addresses, Commands, find, serving

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave everything here to ``make interop``."""
    asked = [(config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in asked) else True


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """One of each registry, started when it is first needed."""
    with serving(tmp_path_factory.mktemp("registries")) as addresses:
        yield addresses


@pytest.fixture(params=REGISTRIES)
def registry(request: pytest.FixtureRequest, addresses: Addresses) -> str:
    """Ours, and those of others; its address."""
    return addresses[request.param]


@pytest.fixture(params=WITHOUT_REFERRERS)
def without(request: pytest.FixtureRequest, addresses: Addresses) -> str:
    """A registry of others, which has no referrers API; its address."""
    return addresses[request.param]


@pytest.fixture
def ours(addresses: Addresses) -> str:
    """The address of our own registry."""
    return addresses["wasmbuild"]


@pytest.fixture(scope="session")
def _keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pairs of keys; each takes a while to be encrypted."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("release", "other"):
        Commands(folder, os.environ | {"WASMBUILD_KEY_PASSWORD": "a password"}).data(
            "wasmbuild", "keys", "generate", "-o", name
        )
    return folder


@pytest.fixture
def keys(_keys: Path, tmp_path: Path) -> None:
    """Puts ``release`` and ``other``, each ``.key`` and ``.pub``, into the folder of this test."""
    for path in _keys.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())


@pytest.fixture
def run(tmp_path: Path) -> Commands:
    """Runs commands, each a process, in a folder of this test; a push attaches nothing unless it is asked to."""
    home = tmp_path / "home"
    home.mkdir()
    private = {
        "HOME": str(home),
        "WASMBUILD_CACHE_DIR": str(home / "cache"),
        "WASMBUILD_KEY_PASSWORD": "a password",
        "COSIGN_PASSWORD": "a password",
        "DOCKER_CONFIG": str(home),
        "WASMBUILD_PUSH_SBOM": "none",
        "WASMBUILD_PUSH_CAPABILITIES": "false",
    }
    return Commands(tmp_path, os.environ | private)


@pytest.fixture
def oras(run: Commands) -> Commands:
    """The same, in a test that needs ``oras``."""
    find("oras")
    return run


@pytest.fixture
def crane(run: Commands) -> Commands:
    """The same, in a test that needs ``crane``."""
    find("crane")
    return run


@pytest.fixture
def cosign(run: Commands) -> Commands:
    """The same, in a test that needs ``cosign``."""
    find("cosign")
    return run

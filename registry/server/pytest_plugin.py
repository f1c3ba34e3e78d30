"""A fixture for anybody's tests: a real registry, in the process of the tests.

    def test_push(wasmbuild_registry: str) -> None:
        requests.get(f"http://{wasmbuild_registry}/v2/")

pytest loads this wherever wasmbuild is installed, so it imports nothing until the fixture is used.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["wasmbuild_registry"]


@pytest.fixture
def wasmbuild_registry(tmp_path: Path) -> Iterator[str]:
    """A registry of one test, empty at its start: yields ``127.0.0.1:port``; everybody here may do everything."""
    from registry.server.testing import running_server  # noqa: PLC0415  only tests that use it pay for it

    with running_server(tmp_path / "wasmbuild-registry") as address:
        yield address

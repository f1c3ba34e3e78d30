import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.server.faults.fuzz.target import Target
from tests.server.faults.serving import Served, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that a server could reach by mistake is in here, beside its data."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("secret", "etc/passwd", "data.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"nobody may see {name}")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    """One server for a whole module: it must outlive whatever is sent to it."""
    with serving(folder, 'patience = "0.3s"\n') as served:
        yield served


@pytest.fixture(scope="module")
def target(served: Served) -> Iterator[Target]:
    with requests.Session() as session:
        session.trust_env = False
        target = Target(served, session)
        target.set_up(os.urandom(2000))
        yield target

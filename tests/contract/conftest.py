"""The stores that the contract is asked of."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry.client.repository import Repository
from registry.client.transport import Transport
from registry.content import Store
from registry.stores.layout import LayoutStore
from registry.stores.memory import MemoryStore
from tests.contract.archived import Archived

MakeStore = Callable[[str], Store]


@pytest.fixture
def make_store(request: pytest.FixtureRequest) -> Iterator[MakeStore]:
    """Makes a new, empty store: in memory, in a folder, in an archive, or in our server over a real socket."""
    count = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        def make(kind: str) -> Store:
            nonlocal count
            count += 1
            if kind == "memory":
                return MemoryStore()
            if kind == "layout":
                return LayoutStore.create(folder / str(count))
            if kind == "archive":
                archived = Archived(folder / str(count))
                stack.callback(archived.close)
                return archived
            address = request.getfixturevalue("registry_address")
            name = request.getfixturevalue("repository_name")
            return Repository(Transport(address), f"{name}/{count}")

        yield make

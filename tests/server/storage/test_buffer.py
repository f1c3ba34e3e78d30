import hashlib
import threading
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.server.storage.buffer import Budget, PartBuffer


def test_what_memory_has_no_room_for_goes_to_the_disk(tmp_path: Path) -> None:
    budget = Budget(1000)
    one, two = PartBuffer(budget, tmp_path, 10_000), PartBuffer(budget, tmp_path, 10_000)
    one.write(b"a" * 600)
    two.write(b"b" * 300)
    assert budget.left == 100
    two.write(b"c" * 101)
    assert budget.left == 400  # two is a file now
    two.write(b"d" * 5000)
    content = two.sealed()
    assert (content.size, content.file.read()) == (5401, b"b" * 300 + b"c" * 101 + b"d" * 5000)
    assert b64decode(content.md5) == hashlib.md5(b"b" * 300 + b"c" * 101 + b"d" * 5000).digest()
    one.close()
    two.close()
    two.close()
    assert budget.left == 1000
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_gives_the_memory_back(tmp_path: Path) -> None:
    budget = Budget(100)
    buffer = PartBuffer(budget, tmp_path / "missing", 200)
    buffer.write(b"a" * 100)
    with pytest.raises(FileNotFoundError):
        buffer.write(b"b")
    buffer.close()
    assert budget.left == 100


@given(st.lists(st.binary(max_size=300), max_size=12), st.integers(0, 2000))
def test_it_is_a_file(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], memory: int) -> None:
    budget = Budget(memory)
    buffer = PartBuffer(budget, tmp_path_factory.getbasetemp(), 5000)
    for piece in pieces:
        buffer.write(memoryview(piece))
    hasher = hashlib.sha256()
    buffer.feed(hasher)
    assert hasher.digest() == hashlib.sha256(b"".join(pieces)).digest()
    for _ in range(2):  # a library that tries again reads it again
        assert buffer.sealed().file.read() == b"".join(pieces)
    buffer.close()
    assert budget.left == memory


def test_threads_share_a_budget() -> None:
    budget, most = Budget(50), []

    def use() -> None:
        for _ in range(2000):
            if budget.take(10):
                most.append(budget.left)
                budget.give(10)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.left == 50
    assert min(most) >= 0

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from registry.digest import Digest
from wasmbuild.build.installed import holding, installed_tools, remove_tool, size_on_disk
from wasmbuild.build.tool import Tool
from wasmbuild.build.toolfolders import lock_file
from wasmbuild.caches import Caches
from wasmbuild.errors import ToolchainMissing


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "cache")


def make_tool(caches: Caches, name: str = "zig-1.0-0123456789ab", size: int = 100_000) -> Tool:
    folder = caches.folder(f"tools/{name}/lib")
    (folder / "libc.a").write_bytes(b"x" * size)
    return Tool("zig", "1.0", Digest.of(name.encode()), folder.parent)


def test_nothing_is_installed_at_first(caches: Caches) -> None:
    assert installed_tools(caches) == ()


def test_tools_are_listed_with_their_size_and_leftovers_too(caches: Caches) -> None:
    tool = make_tool(caches)
    leftover = caches.folder(f"tools/.{tool.root.name}-dead")
    lock_file(tool.root).touch()
    found = {each.path: each for each in installed_tools(caches)}
    assert found.keys() == {tool.root, leftover}
    assert 100_000 <= found[tool.root].size < 200_000
    assert found[tool.root].whole
    assert not found[leftover].whole


def test_the_size_is_what_the_disk_gives(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**9)
    (tmp_path / "link").symlink_to("/")
    assert size_on_disk(tmp_path) < 100_000
    assert size_on_disk(tmp_path / "missing") == 0


def test_a_tool_leaves_with_its_leftovers(caches: Caches) -> None:
    tool, other = make_tool(caches), make_tool(caches, "go-1.0-0123456789ab")
    caches.folder(f"tools/.{tool.root.name}-dead")
    (first,) = (each for each in installed_tools(caches) if each.path == tool.root)
    assert remove_tool(first)
    assert [each.path for each in installed_tools(caches)] == [other.root]


def test_a_tool_that_is_used_stays_until_nobody_does(caches: Caches) -> None:
    tool = make_tool(caches)
    (listed,) = installed_tools(caches)
    with holding([tool]), holding([tool]):
        assert not remove_tool(listed)
    assert tool.root.is_dir()
    assert remove_tool(listed)


def test_another_process_that_uses_it_counts(caches: Caches) -> None:
    tool = make_tool(caches)
    (listed,) = installed_tools(caches)
    program = (
        "import sys; from pathlib import Path; from registry.digest import Digest\n"
        "from wasmbuild.build.installed import holding; from wasmbuild.build.tool import Tool\n"
        "with holding([Tool('zig', '1.0', Digest.of(b''), Path(sys.argv[1]))]):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tool.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    assert not remove_tool(listed)
    process.communicate(timeout=30)
    assert remove_tool(listed)


def test_a_tool_that_is_being_fetched_stays(caches: Caches) -> None:
    tool = make_tool(caches)
    caches.folder(f"tools/.{tool.root.name}-busy")
    with FileLock(lock_file(tool.root)):
        results = list[bool]()
        asking = threading.Thread(target=lambda: results.extend(map(remove_tool, installed_tools(caches))))
        asking.start()
        asking.join()
    assert results == [False, False]
    assert len(installed_tools(caches)) == 2


def test_a_tool_that_went_before_it_was_held_is_said(caches: Caches) -> None:
    tool = make_tool(caches)
    assert remove_tool(installed_tools(caches)[0])
    with pytest.raises(ToolchainMissing, match=r"zig 1\.0 was removed while it was about to be used"), holding([tool]):
        pass


def test_tools_of_the_machine_are_not_held(tmp_path: Path) -> None:
    with holding([Tool("rust", "1.0", Digest.of(b""), tmp_path / "nowhere", pinned=False)]):
        pass

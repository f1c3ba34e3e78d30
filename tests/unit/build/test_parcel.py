"""Inputs as one file: what goes in comes out, and nothing that comes is believed."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import InvalidDocument
from wasmbuild.build.action import InputFile
from wasmbuild.build.parcel import contents, pack, unpack
from wasmbuild.errors import InvalidProject


def written(root: Path, files: dict[str, bytes]) -> list[InputFile]:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return [InputFile(name, Digest.of(data), len(data)) for name, data in files.items()]


def sent(tmp_path: Path, files: list[InputFile]) -> Path:
    pack(files, lambda file: tmp_path / "project" / file.path, tmp_path / "parcel")
    return tmp_path / "parcel"


@given(st.dictionaries(st.sampled_from(["a", "b", "src/a", "src/b", "src/deep/c"]), st.binary(max_size=50)))
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    tmp_path = tmp_path_factory.mktemp("parcel")
    inputs = written(tmp_path / "project", files)
    (tmp_path / "there").mkdir()
    (tmp_path / "project").mkdir(exist_ok=True)
    unpack(sent(tmp_path, inputs), inputs, tmp_path / "there")
    there = [path for path in (tmp_path / "there").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "there").as_posix(): path.read_bytes() for path in there} == files


def test_the_same_contents_are_the_same_parcel_whatever_they_are_called(tmp_path: Path) -> None:
    one = written(tmp_path / "project", {"a": b"x" * 9, "b": b"y", "copy/a": b"x" * 9})
    other = [replace(one[1], path="z", executable=True), replace(one[0], path="y")]
    assert contents(one) == contents(other)
    assert contents(one) != contents(one[:1])
    assert sent(tmp_path, one).stat().st_size == 10


@pytest.mark.parametrize("change", [b"evil", b"longer than before", b"", None])
def test_a_file_that_changes_meanwhile_is_not_sent(tmp_path: Path, change: bytes | None) -> None:
    inputs = written(tmp_path / "project", {"a": b"good"})
    if change is None:
        (tmp_path / "project" / "a").unlink()
    else:
        (tmp_path / "project" / "a").write_bytes(change)
    with pytest.raises(InvalidProject, match="a changed during the build"):
        sent(tmp_path, inputs)


@pytest.mark.parametrize("came", [b"evil", b"goo", b"goods", b""])
def test_a_parcel_that_is_another_one(tmp_path: Path, came: bytes) -> None:
    inputs = written(tmp_path / "project", {"a": b"good"})
    sent(tmp_path, inputs).write_bytes(came)
    (tmp_path / "there").mkdir()
    with pytest.raises(InvalidDocument):
        unpack(tmp_path / "parcel", inputs, tmp_path / "there")


@pytest.mark.parametrize("path", ["../a", "/a", "b/../../a", "", "b//a", "./a"])
def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    inputs = written(tmp_path / "project", {"a": b"good"})
    (tmp_path / "there").mkdir()
    with pytest.raises(InvalidDocument, match="not a path inside"):
        unpack(sent(tmp_path, inputs), [replace(inputs[0], path=path)], tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_large_input_is_never_held_as_a_whole(tmp_path: Path) -> None:
    size = 100 * 1000**2
    (tmp_path / "project").mkdir()
    with (tmp_path / "project" / "large").open("wb") as file:
        file.truncate(size)
    hasher = Digest("sha256", "").hasher()
    for _ in range(100):
        hasher.update(bytes(1000**2))
    inputs = [InputFile("large", Digest("sha256", hasher.hexdigest()), size)]
    (tmp_path / "there").mkdir()
    tracemalloc.start()
    unpack(sent(tmp_path, inputs), inputs, tmp_path / "there")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "there" / "large").stat().st_size == size
    assert peak < 8 * 1024**2

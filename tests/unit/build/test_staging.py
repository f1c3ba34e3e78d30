import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import StorageFailed
from wasmbuild.build import staging
from wasmbuild.build.action import InputFile
from wasmbuild.build.staging import OutputFile, collect, discard, seal, stage
from wasmbuild.errors import InvalidProject, ToolFailed

EPOCH = 315_532_800.0
BIG = b"0123456789abcdef" * 200_000


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def have(root: Path, path: str, data: bytes, *, executable: bool = False) -> InputFile:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)
    return InputFile(path, Digest.of(data), len(data), executable)


def entries(folder: Path) -> dict[str, tuple[str, float]]:
    """Every path below a folder, with its permissions and its time."""
    found = [folder, *folder.rglob("*")]
    return {
        str(each.relative_to(folder)): (oct(each.lstat().st_mode & 0o7777), each.lstat().st_mtime) for each in found
    }


def test_inputs_are_there_with_fixed_times_and_permissions(root: Path, work: Path) -> None:
    inputs = [
        have(root, "src/deep/a.c", b"int a;"),
        have(root, "run.sh", b"#!", executable=True),
        have(root, "big", BIG),
    ]
    stage(root, inputs, [("made/by/us.json", "{“}")], work, modified=EPOCH)
    folder, file, program = ("0o755", EPOCH), ("0o644", EPOCH), ("0o755", EPOCH)
    assert entries(work) == {
        ".": folder,
        "big": file,
        "made": folder,
        "made/by": folder,
        "made/by/us.json": file,
        "run.sh": program,
        "src": folder,
        "src/deep": folder,
        "src/deep/a.c": file,
    }
    assert (work / "src/deep/a.c").read_bytes() == b"int a;"
    assert (work / "big").read_bytes() == BIG
    assert (work / "made/by/us.json").read_text(encoding="utf-8") == "{“}"


@pytest.mark.parametrize("clones", [True, False])
def test_large_files_with_and_without_the_kernel_s_copying(
    root: Path, work: Path, clones: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    if not clones:
        monkeypatch.setattr(os, "copy_file_range", refuse)
    file = have(root, "big", BIG)
    stage(root, [file], [], work, modified=EPOCH)
    assert (work / "big").read_bytes() == BIG
    for changed in (BIG + b"x", BIG[:-1], b"x" + BIG[1:]):
        (root / "big").write_bytes(changed)
        (work / "big").unlink()
        with pytest.raises(InvalidProject, match="big changed during the build"):
            stage(root, [file], [], work, modified=EPOCH)


def test_a_link_becomes_a_file_and_the_same_input_may_be_named_twice(root: Path, work: Path) -> None:
    (root / "link.c").symlink_to("a.c")
    file = have(root, "a.c", b"int a;")
    link = InputFile("link.c", file.digest, file.size)
    stage(root, [file, link, file], [], work, modified=EPOCH)
    assert stat.S_ISREG((work / "link.c").lstat().st_mode)
    assert (work / "link.c").read_bytes() == b"int a;"


@pytest.mark.parametrize("change", ["content", "longer", "shorter", "gone", "folder", "pipe"])
def test_an_input_that_changed_since_it_was_hashed(root: Path, work: Path, change: str) -> None:
    file = have(root, "a.c", b"int a;")
    (root / "a.c").unlink()
    match change:
        case "folder":
            (root / "a.c").mkdir()
        case "pipe":
            os.mkfifo(root / "a.c")
        case "gone":
            pass
        case _:
            (root / "a.c").write_bytes({"content": b"int b;", "longer": b"int a;;", "shorter": b"int a"}[change])
    with pytest.raises(InvalidProject, match=r"a\.c changed during the build"):
        stage(root, [file], [], work, modified=EPOCH)


@pytest.mark.parametrize("path", ["a.c", "a.c/b", "src"])
def test_what_we_write_does_not_take_the_place_of_an_input(root: Path, work: Path, path: str) -> None:
    inputs = [have(root, "a.c", b"int a;"), have(root, "src/b.c", b"int b;")]
    with pytest.raises(InvalidProject, match="is there twice"):
        stage(root, inputs, [(path, "")], work, modified=EPOCH)


@pytest.mark.parametrize("path", ["../a.c", "/a.c", "a/../../b", "./a", ""])
def test_nothing_is_written_outside(root: Path, work: Path, path: str) -> None:
    with pytest.raises(InvalidProject, match="not a path inside"):
        stage(root, [], [(path, "")], work, modified=EPOCH)
    assert list(work.parent.glob("*")) == [work] or set(work.parent.glob("*")) == {work, root}


def test_a_folder_that_cannot_be_written(root: Path, work: Path) -> None:
    work.rmdir()
    work.symlink_to("/dev/full")
    with pytest.raises(StorageFailed, match="could not be copied"):
        stage(root, [have(root, "a.c", b"")], [], work, modified=EPOCH)


def test_an_input_that_is_elsewhere(root: Path, work: Path, tmp_path: Path) -> None:
    (tmp_path / "lib.wasm").write_bytes(b"\0asm")
    inputs = [have(root, "a.c", b"int a;"), InputFile("deps/lib.wasm", Digest.of(b"\0asm"), 4)]
    elsewhere = {"deps/lib.wasm": tmp_path / "lib.wasm"}
    stage(root, inputs, [], work, modified=EPOCH, elsewhere=elsewhere)
    assert (work / "deps/lib.wasm").read_bytes() == b"\0asm"
    assert {time for _, time in entries(work).values()} == {EPOCH}
    (tmp_path / "lib.wasm").write_bytes(b"\0asM")
    discard(work)
    work.mkdir()
    with pytest.raises(InvalidProject, match=r"deps/lib\.wasm changed during"):
        stage(root, inputs, [], work, modified=EPOCH, elsewhere=elsewhere)


segments = st.text("abc", min_size=1, max_size=2)
paths = st.lists(segments, min_size=1, max_size=3).map("/".join)


@settings(max_examples=40)
@given(st.dictionaries(paths, st.binary(max_size=20), max_size=6))
def test_whatever_can_be_in_a_project_arrives(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]
) -> None:
    folders = {path.rsplit("/", cut)[0] for path in contents for cut in range(1, path.count("/") + 1)}
    contents = {path: data for path, data in contents.items() if path not in folders}
    root, work = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("work")
    inputs = [have(root, path, data) for path, data in contents.items()]
    stage(root, inputs, [], work, modified=EPOCH)
    assert {str(each.relative_to(work)): each.read_bytes() for each in work.rglob("*") if each.is_file()} == contents


def test_outputs_are_hashed(work: Path) -> None:
    (work / "sub").mkdir()
    (work / "a.wasm").write_bytes(b"\0asm")
    (work / "sub" / "b").write_bytes(BIG)
    assert collect(work, ["a.wasm", "sub/b"]) == (
        OutputFile("a.wasm", work / "a.wasm", Digest.of(b"\0asm"), 4),
        OutputFile("sub/b", work / "sub/b", Digest.of(BIG), len(BIG)),
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "wrote no"),
        ("link", "it is a link"),
        ("links/a", "it is a link"),
        ("folder", "is not a regular file"),
        ("pipe", "is not a regular file"),
        ("hole", "has 1099511627776 bytes, at most"),
        ("../outside", "not a path inside"),
        ("/etc/passwd", "not a path inside"),
        ("", "not a path inside"),
    ],
)
def test_outputs_that_are_not_taken(work: Path, name: str, said: str) -> None:
    (work.parent / "outside").write_text("secret")
    (work / "folder").mkdir()
    (work / "folder" / "a").write_text("")
    (work / "link").symlink_to("../outside")
    (work / "links").symlink_to("folder")
    os.mkfifo(work / "pipe")
    with (work / "hole").open("wb") as hole:
        hole.truncate(1024**4)
    with pytest.raises(ToolFailed) as caught:
        collect(work, [name])
    assert said in f"{caught.value.what} {caught.value.cause}"


def test_the_bound_of_an_output_is_exact(work: Path) -> None:
    (work / "a").write_bytes(b"1234")
    assert collect(work, ["a"], max_size=4)[0].size == 4
    with pytest.raises(ToolFailed, match="has 4 bytes, at most 3"):
        collect(work, ["a"], max_size=3)


def test_a_sealed_folder_is_read_only_and_can_be_discarded(work: Path) -> None:
    (work / "sub" / "deep").mkdir(parents=True)
    (work / "sub" / "a").write_text("")
    (work / "sub" / "tool").write_text("")
    (work / "sub" / "tool").chmod(0o700)
    (work.parent / "outside").write_text("")
    (work / "sub" / "link").symlink_to(work.parent / "outside")
    before = (work.parent / "outside").stat().st_mode
    seal(work)
    modes = {path: mode for path, (mode, _) in entries(work).items() if path != "sub/link"}
    assert modes == {".": "0o555", "sub": "0o555", "sub/deep": "0o555", "sub/a": "0o644", "sub/tool": "0o755"}
    assert (work.parent / "outside").stat().st_mode == before
    discard(work)
    assert not work.exists()
    assert (work.parent / "outside").exists()
    discard(work)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_is_not_root_can_discard_what_is_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("")
    seal(folder)
    for each in (tmp_path, folder, folder / "sub", folder / "sub" / "a"):
        os.chown(each, 65534, 65534)
    handle = os.open(tmp_path, os.O_RDONLY)
    child = os.fork()
    if child == 0:
        os.fchdir(handle)
        os.setuid(65534)
        discard(Path("kept"))
        os._exit(Path("kept").exists())
    os.close(handle)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_sealing_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="could not be sealed"):
        seal(tmp_path / "missing")


def test_the_bound_is_two_gibibytes() -> None:
    assert staging.MAX_OUTPUT == 2**31

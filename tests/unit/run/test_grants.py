import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import Failure
from wasmbuild.errors import UsageFailed
from wasmbuild.run.deciding.folders import parse_folder
from wasmbuild.run.deciding.grants import Folder, Grants
from wasmbuild.run.deciding.wishes import parse_allowed, parse_environment, parse_wish


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("data/sub", "odd:/name", "mode:ro", "a b"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    return tmp_path.resolve()


@pytest.mark.parametrize(
    ("text", "host", "guest", "writable"),
    [
        ("data", "data", "/data", True),
        ("./data/", "data", "/data", True),
        ("data/sub", "data/sub", "/data/sub", True),
        ("data/../data", "data", "/data", True),
        (".", ".", ".", True),
        ("data:.", "data", ".", True),
        ("data:/", "data", "/", True),
        ("data:/in/../../x", None, None, None),
        ("data:/in//deep/./", "data", "/in/deep", True),
        ("data://in", "data", "/in", True),
        ("data:ro", "data", "/data", False),
        ("data:rw", "data", "/data", True),
        ("data:/in:ro", "data", "/in", False),
        ("odd:/name:/in", "odd:/name", "/in", True),
        ("mode:ro:rw", "mode:ro", "/mode:ro", True),
        ("mode:ro:/in", "mode:ro", "/in", True),
        ("a b:/c d", "a b", "/c d", True),
        ("../x", None, None, None),
        ("nowhere", None, None, None),
        ("file", None, None, None),
        ("data:in", None, None, None),
        ("", None, None, None),
        (":/in", None, None, None),
        (":ro", None, None, None),
        ("da\0ta", None, None, None),
        ("data:/i\0n", None, None, None),
        ("x" * 5000, None, None, None),
    ],
)
def test_how_a_folder_is_written(text, host, guest, writable, here):
    if host is None:
        with pytest.raises(UsageFailed):
            parse_folder(text)
        return
    assert parse_folder(text) == Folder((here / host).resolve(), guest, writable)


def test_a_folder_that_is_absolute_has_its_own_name_in_the_guest(here):
    assert parse_folder(str(here / "data")) == Folder(here / "data", str(here / "data"), writable=True)


def test_a_folder_that_is_written_with_a_relative_name_for_the_guest_says_how():
    with pytest.raises(UsageFailed) as failed:
        parse_folder("data:in")
    assert failed.value.hint
    assert "GUEST begins with /" in failed.value.hint


def test_a_link_is_followed_once(here):
    (here / "link").symlink_to("data")
    folder = parse_folder("link:/in")
    (here / "link").unlink()
    (here / "link").symlink_to("/etc")
    assert folder.host == here / "data"


def test_links_in_a_circle_are_no_folder(here):
    (here / "loop").symlink_to("loop")
    with pytest.raises(UsageFailed, match="no such folder"):
        parse_folder("loop")


def test_a_folder_whose_name_is_not_text(here):
    (here / os.fsdecode(b"\xff")).mkdir()
    with pytest.raises(UsageFailed, match="UTF-8"):
        parse_folder(os.fsdecode(b"\xff:/in"))


@given(st.text(max_size=40))
def test_any_text_is_a_folder_or_a_failure(text):
    try:
        folder = parse_folder(text)
    except Failure as failure:
        assert "\n" not in failure.what
    else:
        assert folder.host.is_dir()
        assert folder.guest == "." or folder.guest.startswith("/")
        assert ".." not in folder.guest.split("/")


@pytest.mark.parametrize("second", ["data/sub:/in", "data:/in/", "data:/./in:ro"])
def test_two_folders_of_one_name(second):
    with pytest.raises(UsageFailed, match="two folders would be /in"):
        parse_wish(("data:/in", second))


def test_the_root_and_the_working_folder_are_one_name():
    with pytest.raises(UsageFailed, match="two folders"):
        parse_wish((".", "data:/"))


def test_variables_have_their_own_value_or_ours():
    ours = {"HOME": "/home/ada", "EMPTY": ""}
    found = parse_environment(["A=1=2", "B=", "HOME", "EMPTY"], ours, "--env")
    assert found == {"A": "1=2", "B": "", "HOME": "/home/ada", "EMPTY": ""}


@pytest.mark.parametrize(
    "text", ["MISSING", "=secret", "", "A\0=secret", "A=sec\0ret", "\udcff=secret", "A=\udcffsecret"]
)
def test_a_variable_that_cannot_be_names_no_value(text):
    with pytest.raises(UsageFailed) as failed:
        parse_environment([text], {}, "--env")
    assert "secret" not in str(failed.value)
    assert "ret" not in failed.value.what


def test_a_value_is_in_no_repr():
    wish = parse_wish(environment=("TOKEN=secret",))
    assert wish.grants.environment == (("TOKEN", "secret"),)
    assert "secret" not in repr(wish)
    assert wish.grants.names == ("TOKEN",)


def test_a_file_of_variables(here):
    (here / "env").write_bytes(b"# a comment\n\nA=1\r\nHOME\nB = spaced \n")
    wish = parse_wish(environment=("A=2",), environment_file=Path("env"), ours={"HOME": "/h"})
    assert dict(wish.grants.environment) == {"A": "2", "HOME": "/h", "B ": " spaced "}


@pytest.mark.parametrize("content", [b"A=\xff", b"NOT_SET_ANYWHERE", b"A=1\n" * 400_000])
def test_a_file_of_variables_that_is_none(content, here):
    (here / "env").write_bytes(content)
    with pytest.raises(UsageFailed):
        parse_wish(environment_file=Path("env"), ours={})


def test_a_pipe_is_no_file_of_variables(here):
    os.mkfifo(here / "pipe")
    with pytest.raises(UsageFailed):
        parse_wish(environment_file=Path("pipe"))


def test_what_is_allowed():
    wish = parse_wish(allow=("http", "sockets", "env::abort", "acme:kv/*"))
    assert wish.allowed.allow == {"http", "sockets"}
    assert wish.allowed.imports == ("env::abort", "acme:kv/*")
    assert wish.grants == Grants(http=True)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("htp", "--allow http"),
        ("", "known are"),
        ("wasi:cli/environment", "--allow environment"),
        ("wasi:http/types@0.2.0", "--allow streams"),
        ("wasi_snapshot_preview1::path_open", "--allow filesystem"),
    ],
)
def test_what_is_no_capability(name, hint):
    with pytest.raises(UsageFailed) as failed:
        parse_allowed([name])
    assert hint in (failed.value.hint or "")


def test_hosts():
    assert parse_wish(hosts=("API.example.com", "api.example.com", "b:8080")).grants.hosts == (
        "api.example.com",
        "b:8080",
    )
    assert parse_wish(hosts=("*",)).grants == Grants(http=True)
    for text in ("", "http://a/", "a b", "a\x1b"):
        with pytest.raises(UsageFailed):
            parse_wish(hosts=(text,))

"""What people write for a place, and what it means."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import Failure, InvalidReference
from wasmbuild.errors import UsageFailed
from wasmbuild.workflows.locals import in_registry
from wasmbuild.workflows.places import Name, Place, changing, checked_tags

DIGEST = Digest.of(b"x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oci:a", ("oci", "a", None, None)),
        ("oci:a:1", ("oci", "a", "1", None)),
        (f"oci:a:1@{DIGEST}", ("oci", "a", "1", DIGEST)),
        (f"oci:/x/a@{DIGEST}", ("oci", "/x/a", None, DIGEST)),
        ("oci:./a b/c:v1.0_x-y", ("oci", "a b/c", "v1.0_x-y", None)),
        ("oci:me@home/a:1", ("oci", "me@home/a", "1", None)),
        ("oci:me@home", ("oci", "me@home", None, None)),
        ("oci:a:b/c", ("oci", "a:b/c", None, None)),
        ("oci:a:b/c:1", ("oci", "a:b/c", "1", None)),
        ("oci-archive:x.tar", ("oci-archive", "x.tar", None, None)),
        (f"oci-archive:d/x.tar:1@{DIGEST}", ("oci-archive", "d/x.tar", "1", DIGEST)),
    ],
)
def test_places_on_a_disk(text, expected):
    kind, path, tag, digest = expected
    assert Name.parse(text) == Name(kind, f"{kind}:{path}", tag, digest, Path(path))


def test_anything_else_is_a_reference():
    name = Name.parse(f"r.io:5000/a/b:1@{DIGEST}")
    assert name == Name("registry", "r.io:5000/a/b", "1", DIGEST)


@pytest.mark.parametrize(
    "text",
    [
        "oci:", "oci::", "oci::1", "oci:a:", "oci:a:-", "oci:a:b c", f"oci:a:{'x' * 129}", "oci:a@sha256:12",
        "oci:a@md5:00", f"oci:@{DIGEST}", f"oci:a:@{DIGEST}", f"oci:a:1@{str(DIGEST).upper()}", "oci:a\0b",
        "oci-archive:", "oci-archive:x.tar:ä", "", "a//b", "r.io/A", "./a", "/a", "~/a", "..", ".",
    ],
)  # fmt: skip
def test_malformed_places(text):
    with pytest.raises(InvalidReference):
        Name.parse(text)


@pytest.mark.parametrize("text", ["oci:a:1", "oci-archive:a.tar", "oci:"])
def test_what_is_for_registries_takes_no_layout(text):
    with pytest.raises(UsageFailed, match="sign is for registries") as refused:
        in_registry(text, "sign")
    assert refused.value.hint == f"wasmbuild copy {text} HOST/REPOSITORY:TAG"
    assert str(in_registry("r.io/oci:a", "verify")) == "r.io/oci:a"


@pytest.mark.parametrize(
    ("name", "command", "hint"),
    [
        ("a b.tar", "verify", "wasmbuild verify --offline 'a b.tar' --key wasmbuild.pub"),
        ("a.wasm", "verify", "wasmbuild verify-file a.wasm --against REFERENCE --key wasmbuild.pub"),
        ("a.tar", "pull", "wasmbuild load a.tar HOST/REPOSITORY"),
        ("a.wasm", "sign", "wasmbuild push HOST/REPOSITORY:TAG a.wasm"),
    ],
)
def test_the_name_of_a_file_goes_to_no_registry(name, command, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(UsageFailed, match="is for registries") as refused:
        in_registry(name, command)
    assert refused.value.hint == hint


def test_a_reference_that_names_its_host_is_one_whatever_files_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.io").mkdir()
    (tmp_path / "r.io" / "a").touch()
    assert str(in_registry("r.io/a", "verify")) == "r.io/a"


@given(st.text(max_size=60))
def test_any_text_is_a_place_or_a_failure_of_ours(text):
    for prefix in ("", "oci:", "oci-archive:"):
        try:
            name = Name.parse(prefix + text)
        except Failure:
            continue
        assert name.where


FOLDER = st.from_regex(r"[a-z./ @]{0,10}[a-z]", fullmatch=True)
TAG = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}", fullmatch=True)


@given(FOLDER, st.none() | TAG, st.none() | st.binary().map(Digest.of), st.sampled_from(["oci", "oci-archive"]))
def test_what_is_written_is_what_is_read(folder, tag, digest, kind):
    text = f"{kind}:{folder}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
    if "@" in folder and "/" not in folder.rpartition("@")[2] and tag and not digest:
        return  # it ends like a digest
    name = Name.parse(text)
    assert (name.path, name.tag, name.digest) == (Path(folder), tag, digest)


@pytest.mark.parametrize("tags", [["a", ""], ["."], ["a", "b/c"], ["a" * 129], ["a\n"]])
def test_what_is_no_tag(tags):
    with pytest.raises(UsageFailed):
        checked_tags(tags)


def test_an_archive_is_no_destination_to_be_changed_in_place(tmp_path):
    with pytest.raises(UsageFailed, match="cannot be changed in place"):
        Place.destination(f"oci-archive:{tmp_path}/x.tar:1", Registries())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["oci:{}/nothing:1", "oci-archive:{}/nothing.tar:1"])
def test_what_is_not_there_is_not_added_to(tmp_path, text):
    with pytest.raises(Failure) as refused, changing(Name.parse(text.format(tmp_path)), Registries()):
        pass
    assert "/nothing" in refused.value.what
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(Failure):
        Name.parse(f"oci:{tmp_path}/nothing:1").open(Registries())
    assert list(tmp_path.iterdir()) == []

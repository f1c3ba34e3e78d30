import json
import re
import stat
from pathlib import Path

import pytest

from tests.unit.wasm.sections import COMPONENT, MODULE, custom, nest, sized, text, vector
from wasmbuild.cli.main import run
from wasmbuild.errors import UsageFailed
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.customs.producers import Producer
from wasmbuild.workflows.rewriting import parse_producers

EVIL = "\x1b[2J\u202e"
INNER = MODULE + custom("producers", vector(text("language") + vector(text(EVIL) + text("1"))))
DATA = (
    COMPONENT
    + nest(MODULE)
    + nest(INNER)
    + custom("component-name", b"\0" + sized(text("greeter")))
    + custom("version", b"1.0")
    + custom("build_id", b"\5")
    + custom(".dep-v0", b"no")
)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.wasm"
    path.write_bytes(DATA)
    return path


def ran(capfd, *words):
    """Its exit code, stdout and stderr."""
    code = run(list(words))
    return code, *capfd.readouterr()


def names(path):
    return [section.name for section in read(path.read_bytes()).sections if section.name is not None]


def test_what_a_file_says_is_shown_and_safe_to_show(file, capfd):
    code, out, err = ran(capfd, "metadata", "show", "m.wasm")
    assert (code, err) == (0, "")
    assert out == (
        "m.wasm: component\n"
        "  name           greeter\n"
        "  version        1.0\n"
        f"  unreadable     build_id: at byte {len(DATA) - 12}: 5 bytes are promised and 0 are left\n"
        f"  unreadable     .dep-v0: at byte {len(DATA) - 2}: data that zlib does not unpack\n"
        "module 1 in it\n"
        "  language       \\x1b[2J\\u202e 1\n"
    )


def test_a_file_that_says_nothing(file, capfd):
    file.write_bytes(MODULE)
    assert ran(capfd, "metadata", "show", str(file))[1] == f"{file}: module\n  says nothing about itself\n"


def test_as_json(file, capfd):
    document = json.loads(ran(capfd, "metadata", "show", "m.wasm", "--format", "json")[1])
    outer, _, inner = document["parts"]
    assert (document["schemaVersion"], document["command"]) == (1, "metadata show")
    assert (outer["name"], outer["fields"], outer["producers"]) == ("greeter", {"version": "1.0"}, {})
    assert [each["name"] for each in outer["unreadable"]] == ["build_id", ".dep-v0"]
    assert inner["path"] == [1]
    assert inner["producers"] == {"language": [{"name": EVIL, "version": "1"}]}


def test_adding_and_removing(file, capfd):
    words = [
        "--name",
        "other",
        "--author",
        "A",
        "--author",
        "B",
        "--licenses",
        "MIT",
        "--producer",
        "language=C@17",
        "--producer",
        "sdk=x",
    ]
    assert ran(capfd, "metadata", "add", "m.wasm", *words, "-o", "n.wasm") == (0, "n.wasm\n", "")
    assert file.read_bytes() == DATA
    out = ran(capfd, "metadata", "show", "n.wasm")[1]
    assert re.findall(r"^  (?!unreadable)(\S+) +(.*)$", out.partition("module")[0], re.MULTILINE) == [
        ("name", "other"),
        ("authors", "A, B"),
        ("licenses", "MIT"),
        ("version", "1.0"),
        ("language", "C 17"),
        ("sdk", "x"),
    ]
    assert ran(capfd, "metadata", "strip", "n.wasm", "--in-place")[0] == 0
    assert (file.parent / "n.wasm").read_bytes() == COMPONENT + nest(MODULE) * 2 + custom("build_id", b"\5")


def test_whoever_may_read_a_file_may_read_what_replaces_it(file, capfd):
    file.chmod(0o640)
    assert ran(capfd, "metadata", "strip", "m.wasm", "--in-place")[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_stripping_says_what_went(file, capfd):
    code, out, err = ran(capfd, "strip", "m.wasm", "-o", "n.wasm", "--keep", "version")
    assert (code, out) == (0, "n.wasm\n")
    assert [line.strip() for line in err.splitlines()] == [
        f"took out producers: {len(INNER) - len(MODULE)} B",
        "took out component-name: 27 B",
        "took out .dep-v0: 12 B",
        "took out build_id: 12 B",
        f"{len(DATA)} B before, 41 B after",
    ]
    assert names(file.parent / "n.wasm") == ["version"]


def test_stripping_as_json(file, capfd):
    words = ("strip", "m.wasm", "--delete", "producers", "--in-place", "--format", "json")
    document = json.loads(ran(capfd, *words)[1])
    dropped = [{"path": [1], "name": "producers", "size": len(INNER) - len(MODULE)}]
    assert document["dropped"] == dropped
    assert (document["before"], document["after"]) == (len(DATA), file.stat().st_size)
    assert document["file"].endswith("m.wasm")
    assert document["breaksSignature"] is False


def test_names_of_sections_are_safe_to_show(file, capfd):
    file.write_bytes(MODULE + custom(EVIL, b"") + b"".join(custom(f"s{number}", b"") for number in range(30)))
    err = ran(capfd, "strip", "m.wasm", "-o", "n.wasm")[2]
    assert "\\x1b[2J\\u202e" in err
    assert "\x1b" not in err
    assert "and 11 more" in err
    assert "nothing to take out" in ran(capfd, "strip", "n.wasm", "-o", "o.wasm")[2]


@pytest.mark.parametrize(
    "words", [["strip"], ["metadata", "add", "--version", "2"], ["metadata", "strip"]], ids=["strip", "add", "remove"]
)
def test_a_signature_inside_is_broken_and_that_is_said(file, capfd, words):
    file.write_bytes(MODULE + custom("signature", b"\1\1\1\0") + custom("producers", b"\0"))
    _, _, err = ran(capfd, *words, "m.wasm", "-o", "n.wasm")
    assert "warning" in err
    assert "sign it again" in err


def test_what_did_not_change_is_still_signed(file, capfd):
    file.write_bytes(MODULE + custom("signature", b"\1\1\1\0"))
    assert ran(capfd, "metadata", "strip", "m.wasm", "-o", "n.wasm") == (0, "n.wasm\n", "")
    assert (file.parent / "n.wasm").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["strip", "m.wasm"], "nobody said where the result goes"),
        (["strip", "m.wasm", "-o", "m.wasm"], "is the file that is read"),
        (["strip", "m.wasm", "-o", "n.wasm", "--in-place"], "do not go together"),
        (["strip", "m.wasm", "-o", "n.wasm", "--all", "--delete", "x"], "--all and --delete do not go together"),
        (["strip", "-o", "n.wasm", "ghcr.io/acme/hello:1"], "wasmbuild pull ghcr.io/acme/hello:1 -o FILE.wasm"),
        (["metadata", "show", "ghcr.io/acme/hello:1"], "metadata show takes a file of this machine"),
        (["metadata", "show", "none.wasm"], "there is no file none.wasm"),
        (["metadata", "show", "\x1bx"], "there is no file \\x1bx"),
        (["metadata", "add", "m.wasm", "-o", "n.wasm"], "there is nothing to add"),
        (["metadata", "add", "m.wasm", "-o", "n.wasm", "--version", "\udcff"], "--version is not text"),
        (["metadata", "add", "m.wasm", "-o", "n.wasm", "--version", "x" * 100_001], "100001 bytes, more than 100000"),
        (["metadata", "add", "m.wasm", "-o", "n.wasm", "--producer", "langauge=C"], "did you mean language?"),
    ],
)
def test_what_cannot_be_asked(file, capfd, words, said):
    code, out, err = ran(capfd, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert sorted(each.name for each in file.parent.iterdir()) == ["m.wasm"]
    assert file.read_bytes() == DATA


def test_a_file_that_is_not_wasm_stays_as_it_is(file, capfd):
    file.write_bytes(b"\x7fELF\2")
    for words in (["strip"], ["metadata", "strip"], ["metadata", "add", "--version", "1"]):
        code, _, err = ran(capfd, *words, "m.wasm", "--in-place")
        assert code == 1
        assert "ELF" in err
    assert file.read_bytes() == b"\x7fELF\2"


@pytest.mark.parametrize(
    ("word", "producer"),
    [
        ("language=C@17", Producer("language", "C", "17")),
        ("language=C", Producer("language", "C")),
        ("language=C@", Producer("language", "C")),
        ("sdk=@acme/sdk@1.0@x", Producer("sdk", "@acme/sdk", "1.0@x")),
        ("processed-by=a=b@1", Producer("processed-by", "a=b", "1")),
    ],
)
def test_producers(word, producer):
    assert parse_producers([word]) == (producer,)


@pytest.mark.parametrize("word", ["", "language", "language=", "=C", "tool=x", "Language=C"])
def test_what_is_no_producer(word):
    with pytest.raises(UsageFailed):
        parse_producers([word])


def test_the_page_names_what_is_kept_and_removed():
    from wasmbuild.wasm.editing.metadata import METADATA_SECTIONS
    from wasmbuild.wasm.editing.strip import KEPT

    page = (Path(__file__).parents[2] / "docs/metadata.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*METADATA_SECTIONS, *KEPT))

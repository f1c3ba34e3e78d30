"""Bytes through stdin, stdout and a terminal; and a person who is asked before something is gone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.digest import Digest
from tests.cli.test_terminal import Terminal
from tests.client.scripted import Answer, scripted

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")
INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
NAME = Digest.of(INDEX)


def run(*arguments, stdin=b"", **settings):
    return subprocess.run(
        [WASMBUILD, *arguments], input=stdin, capture_output=True, check=False, timeout=60, **settings
    )


@pytest.fixture
def place(registry_address, repository_name) -> str:
    """A repository with an index that needs nothing, tagged twice."""
    name = f"{registry_address}/{repository_name}"
    assert run("manifest", "put", f"{name}:1", "-", "--tag", "2", stdin=INDEX).returncode == 0
    return name


def test_stdin_and_stdout_are_exact(place):
    ugly = INDEX.replace(b",", b" ,\r\n").replace(b"[]", b'[], "x": "\xc2\x9b"') + b"\n\n"
    put = run("manifest", "put", f"{place}:ugly", "-", stdin=ugly)
    assert put.stdout.decode() == f"{place}@{Digest.of(ugly)}\n"
    assert run("manifest", "get", f"{place}:ugly").stdout == ugly
    assert run("manifest", "get", f"{place}:ugly", "-o", "-").stdout == ugly


def test_a_blob_through_stdin_and_stdout(place):
    data = os.urandom(3 * 1024 * 1024 + 7)
    put = run("blob", "put", place, "-", stdin=data)
    assert put.stdout.decode() == f"{place}@{Digest.of(data)}\n"
    got = run("blob", "get", put.stdout.decode().strip())
    assert (got.returncode, got.stderr) == (0, b"")
    assert got.stdout == data


def test_a_blob_that_is_not_what_was_asked_for_ends_with_4(tmp_path):
    with scripted(lambda asked: Answer(200, b"evil")) as server:
        reference = f"{server.address}/a@{Digest.of(b'good')}"
        assert run("blob", "get", reference).returncode == 4
        assert run("blob", "get", reference, "-o", "out", cwd=tmp_path).returncode == 4
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_on_stdin_is_bounded(place):
    put = run("manifest", "put", f"{place}:large", "-", stdin=b" " * (4 * 1024 * 1024 + 1))
    assert put.returncode == 1
    assert b"stdin has more than 4194304 bytes" in put.stderr


@pytest.mark.parametrize("command", [["manifest", "put"], ["blob", "put"]])
def test_a_closed_stdin_is_empty(place, command):
    line = " ".join([WASMBUILD, *command, place, "- <&-"])
    finished = subprocess.run(["sh", "-c", line], capture_output=True, check=False, timeout=60)
    assert finished.returncode == (0 if command[0] == "blob" else 1)
    assert b"WB999" not in finished.stderr


def test_delete_without_a_stdin_is_not_agreed_to(place):
    line = f"{WASMBUILD} delete {place}@{NAME} <&-"
    finished = subprocess.run(["sh", "-c", line], capture_output=True, check=False, timeout=60)
    assert finished.returncode == 2
    assert run("resolve", f"{place}@{NAME}").returncode == 0


def test_a_full_disk_and_a_closed_pipe(place, tmp_path):
    data = run("blob", "put", place, "-", stdin=bytes(3_000_000)).stdout.decode().strip()
    full = subprocess.run(["sh", "-c", f"{WASMBUILD} blob get {data} >/dev/full"], capture_output=True, check=False)
    assert full.returncode == 1
    assert b"error[WB207]" in full.stderr
    line = f"{WASMBUILD} blob get {data} 2>err | head -c 10 | wc -c; cat err"
    piped = subprocess.run(["sh", "-c", line], capture_output=True, check=False, timeout=60, cwd=tmp_path)
    assert piped.stdout.split()[0] == b"10"
    assert b"Traceback" not in piped.stdout


def test_a_terminal_gets_a_manifest_without_its_control_characters(place, tmp_path):
    document = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
    evil = json.dumps({**document, "x": "\u009b31mred é"}, ensure_ascii=False).encode()
    run("manifest", "put", f"{place}:evil", "-", stdin=evil)
    with Terminal("manifest", "get", f"{place}:evil", cwd=tmp_path, PYTHONUTF8="1") as terminal:
        terminal.expect("31mred é")
        assert terminal.end() == 0
    assert "\\x9b31m" in terminal.shown
    assert "\x9b" not in terminal.shown


def test_a_terminal_gets_a_text_and_no_binary(place, tmp_path):
    text = run("blob", "put", place, "-", stdin=b"some\ttext\n").stdout.decode().strip()
    with Terminal("blob", "get", text, "--progress", "quiet", cwd=tmp_path) as terminal:
        terminal.expect("some    text")
        assert terminal.end() == 0
    binary = run("blob", "put", place, "-", stdin=b"\0asm\x1b]0;owned\x07").stdout.decode().strip()
    with Terminal("blob", "get", binary, "--progress", "quiet", cwd=tmp_path) as terminal:
        terminal.expect("is not for a terminal")
        assert terminal.end() == 2
        assert "\x1b]0" not in terminal.shown
    with Terminal("blob", "get", binary, "-o", "-", "--progress", "quiet", cwd=tmp_path) as terminal:
        terminal.expect("\x1b]0;owned")
        assert terminal.end() == 0


def test_a_person_is_told_what_goes_and_may_say_no(place, tmp_path):
    (tmp_path / "sbom").write_bytes(b"sbom")
    attached = run("attach", f"{place}:1", "sbom", "--artifact-type", "application/spdx+json", cwd=tmp_path)
    digest = attached.stdout.decode().strip().rpartition("@")[2]
    with Terminal("delete", f"{place}@{NAME}", cwd=tmp_path) as terminal:
        terminal.expect("Delete? [y/N]")
        assert "with the tags 1, 2" in terminal.shown
        assert "these would refer to nothing" in terminal.shown
        assert f"{digest}  SBOM (SPDX)" in terminal.shown
        terminal.type("\n")
        terminal.expect("nothing was deleted")
        assert terminal.end() == 1
    assert run("resolve", f"{place}:1").returncode == 0
    with Terminal("delete", "--referrers", f"{place}@{NAME}", cwd=tmp_path) as terminal:
        terminal.expect("Delete? [y/N]")
        assert "with what refers to it" in terminal.shown
        terminal.type("y\n")
        assert terminal.end() == 0
    assert [run("resolve", f"{place}@{each}").returncode for each in (NAME, digest)] == [6, 6]


def test_a_blob_stays_when_the_answer_is_no(place, tmp_path):
    blob = run("blob", "put", place, "-", stdin=b"precious").stdout.decode().strip()
    with Terminal("delete", "--blob", blob, cwd=tmp_path) as terminal:
        terminal.expect("whatever needs it? [y/N]")
        terminal.type("n\n")
        terminal.expect("nothing was deleted")
        assert terminal.end() == 1
    assert run("blob", "get", blob).stdout == b"precious"


def test_a_person_may_walk_away(place, tmp_path):
    with Terminal("delete", f"{place}@{NAME}", cwd=tmp_path) as terminal:
        terminal.expect("Delete? [y/N]")
        assert terminal.interrupt() == 130
    assert run("resolve", f"{place}:1").returncode == 0


def test_a_terminal_without_unicode_gets_a_plain_tree(place, tmp_path):
    (tmp_path / "sbom").write_bytes(b"sbom")
    run("attach", f"{place}:1", "sbom", "--artifact-type", "application/spdx+json", cwd=tmp_path)
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    found = run("discover", f"{place}:1", env=os.environ | variables)
    assert b"\n`-- sha256:" in found.stdout
    found = run("discover", f"{place}:1", env=os.environ | {"PYTHONUTF8": "1"})
    assert "\n└── sha256:" in found.stdout.decode()

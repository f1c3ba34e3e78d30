"""The seed's claims: every escape of the table is refused, the judge would see one, and the report says what it should.

The guests in C need the pinned zig, which is fetched when it is not there.
"""

import hashlib
import socket
import struct
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.claims_parts.attempt import Attempt
from benchmarks.claims_parts.attempts import ATTEMPTS, CONTROLS
from benchmarks.claims_parts.chart import svg
from benchmarks.claims_parts.compilers import NATIVE, SIMD, WASM, compile_c
from benchmarks.claims_parts.containers import image_bytes
from benchmarks.claims_parts.escapes import Arena, arena
from benchmarks.claims_parts.kernels import KERNELS
from benchmarks.claims_parts.report import Bars, Section, Table, machine_facts, markdown
from benchmarks.claims_parts.workspace import WASMBUILD, Missing, Workspace, clean, finished, in_turns, required


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with arena(Workspace(tmp_path_factory.mktemp("arena"), 1, quick=True)) as made:
        yield made


def test_the_table_has_what_was_promised():
    kinds = {attempt.kind for attempt in ATTEMPTS}

    assert len(ATTEMPTS) >= 20
    assert len({(attempt.kind, attempt.tries) for attempt in ATTEMPTS}) == len(ATTEMPTS)
    assert kinds >= {
        "path traversal", "symlink", "absolute path", "/proc", "environment", "sockets", "processes", "memory limit",
        "endless loop", "stack", "table", "host pointer", "descriptors", "read-only folder", "hard link", "rename",
        "parent by descriptor", "/dev", "unknown import", "threads", "HTTP", "another guest's folder",
    }  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: f"{attempt.kind}: {attempt.tries}")
def test_an_escape_is_refused(place: Arena, attempt: Attempt):
    assert place.attempt(attempt).faults == ()


@pytest.mark.parametrize("attempt", CONTROLS, ids=lambda attempt: attempt.tries)
def test_what_is_granted_works(place: Arena, attempt: Attempt):
    assert place.attempt(attempt).faults == ()


def _attempt(place: Arena, *words: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """What the judge finds in an attempt that succeeds, because too much is granted for it."""
    return place.attempt(Attempt("escape", "escape", "probe", words, options, 99, "DONE")).faults


def test_the_judge_sees_a_secret_that_comes_out(place: Arena):
    faults = _attempt(place, "read", "secret.txt", options=("--dir", "{outside}:/data"))

    assert faults == ("the secret came out",)
    assert "the secret came out" in _attempt(place, "environment", options=("--env", "CLAIMS_SECRET"))


@pytest.mark.parametrize("words", [("create", "made.txt"), ("unlink", "secret.txt"), ("times", "secret.txt")])
def test_the_judge_sees_a_change(place: Arena, words: tuple[str, ...]):
    faults = _attempt(place, *words, options=("--dir", "{outside}:/data"))

    assert faults == ("a folder changed that it may not write to",)


def test_the_judge_sees_a_connection(place: Arena):
    with socket.create_connection(place.listener.getsockname()):
        faults = place.attempt(CONTROLS[0]).faults

    assert faults == ("somebody connected",)


def test_the_judge_tells_an_escape_from_an_end_that_says_neither(place: Arena):
    done = Attempt("escape", "escape", "probe", ("read", "own.txt"), ("--dir", "{granted}:/data"), 0, "refused")
    wrong = Attempt("fault", "fault", "probe", ("read", "own.txt"), ("--no-such-option",), 0, "refused")

    assert place.attempt(done).escaped
    assert not place.attempt(wrong).escaped
    assert place.attempt(wrong).faults


def test_the_judge_sees_a_guest_that_goes_on(place: Arena):
    (sleeping,) = (attempt for attempt in ATTEMPTS if attempt.arguments == ("sleep",))

    faults = place.attempt(replace(sleeping, options=("--timeout", "2s"), seconds=1.0)).faults

    assert len(faults) == 1
    assert faults[0].startswith("it took 2.")


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_has_one_checksum(tmp_path: Path, name: str):
    workspace = Workspace(tmp_path, 1, quick=True)
    native = compile_c(workspace, f"{name}.c", NATIVE, "native")

    said = {required([native, "1"])}
    said |= {required([WASMBUILD, "run", compile_c(workspace, f"{name}.c", to, "w"), "1"]) for to in (WASM, SIMD)}

    assert len(said) == 1


def test_the_kernel_of_sha256_computes_sha256(tmp_path: Path):
    native = compile_c(Workspace(tmp_path, 1, quick=True), "sha256.c", NATIVE, "native")
    data = bytes((i * 7 + i // 256) % 256 for i in range(65536)) * 256

    assert required([native, "2"]).strip() == hashlib.sha256(data * 2).hexdigest()[:16]


def _as_the_kernel_writes(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(_as_the_kernel_writes, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{_as_the_kernel_writes(each)}' for name, each in value.items()) + "}"
    assert isinstance(value, int | float)
    return str(int(value * 100))


def test_the_kernel_of_json_reads_what_python_reads(tmp_path: Path):
    native = compile_c(Workspace(tmp_path, 1, quick=True), "json.c", NATIVE, "native")
    records = [
        {"id": i, "name": f'item "{i * 7}"', "price": i % 900 + 0.25, "tags": [f"a{i % 10}", "b", -i]}
        for i in range(5000)
    ]
    expected = 0
    for byte in _as_the_kernel_writes(records).encode():
        expected = (expected * 31 + byte) % 2**64

    assert required([native, "2"]).strip() == f"{expected:016x}"


def _section(**given: object) -> Section:
    plain = Section("Title", "Claim.", "How.", "Verdict.", (Table(("a", "b"), (("x|y", "<b>*"),)),), "Limits.")
    return replace(plain, **given)


def test_the_report_names_claim_figures_limits_and_what_is_missing():
    text = markdown([_section(missing=("podman: no",))], machine_facts(0.5), {"runc": "1"}, "Words.", ["kernels: none"])

    assert text.startswith("# The claims, measured\n\nWords.\n")
    assert "\n## Title\n\nClaim.\n\n**In this run.** Verdict.\n" in text
    assert "| x\\|y | &lt;b>\\* |" in text
    assert "**What it does not show.** Limits." in text
    assert text.endswith("## What could not be measured\n\n- kernels: none\n- Title: podman: no\n")
    assert "| load before and after | 0.5 and " in text
    assert socket.gethostname() not in text.split()


def test_a_failure_is_in_its_section_and_nothing_is_claimed_missing():
    text = markdown([_section(failed=("it escaped",))], (), {}, "Words.", [])

    assert "\n- **Failed:** it escaped\n" in text
    assert text.endswith("\n\nNothing: everything was there.\n")


def test_the_chart_is_sound_and_its_bars_are_to_scale():
    picture = svg([Bars("a < b", "ms", (("<x>", 1.0, True), ("y & z", 4.0, False))), Bars("none", "s", ())], "caption")

    root = ET.fromstring(picture)
    widths = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]

    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)
    assert "none" not in picture
    assert "script" not in picture


def test_words_of_programs_lose_paths_lines_and_length():
    said = clean(f"runc: /run/user/0/x: open /home/ada/project/file.txt\nfailed on {socket.gethostname()} " + "x" * 900)

    assert said.startswith("runc: …/x: open …/file.txt failed on ")
    assert "ada" not in said
    assert len(said) < 310


def test_what_cannot_run_is_left_out_with_its_reason():
    def absent() -> float:
        raise Missing("podman: not on PATH")

    times, reasons = in_turns(3, {"ours": lambda: 0.5, "podman run": absent})

    assert times == {"ours": [0.5, 0.5, 0.5]}
    assert reasons == ["podman run: podman: not on PATH"]


def test_an_image_is_as_large_as_its_parts(tmp_path: Path):
    program = tmp_path / "program"
    program.write_bytes(struct.pack("<4000Q", *range(4000)))
    alone = image_bytes((str(program),), None)
    base = tmp_path / "base.tar"
    base.write_bytes(hashlib.shake_256(b"").digest(50_000))

    assert image_bytes((str(program),), base) - alone == pytest.approx(50_000, abs=300)


def test_a_command_that_hangs_is_ended():
    with pytest.raises(Missing, match="timed out"):
        finished(["sleep", "60"], seconds=0.2)

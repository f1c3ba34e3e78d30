"""``diff``, ``compat`` and ``push --check-compat``, on files and on artifacts of a real registry."""

import json

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from wasmbuild.caches import CACHE_VARIABLE
from wasmbuild.cli.main import run
from wasmbuild.errors import UsageFailed
from wasmbuild.wasm.compare.steps import Step
from wasmbuild.workflows.gates import Gate
from wasmbuild.workflows.versions import smallest_after, step_between, version_named

ADD = '(func (export "add") (param i32 i32) (result i32) i32.const 1)'
SUB = ADD.replace("add", "sub")
WRITE = '(import "wasi_snapshot_preview1" "path_rename" (func (param i32 i32 i32 i32 i32 i32) (result i32)))'
FILES = {
    "old": ADD,
    "same": ADD,
    "repaired": ADD.replace("const 1", "const 2"),
    "added": ADD + SUB,
    "removed": "",
    "files": WRITE + ADD,
    "foreign": '(import "env" "\\1b[31mred" (func))' + ADD,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("compared")
    for name, text in FILES.items():
        (made / f"{name}.wasm").write_bytes(wasmtime.wat2wasm(f"(module {text})"))
    components = {"small": "", "large": '(import "acme:a/b@1.0.0" (instance))'}
    for name, text in components.items():
        (made / f"{name}.component.wasm").write_bytes(wasmtime.wat2wasm(f"(component {text})"))
    return made


@pytest.fixture
def said(folder, capsys, monkeypatch):
    """Runs a command in the folder: its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def call(*arguments):
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_diff_shows_what_came_and_what_went(said):
    code, out, _ = said("diff", "old.wasm", "files.wasm")
    assert code == 0
    assert "+ filesystem, risk high: it reads and writes files (wasi_snapshot_preview1::path_rename)" in out
    assert "[minor: its hosts have it" in out
    assert "wasi none -> 0.1" in out
    back = said("diff", "files.wasm", "old.wasm")[1]
    assert "- filesystem, risk high" in back


def test_diff_of_equal_files_says_so(said):
    code, out, _ = said("diff", "old.wasm", "same.wasm", "--fail-on", "capability", "--fail-on", "size:+0B")
    assert code == 0
    assert "identical: sha256:" in out


def test_names_out_of_a_file_are_made_safe(said):
    code, out, err = said("diff", "old.wasm", "foreign.wasm", "--fail-on", "import")
    assert code == 4
    assert "\x1b" not in out + err
    assert "env::\\x1b[31mred" in out
    assert "import added: env::\\x1b[31mred" in err
    assert "\x1b" not in said("compat", "old.wasm", "foreign.wasm")[2]


@pytest.mark.parametrize(
    ("new", "gate", "code"),
    [
        ("files", "capability", 4),
        ("foreign", "capability", 4),
        ("added", "capability", 0),
        ("removed", "export", 4),
        ("added", "export", 0),
        ("files", "import", 4),
        ("added", "import", 0),
        ("added", "size:+5%", 4),
        ("added", "size:+1KB", 0),
        ("added", "size:+3B", 4),
        ("removed", "size:+0%", 0),
    ],
)
def test_diff_fails_on_what_it_is_told(said, new, gate, code):
    found, out, err = said("diff", "old.wasm", f"{new}.wasm", "--fail-on", gate)
    assert (found, "WB404" in err) == (code, code == 4)
    assert out.startswith("old.wasm -> ")


@pytest.mark.parametrize("gate", ["sise:+5%", "size:5%", "size:+5 XB", "size:+-1%", "", "size:+1e9%", "exports"])
def test_a_gate_that_nobody_knows_is_refused(gate):
    with pytest.raises(UsageFailed, match="--fail-on"):
        Gate.parse(gate)


@given(st.integers(0, 10**6), st.sampled_from(["B", "KB", "MiB", "%"]))
def test_a_gate_is_read_as_it_is_written(number, unit):
    gate = Gate.parse(f"size:+{number}{unit}")
    assert gate.percent is (unit == "%")
    assert gate.growth == number * {"B": 1, "KB": 1000, "MiB": 1024**2, "%": 1}[unit]


def test_diff_as_json(said):
    document = json.loads(said("diff", "old.wasm", "files.wasm", "--format", "json")[1])
    assert document["schemaVersion"] == 1
    assert [each["name"] for each in document["capabilities"]["gained"]] == ["filesystem"]
    assert document["changes"][0]["step"] == "minor"
    assert document["old"]["digest"].startswith("sha256:")


def test_components_are_compared_by_name_where_wasm_tools_is_not_to_be_had(said, tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    code, out, err = said("diff", "small.component.wasm", "large.component.wasm", "--offline")
    assert code == 0
    assert "without their types" in err
    assert "+ import acme:a/b@1.0.0" in out
    assert "(by name alone)" in out
    code, out, err = said("compat", "small.component.wasm", "large.component.wasm", "--offline")
    assert (code, out) == (7, "")
    assert "WB501" in err


@pytest.mark.parametrize(
    ("new", "step"),
    [
        ("same", "none"),
        ("repaired", "patch"),
        ("added", "minor"),
        ("files", "minor"),
        ("removed", "major"),
        ("foreign", "major"),
        ("small.component", "major"),
    ],
)
def test_compat_prints_the_step_and_fails_where_something_breaks(said, new, step):
    code, out, err = said("compat", "old.wasm", f"{new}.wasm")
    assert (code, out) == (4 if step == "major" else 0, f"{step}\n")
    assert ("WB404" in err) is (step == "major")
    ends = {"minor": 10, "major": 11}.get(step, 0)
    assert said("compat", "old.wasm", f"{new}.wasm", "--exit-code")[:2] == (ends, f"{step}\n")


def test_compat_names_what_breaks_and_what_is_gained(said):
    _, _, err = said("compat", "old.wasm", "removed.wasm")
    assert "- export add (func (param i32 i32) (result i32)) [major: what used it finds it no more]" in err
    assert "capability gained: filesystem" in said("compat", "old.wasm", "files.wasm")[2]
    both = said("compat", "old.wasm", "foreign.wasm", "--exit-code")[2]
    assert "capability gained: foreign imports" in both
    assert "+ import env::" in both
    assert (
        "the file itself module => component [major: it was a module, and is a component]"
        in (said("compat", "old.wasm", "small.component.wasm")[2])
    )


@pytest.mark.parametrize(("allow", "code"), [("none", 4), ("patch", 4), ("minor", 0), ("major", 0)])
def test_compat_takes_the_step_that_is_allowed(said, allow, code):
    assert said("compat", "old.wasm", "added.wasm", "--allow", allow)[0] == code


def test_compat_as_json(said):
    document = json.loads(said("compat", "old.wasm", "added.wasm", "--format", "json")[1])
    assert (document["step"], document["capabilitiesGained"]) == ("minor", [])
    assert [(each["change"], each["name"]) for each in document["changes"]] == [("added", "sub")]


def test_flags_that_contradict_each_other_are_refused(said):
    assert said("compat", "old.wasm", "added.wasm", "--allow", "patch", "--exit-code")[0] == 2


@pytest.mark.parametrize("verb", ["diff", "compat"])
def test_what_is_no_wasm_is_named(said, folder, verb):
    (folder / "text.wasm").write_text("hello")
    code, _, err = said(verb, "old.wasm", "text.wasm")
    assert code == 1
    assert "text.wasm" in err
    assert "WB601" in err


@pytest.fixture
def pushed(said, registry_address, repository_name, private_cache):
    """Pushes a file of the folder with a version, and says how that went."""

    def push(version, name, *more):
        return said("push", f"{registry_address}/{repository_name}:{version}", f"{name}.wasm", *more)

    push.place = f"{registry_address}/{repository_name}"
    return push


def test_files_and_artifacts_are_compared_alike(said, pushed):
    pushed("1.0.0", "old")
    by_file = json.loads(said("diff", "old.wasm", "added.wasm", "--format", "json")[1])
    by_reference = json.loads(said("diff", f"{pushed.place}:1.0.0", "added.wasm", "--format", "json")[1])
    assert by_reference["old"]["name"].startswith(f"{pushed.place}@sha256:")
    assert {**by_file, "old": None} == {**by_reference, "old": None}


def test_a_version_must_go_as_far_as_its_interface(said, pushed):
    assert pushed("1.2.0", "old", "--check-compat")[0] == 0
    code, out, err = pushed("1.2.1", "added", "--check-compat")
    assert (code, out) == (4, "")
    assert "WB404" in err
    assert "+ export sub" in err
    assert f"{pushed.place}:1.3.0" in err
    assert said("tags", pushed.place)[1] == "1.2.0\n"
    assert pushed("1.3.0", "added", "--check-compat")[0] == 0
    code, _, err = pushed("1.4.0", "removed", "--check-compat")
    assert code == 4
    assert "- export add" in err
    assert "- export sub" in err
    assert f"{pushed.place}:2.0.0" in err
    assert pushed("2.0.0", "removed", "--check-compat")[0] == 0


def test_a_version_is_held_against_the_release_before_it(pushed):
    pushed("1.2.0", "old")
    pushed("2.0.0", "removed")
    pushed("1.9.0-rc.1", "foreign")
    assert pushed("1.2.1", "repaired", "--check-compat")[0] == 0
    assert pushed("1.2.2", "removed", "--check-compat")[0] == 4
    assert pushed("1.3.0-rc.1", "added", "--check-compat")[0] == 0
    assert pushed("1.2.2-rc.1", "added", "--check-compat")[0] == 4


def test_below_one_the_second_number_is_the_large_one(pushed):
    pushed("v0.1.0", "old")
    assert pushed("v0.1.1", "added", "--check-compat")[0] == 0
    code, _, err = pushed("v0.1.2", "removed", "--check-compat")
    assert code == 4
    assert f"{pushed.place}:v0.2.0" in err


def test_the_first_version_has_nothing_to_be_compared_with(pushed):
    code, _, err = pushed("1.0.0", "old", "--check-compat")
    assert code == 0
    assert "no release before 1.0.0" in err


def test_a_tag_that_is_no_version_is_refused_before_anything_is_done(said, pushed):
    code, _, err = pushed("latest", "old", "--check-compat")
    assert code == 2
    assert "names a version" in err
    assert pushed("1.0.0", "old", "--check-compat", "--tag", "2.0.0")[0] == 2
    assert said("tags", pushed.place)[0] == 6
    assert pushed("1.0.0", "old", "--check-compat", "--tag", "latest")[0] == 0


def test_a_rehearsal_is_checked_too(pushed):
    pushed("1.2.0", "old")
    assert pushed("1.2.1", "added", "--check-compat", "--dry-run")[0] == 4


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ("1.2.3", "1.2.4", Step.PATCH),
        ("1.2.3", "1.3.0", Step.MINOR),
        ("1.2.3", "2.0.0", Step.MAJOR),
        ("0.2.3", "0.2.4", Step.MINOR),
        ("0.2.3", "0.3.0", Step.MAJOR),
        ("0.2.3", "1.0.0", Step.MAJOR),
        ("0.0.3", "0.0.4", Step.MAJOR),
        ("1.2.3", "1.3.0-rc.1", Step.MINOR),
        ("1.2.3", "1.2.3+build", Step.NONE),
    ],
)
def test_the_step_between_two_versions(old, new, step):
    assert step_between(Version.parse(old), Version.parse(new)) is step


NUMBERS = st.integers(0, 20)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), st.sampled_from([Step.PATCH, Step.MINOR, Step.MAJOR]))
def test_the_smallest_version_is_enough_and_no_smaller_one_is(numbers, step):
    old = Version(*numbers)
    enough = smallest_after(old, step)
    assert step_between(old, enough) >= step
    below = [each for each in (old.bump_patch(), old.bump_minor(), old.bump_major()) if each < enough]
    assert all(step_between(old, each) < step for each in below)


def test_tags_name_versions():
    assert version_named("v1.2.0_b1") == Version(1, 2, 0, None, "b1")
    assert version_named("latest") is None

import json
import os
from pathlib import Path

import pytest

from registry.digest import Digest
from wasmbuild.build.action import Action, CacheFolder, InputFile, Output, Produced, ToolFile
from wasmbuild.build.chain import Chain, described
from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.events import Note, ignore
from wasmbuild.workflows.build import Setting, build
from wasmbuild.workflows.changes import changes, reasons
from wasmbuild.workflows.explain import explain_target, explanation
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.plan_report import Report, command_words, report

WAT = '(module (func (export "_start")))'
PROJECT = '[project]\nname = "hello"\nversion = "1.0.0"\n'
TWO = (
    PROJECT + '[build]\nlanguage = "wat"\nmetadata = false\n[target.one]\nentry = "main.wat"\n'
    '[target.two]\nlanguage = "custom"\ncommand = ["cp", "deps/one.wasm", "{output}"]\ndepends = ["one"]\n'
)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(Caches(tmp_path / "cache"), os.environ, ignore)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "hello"
    root.mkdir()
    (root / "main.wat").write_text(WAT)
    return root


def one(folder: Path, setting: Setting, **options: object) -> Report:
    (found,) = report(folder, BuildOptions(**options), setting)
    return found


def listing(root: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in root.rglob("*")}


def test_a_first_build(folder: Path, setting: Setting) -> None:
    found = one(folder, setting)
    assert (found.planned.label, found.state, found.why) == ("hello", "to build", ("it was not built before",))
    assert [step.action.name for step in found.steps] == ["compile"]
    assert found.key is not None


def test_looking_writes_nothing(folder: Path, setting: Setting, tmp_path: Path) -> None:
    before = listing(tmp_path)
    one(folder, setting)
    assert listing(tmp_path) == before


def test_a_lock_is_not_written_by_looking(tmp_path: Path, setting: Setting) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "main.c").write_text("int main(void) { return 0; }\n")
    before = listing(tmp_path)
    found = one(tmp_path / "c", setting)
    assert listing(tmp_path) == before
    assert [(tool.name, tool.pinned, tool.root.is_dir()) for tool in found.tools] == [("zig", True, False)]


def test_what_was_built_is_unchanged_and_has_the_key_of_the_build(folder: Path, setting: Setting) -> None:
    (built,) = build(folder, BuildOptions(), setting)
    found = one(folder, setting)
    assert (found.state, found.why, found.key) == ("unchanged", (), built.action_key)


def test_a_changed_input_is_named(folder: Path, setting: Setting) -> None:
    build(folder, BuildOptions(), setting)
    (folder / "main.wat").write_text(WAT + "\n")
    found = one(folder, setting)
    assert found.state == "to build"
    assert [why.partition(" (")[0] for why in found.why] == ["input main.wat: changed"]
    assert [change.action for change in found.changes] == ["compile"]


def test_another_setting_is_named(folder: Path, setting: Setting) -> None:
    build(folder, BuildOptions(), setting)
    found = one(folder, setting, optimize="debug")
    assert [why.partition(" (")[0] for why in found.why] == ["word of the command 6: removed"]


def test_what_a_cache_has_is_not_built(folder: Path, setting: Setting) -> None:
    build(folder, BuildOptions(), setting)
    (folder / "dist" / "hello.wasm").unlink()
    found = one(folder, setting)
    assert (found.state, found.source, found.why) == ("cached", "local", ("dist/hello.wasm is gone",))
    assert one(folder, setting, no_cache=True).state == "to build"


def test_a_file_that_somebody_else_wrote(folder: Path, setting: Setting) -> None:
    build(folder, BuildOptions(), setting)
    (folder / "dist" / "hello.wasm").write_text("mine")
    assert one(folder, setting).why == ("dist/hello.wasm is not as it was built",)


def test_what_the_project_says_about_itself(folder: Path, setting: Setting) -> None:
    (folder / "wasmbuild.toml").write_text(PROJECT)
    build(folder, BuildOptions(), setting)
    (folder / "wasmbuild.toml").write_text(PROJECT + 'description = "new"\n')
    found = one(folder, setting)
    assert (found.state, found.why) == ("cached", ("what [project] says about itself has changed",))


def test_a_folder_that_somebody_named_is_asked(folder: Path, setting: Setting, tmp_path: Path) -> None:
    place = f"folder:{tmp_path / 'shared'}"
    build(folder, BuildOptions(cache_to=(place,)), setting)
    other = Setting(Caches(tmp_path / "other"), os.environ, ignore)
    found = one(folder, other, cache_from=(place,))
    assert (found.state, found.source) == ("cached", place)
    assert not (tmp_path / "other").exists()


def test_what_depends_on_something_unbuilt_has_no_key_yet(folder: Path, setting: Setting) -> None:
    (folder / "wasmbuild.toml").write_text(TWO)
    first, second = report(folder, BuildOptions(), setting)
    assert (first.state, second.state, second.key, second.why) == (
        "to build",
        "to build",
        None,
        ("one is built first",),
    )
    built = {each.label: each.action_key for each in build(folder, BuildOptions(), setting)}
    first, second = report(folder, BuildOptions(), setting)
    assert (first.state, second.state) == ("unchanged", "unchanged")
    assert (first.key, second.key) == (built["one"], built["two"])
    (folder / "dist" / "one.wasm").unlink()
    first, second = report(folder, BuildOptions(), setting)
    assert (first.state, second.state, second.key) == ("cached", "unchanged", built["two"])


def test_explaining_one_target(folder: Path, setting: Setting) -> None:
    (folder / "wasmbuild.toml").write_text(TWO)
    build(folder, BuildOptions(), setting)
    (folder / "main.wat").write_text(WAT + "\n")
    (found,) = explain_target(folder, "one", setting)
    assert explanation(found).splitlines()[0] == "one: to build"
    assert "input main.wat: changed" in explanation(found)
    (found,) = explain_target(folder, "two", setting)
    assert explanation(found) == "two: to build\n  one is built first"
    assert len(explain_target(folder, None, setting)) == 2


def action(name: str, *words: object, **more: object) -> Action:
    return Action(name, "tool", tuple(words), ("x",), **more)  # type: ignore[arg-type]


def steps(*actions: Action, content: bytes = b"1") -> dict[str, object]:
    chain = Chain("x", actions, {}, 1, 1)
    inputs = [InputFile(path, Digest.of(content), 1) for path in chain.inputs]
    return dict(described(chain, inputs))


def test_changes_of_a_chain_are_said_of_the_action_that_has_them() -> None:
    first = action("fetch", "a", inputs=("lock",))
    second = action("compile", "b", Produced("fetch"), inputs=("lock",))
    before = {name: each.description for name, each in steps(first, second).items()}  # type: ignore[attr-defined]
    assert changes(before, steps(first, second)) == ()  # type: ignore[arg-type]
    found = changes(before, steps(first, second, content=b"2"))  # type: ignore[arg-type]
    assert [change.action for change in found] == ["fetch", "compile"]
    assert len(reasons(found)) == 1
    found = changes(before, steps(action("fetch", "other", inputs=("lock",)), second))  # type: ignore[arg-type]
    assert [change.action for change in found] == ["fetch"]
    found = changes(before, steps(second.__class__("link", "tool", ("b",), ("x",))))  # type: ignore[arg-type]
    assert reasons(found) == ("action link: added", "action fetch: removed", "action compile: removed")


def test_many_reasons_are_cut() -> None:
    before = {f"a{number}": {} for number in range(80)}
    assert reasons(changes(before, {}))[-1] == "30 more"


def test_a_command_in_words() -> None:
    shown = command_words(
        action(
            "compile",
            ToolFile("zig", "bin/zig"),
            ToolFile("python"),
            "a b",
            ("--out=", Output("x.wasm")),
            Produced("fetch", "in"),
            CacheFolder("zig"),
            Output(),
            env=(("A", "1 2"),),
        )
    )
    assert shown == "A='1 2' /tools/zig/bin/zig python 'a b' --out=/out/x.wasm /kept/fetch/in /cache/zig /out"


def test_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))
    assert run(["plan", str(folder), "-v"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("hello: to build\n  it was not built before\n  wat: main.wat\n")
    assert "    python -P -m wasmbuild.build.programs.wat" in out
    assert run(["plan", str(folder), "--format", "json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["schemaVersion"], document["targets"][0]["state"]) == (1, "to build")
    assert run(["plan", str(tmp_path / "missing")]) == 2


def test_the_command_that_explains(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))
    assert run(["cache", "explain", "hello", "--project", str(folder)]) == 0
    assert capfd.readouterr().out == "hello: to build\n  it was not built before\n"
    assert run(["build", str(folder)]) == 0
    (folder / "main.wat").write_text(WAT + "\n")
    capfd.readouterr()
    assert run(["cache", "explain", "--project", str(folder), "--format", "json"]) == 0
    (document,) = json.loads(capfd.readouterr().out)["targets"]
    assert [change["path"] for change in document["changes"]] == [["inputs", "main.wat"]]
    assert run(["cache", "explain", "helo", "--project", str(folder)]) == 2


def test_since_a_revision(folder: Path, setting: Setting) -> None:
    from tests.unit.test_since import git

    (folder / "wasmbuild.toml").write_text(TWO + '[target.three]\nentry = "other.wat"\n')
    (folder / "other.wat").write_text(WAT)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    assert report(folder, BuildOptions(since="HEAD"), setting) == ()
    (folder / "other.wat").write_text(WAT + "\n")
    found = report(folder, BuildOptions(since="HEAD"), setting)
    assert {each.planned.label for each in found} == {"three", "two", "one"}  # custom reads every file, and needs one


SECRET = "s3cr3t value"
CUSTOM = PROJECT + '[build]\nlanguage = "custom"\ncommand = ["cp", "main.wat", "{output}"]\nmetadata = false\n'


def test_values_of_variables_are_not_shown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))
    (folder / "main.wat").write_bytes(b"\0asm\1\0\0\0")
    shown = ""
    for variables in (f'API_TOKEN = "{SECRET}"', f'API_TOKEN = "{SECRET} 2"', 'OTHER = "x"'):
        (folder / "wasmbuild.toml").write_text(f"{CUSTOM}environment = {{ {variables} }}\n")
        for command in (["plan", "-v", str(folder)], ["cache", "explain", "--project", str(folder)]):
            assert run(command) == 0
            assert run([*command, "--format", "json"]) == 0
            shown += capfd.readouterr().out
        assert run(["build", str(folder)]) == 0
        capfd.readouterr()
    assert "API_TOKEN=*** /tools/cp/" in shown
    assert "variable API_TOKEN: changed (*** -> ***)" in shown
    assert "variable API_TOKEN: removed" in shown
    assert "s3cr3t" not in shown


def test_links_that_lead_out_are_named_once(folder: Path, tmp_path: Path) -> None:
    for number in range(7):
        (folder / f"link{number}").symlink_to(tmp_path)
    (folder / "wasmbuild.toml").write_text(TWO)
    told: list[object] = []
    report(folder, BuildOptions(), Setting(Caches(tmp_path / "cache"), os.environ, told.append))
    assert told == [
        Note(
            "warning",
            "left out: link0, link1, link2, link3, link4 and 2 more: "
            "links to folders outside the project, or to some that are never looked into",
        )
    ]


def test_a_cache_inside_the_project_is_no_input(folder: Path) -> None:
    (folder / "wasmbuild.toml").write_text(CUSTOM)
    (folder / "main.wat").write_bytes(b"\0asm\1\0\0\0")
    setting = Setting(Caches(folder / "cache"), os.environ, ignore)
    inputs = one(folder, setting).planned.chain.inputs
    build(folder, BuildOptions(), setting)
    assert (folder / "cache" / "CACHEDIR.TAG").exists()
    found = one(folder, setting)
    assert (found.planned.chain.inputs, found.state) == (inputs, "unchanged")

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from wasmbuild.build.provision import tool_folder
from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.events import ignore
from wasmbuild.lock import lock_tools
from wasmbuild.toolchains import TOOLCHAINS
from wasmbuild.toolchains.pins import shipped_pin
from wasmbuild.workflows import doctor
from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.doctor import Diagnosis, diagnose
from wasmbuild.workflows.toolchecks import Check

PROJECT = '[project]\nname = "hello"\nversion = "1.0.0"\n[build]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "hello"
    root.mkdir()
    (root / "main.wat").write_text('(module (func (export "_start")))')
    return root


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip takes half a second to start: it is asked where a test is about it."""
    if "pip" not in request.node.name and "index" not in request.node.name:
        monkeypatch.setattr(doctor, "_packages", lambda setting, *, online: iter(()))


def setting(tmp_path: Path, environment: Mapping[str, str] | None = None) -> Setting:
    return Setting(Caches(tmp_path / "cache"), {"PATH": str(tmp_path)} if environment is None else environment, ignore)


def look(folder: Path, tmp_path: Path, **more: object) -> Diagnosis:
    environment = more.pop("environment", None)
    return diagnose(folder, setting(tmp_path, environment), sandbox="none", **more)  # type: ignore[arg-type]


def find(found: Diagnosis, section: str, name: str = "") -> list[Check]:
    return [each for each in found.checks if each.section == section and each.name.startswith(name)]


def test_a_project_that_needs_nothing(folder: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    found = look(folder, tmp_path)
    assert found.buildable
    (check,) = find(found, "project", "hello (wat)")
    assert (check.mark, check.text) == ("ok", "needs nothing but wasmbuild")
    assert sorted(tmp_path.rglob("*")) == before


def test_every_language_is_looked_at(folder: Path, tmp_path: Path) -> None:
    names = {each.name for each in find(look(folder, tmp_path), "languages")}
    assert names == set(TOOLCHAINS) - {"custom"}


def test_a_pinned_tool_comes_when_it_is_needed(folder: Path, tmp_path: Path) -> None:
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    (folder / "wasmbuild.toml").write_text(PROJECT + 'language = "c"\n')
    found = look(folder, tmp_path)
    (check,) = find(found, "project", "hello (c)")
    assert (check.mark, check.hint) == ("later", "wasmbuild toolchain install zig")
    assert found.buildable
    tool_folder(shipped_pin("zig"), Caches(tmp_path / "cache")).mkdir(parents=True)
    assert find(look(folder, tmp_path), "project", "hello (c)")[0].mark == "ok"


def test_a_lock_goes_before_what_is_shipped(folder: Path, tmp_path: Path) -> None:
    assert find(look(folder, tmp_path), "project", "wasmbuild.lock")[0].mark == "later"
    lock_tools(folder, [shipped_pin("zig")])
    assert find(look(folder, tmp_path), "project", "wasmbuild.lock")[0].text == "pins 1 tool"
    lock = folder / "wasmbuild.lock"
    lock.write_text(lock.read_text().replace(f'version = "{shipped_pin("zig").version}"', 'version = "0.1.0"'))
    (check,) = find(look(folder, tmp_path), "project", "wasmbuild.lock")
    assert (check.hint, "zig 0.1.0 (wasmbuild ships" in check.text) == ("wasmbuild lock --upgrade zig", True)
    lock.write_text("broken")
    found = look(folder, tmp_path)
    assert (find(found, "project", "wasmbuild.lock")[0].mark, found.buildable) == ("problem", False)


def test_a_program_that_is_missing(folder: Path, tmp_path: Path) -> None:
    (folder / "wasmbuild.toml").write_text(PROJECT + 'language = "custom"\ncommand = ["no-such-thing", "{output}"]\n')
    found = look(folder, tmp_path)
    (check,) = find(found, "project", "hello (custom)")
    assert (check.mark, check.hint) == ("problem", "install no-such-thing, so that it is on PATH")
    assert not found.buildable


def test_a_compiler_that_lacks_what_the_project_needs(folder: Path, tmp_path: Path) -> None:
    (folder / "main.rs").write_text("fn main() {}\n")
    (folder / "wasmbuild.toml").write_text(PROJECT + 'language = "rust"\n')
    root = tmp_path / "rust"
    (root / "lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld").mkdir(parents=True)
    (root / "lib/rustlib/multirust-channel-manifest.toml").touch()
    program = tmp_path / "rustc"
    program.write_text(f"#!/bin/sh\n[ $1 = --print ] && echo {root} || echo rustc 1.95.0\n")
    program.chmod(0o755)
    found = look(folder, tmp_path)
    there, _, lacks = find(found, "project", "hello (rust)")
    assert (there.mark, "rust 1.95.0" in there.text) == ("ok", True)
    assert (lacks.mark, lacks.hint) == ("problem", "rustup target add wasm32-wasip1")
    assert not found.buildable
    library = root / "lib/rustlib/wasm32-wasip1/lib"
    library.mkdir(parents=True)
    (library / "libstd-0.rlib").touch()
    assert look(folder, tmp_path).buildable


def test_a_compiler_that_is_missing_for_others_does_not_matter(folder: Path, tmp_path: Path) -> None:
    found = look(folder, tmp_path)
    assert find(found, "languages", "rust")[0].mark == "problem"
    assert found.buildable


@pytest.mark.parametrize("text", ["x = 1\n", PROJECT + 'language = "cobol"\n', PROJECT + 'language = "go"\n'])
def test_a_project_that_is_malformed_cannot_be_built(folder: Path, tmp_path: Path, text: str) -> None:
    (folder / "wasmbuild.toml").write_text(text)
    found = look(folder, tmp_path)
    assert not found.buildable
    assert any(each.mark == "problem" for each in find(found, "project"))


def test_without_a_project_the_machine_is_looked_at(tmp_path: Path) -> None:
    found = look(tmp_path, tmp_path)
    assert found.buildable
    assert find(found, "project")[0].mark == "later"


def test_a_cache_that_cannot_be_made(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    (folder / "wasmbuild.toml").write_text(PROJECT + 'language = "c"\n')
    found = look(folder, tmp_path)
    assert find(found, "cache", "folder")[0].mark == "problem"
    assert not found.buildable
    (folder / "wasmbuild.toml").write_text(PROJECT + 'language = "wat"\n')
    assert look(folder, tmp_path).buildable


def test_a_disk_without_room(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(look(folder, tmp_path), "cache", "room")[0].mark == "ok"
    monkeypatch.setattr(doctor, "LEAST_ROOM", 10**18)
    assert find(look(folder, tmp_path), "cache", "room")[0].mark == "problem"


def test_no_sandbox_is_said_plainly(folder: Path, tmp_path: Path) -> None:
    (check,) = find(look(folder, tmp_path), "sandbox")
    assert (check.name, check.mark) == ("none", "problem")
    assert "read your files" in check.text


def test_pip_is_shown_without_passwords(folder: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PIP_INDEX_URL": "https://me:secret@index.example/simple",
        "PIP_CONFIG_FILE": os.devnull,
    }
    (check,) = find(look(folder, tmp_path, environment=environment), "packages", "pip")
    assert "https://index.example/simple" in check.text
    assert "secret" not in check.text


def test_an_index_that_does_not_answer(folder: Path, tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://me:secret@127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
    }
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    (folder / "wasmbuild.toml").write_text(PROJECT + 'language = "c"\n')
    found = look(folder, tmp_path, environment=environment, online=True)
    (check,) = find(found, "packages", "index")
    assert (check.mark, "secret" in check.text, found.buildable) == ("problem", False, False)


def test_the_login_of_the_projects_registry(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "wasmbuild.toml").write_text(PROJECT + '[registry]\nrepository = "r.example/acme/hello"\n')
    (check,) = find(look(folder, tmp_path), "registry")
    assert (check.mark, check.hint) == ("later", "wasmbuild login r.example")
    config = tmp_path / "docker"
    config.mkdir()
    (config / "config.json").write_text('{"auths": {"r.example": {"auth": "dTpzZWNyZXQ="}}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    (check,) = find(look(folder, tmp_path), "registry")
    assert check.mark == "ok"
    assert "secret" not in check.text


def test_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))
    assert run(["doctor", str(folder), "--sandbox", "none"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "project"
    assert "  ✓ hello (wat): needs nothing but wasmbuild" in lines
    assert any(line.startswith("  ! none: no sandbox") for line in lines)
    (folder / "wasmbuild.toml").write_text("broken")
    assert run(["doctor", str(folder), "--format", "json", "--sandbox", "none"]) == 7
    document = json.loads(capfd.readouterr().out)
    assert (document["buildable"], document["checks"][0]["state"]) == (False, "problem")
    assert sys.executable not in json.dumps(document["checks"][0])

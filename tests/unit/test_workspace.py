from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.project import Project, Target, load
from wasmbuild.project.workspace import Workspace, enclosing, gather


def project(name: str, *targets: Target) -> Project:
    return Project(Path("/p") / name, name, "1.0.0", targets)


def targets(**needs: str) -> tuple[Target, ...]:
    return tuple(Target(name, depends=tuple(said.split())) for name, said in needs.items())


def labels(workspace: Workspace) -> list[str]:
    return [part.label for part in workspace.parts]


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wasmbuild.toml").write_text(text)
    return folder


def member(folder: Path, name: str, more: str = "") -> Path:
    return write(folder, f'[project]\nname = "{name}"\nversion = "1.0.0"\n{more}')


def test_what_is_needed_comes_first() -> None:
    workspace = Workspace.of(Path("/p"), [project("p", *targets(a="b c", b="c", c="", d=""))])
    assert labels(workspace) == ["c", "b", "a", "d"]
    assert workspace.needs == {"a": ("b", "c"), "b": ("c",), "c": (), "d": ()}


def test_names_that_several_projects_have_get_the_project_in_front() -> None:
    one, two = project("one", *targets(app="lib", lib="")), project("two", *targets(app="lib", lib="", only=""))
    workspace = Workspace.of(Path("/p"), [one, two])
    assert set(labels(workspace)) == {"one:app", "one:lib", "two:app", "two:lib", "only"}
    assert workspace.needs["two:app"] == ("two:lib",)


def test_a_target_may_depend_on_one_of_another_project() -> None:
    one, two = project("one", *targets(app="lib")), project("two", *targets(lib="", app="one:app"))
    workspace = Workspace.of(Path("/p"), [one, two])
    assert labels(workspace) == ["lib", "one:app", "two:app"]


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"a": "b", "b": "a"}, "a -> b -> a"),
        ({"x": "a", "a": "b", "b": "c", "c": "a"}, "a -> b -> c -> a"),
        ({"a": "lib", "libs": ""}, "depends on 'lib', which is no target"),
    ],
)
def test_circles_and_missing_targets_are_named(needs: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidProject) as caught:
        Workspace.of(Path("/p"), [project("p", *targets(**needs))])
    assert said in f"{caught.value.what} {caught.value.cause}"


def test_a_target_that_is_missing_comes_with_a_guess() -> None:
    with pytest.raises(InvalidProject) as caught:
        Workspace.of(Path("/p"), [project("p", *targets(a="lib", libs=""))])
    assert caught.value.hint == "did you mean libs?"


def test_two_projects_of_one_name_with_one_target() -> None:
    with pytest.raises(InvalidProject, match="two projects of the workspace are called p"):
        Workspace.of(Path("/p"), [project("p", *targets(a="")), project("p", *targets(a=""))])


def test_selecting_takes_what_is_needed_along() -> None:
    workspace = Workspace.of(Path("/p"), [project("p", *targets(a="b", b="c", c="", d=""))])
    assert workspace.selected([]) == {"a", "b", "c", "d"}
    assert workspace.selected(["b"]) == {"b", "c"}
    assert workspace.selected(["d", "c"]) == {"c", "d"}


def test_selecting_what_is_not_there() -> None:
    one, two = project("one", *targets(app="", lib="")), project("two", *targets(app=""))
    workspace = Workspace.of(Path("/p"), [one, two])
    with pytest.raises(UsageFailed, match="there is no target 'libb'") as caught:
        workspace.selected(["libb"])
    assert caught.value.hint == "did you mean lib?"
    with pytest.raises(UsageFailed, match="several targets are called app"):
        workspace.selected(["app"])
    assert workspace.selected(["two:app"]) == {"two:app"}


@given(st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=10))
def test_any_graph_is_ordered_or_refused(edges: list[set[int]]) -> None:
    made = [
        Target(f"t{number}", depends=tuple(f"t{each}" for each in sorted(needed) if each < len(edges)))
        for number, needed in enumerate(edges)
    ]
    try:
        workspace = Workspace.of(Path("/p"), [project("p", *made)])
    except InvalidProject as error:
        assert error.cause is not None
        assert " -> " in error.cause
        return
    place = {label: at for at, label in enumerate(labels(workspace))}
    assert all(place[needed] < place[label] for label, needs in workspace.needs.items() for needed in needs)


def test_members_are_found_by_glob_each_once(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nmembers = ["apps/*", "apps/two", "lib"]\n')
    for name in ("two", "one"):
        member(tmp_path / "apps" / name, name)
    (tmp_path / "apps" / "none").mkdir()
    member(tmp_path / "lib", "lib")
    assert labels(gather(load(tmp_path))) == ["one", "two", "lib"]


def test_a_project_may_have_members_beside_its_own_targets(tmp_path: Path) -> None:
    member(tmp_path, "top", '[workspace]\nmembers = ["inner"]\n')
    member(tmp_path / "inner", "inner")
    assert labels(gather(load(tmp_path))) == ["top", "inner"]


def test_members_that_are_none(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nmembers = ["apps/*"]\n')
    with pytest.raises(InvalidProject, match=r"'apps/\*' names no folder with a wasmbuild.toml"):
        gather(load(tmp_path))
    write(tmp_path / "apps" / "x", '[workspace]\nmembers = ["y"]\n')
    with pytest.raises(InvalidProject, match="is a member of a workspace and a workspace itself"):
        gather(load(tmp_path))


def test_a_member_is_inside(tmp_path: Path) -> None:
    member(tmp_path / "outside", "outside")
    root = write(tmp_path / "in", '[workspace]\nmembers = ["apps/*"]\n')
    (root / "apps").mkdir()
    (root / "apps" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidProject, match="link is a link out of the workspace"):
        gather(load(root))


def test_a_fault_in_a_member_says_where_it_is(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nmembers = ["apps/*"]\n')
    member(tmp_path / "apps" / "one", "one", "[biuld]\n")
    with pytest.raises(InvalidProject, match="line 4, column 1: biuld") as caught:
        gather(load(tmp_path))
    assert "apps/one/wasmbuild.toml" in caught.value.what


def test_the_workspace_above(tmp_path: Path) -> None:
    write(tmp_path, '[workspace]\nmembers = ["apps/*", "deep/**/x"]\n')
    one = member(tmp_path / "apps" / "one", "one")
    other = member(tmp_path / "other" / "two", "two")
    deep = member(tmp_path / "deep" / "a" / "b" / "x", "x")
    assert enclosing(one) == tmp_path
    assert enclosing(other) is None
    assert enclosing(deep) == tmp_path
    assert enclosing(tmp_path) is None


def test_a_member_alone_whose_needs_are_those_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, '[workspace]\nmembers = ["*"]\n')
    app = member(tmp_path / "app", "app", '[build]\ndepends = ["lib"]\n')
    monkeypatch.chdir(app)
    with pytest.raises(InvalidProject, match="'lib', which is no target") as caught:
        gather(load(app))
    assert caught.value.hint == "known: app"  # the workspace has none either
    member(tmp_path / "lib", "lib")
    with pytest.raises(InvalidProject, match="'lib', which is no target") as caught:
        gather(load(app))
    assert caught.value.hint == "wasmbuild build .. --target app"
    member(tmp_path / "other", "other", "[target.app]\n")
    with pytest.raises(InvalidProject) as caught:
        gather(load(app))
    assert caught.value.hint == "wasmbuild build .. --target app:app"

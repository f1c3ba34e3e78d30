import json
from pathlib import Path

import pytest

from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidProject, NoProject
from wasmbuild.project.origins import Value, project_values
from wasmbuild.workflows.configured import configured

TEXT = """\
[project]
name = "hello"
version = "1.0.0"

[build]
  optimize = "speed"
timeout = 60

[target.one]
flags = ["-DX"]
environment = { A = "1" }

[target."two"]
optimize = "debug"

[registry]
repository = "r.example/x"
"""


def by_name(values: tuple[Value, ...]) -> dict[str, tuple[object, str]]:
    assert len({each.name for each in values}) == len(values)
    return {each.name: (each.value, each.origin) for each in values}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wasmbuild.toml").write_text(TEXT)
    return tmp_path


def test_every_value_has_its_place(folder: Path) -> None:
    found = by_name(project_values(folder))
    assert found["project.name"] == ("hello", "wasmbuild.toml:2:1")
    assert found["build.timeout"] == (60, "wasmbuild.toml:7:1")
    assert found["build.memory"] == ('"4GiB"', "default")
    assert found["target.one.optimize"] == ("speed", "wasmbuild.toml:6:3")
    assert found["target.two.optimize"] == ("debug", "wasmbuild.toml:14:1")
    assert found["target.one.flags"] == (["-DX"], "wasmbuild.toml:10:1")
    assert found["target.one.environment"] == ({"A": "1"}, "wasmbuild.toml:11:1")
    assert found["target.two.kind"] == ("command", "default")
    assert found["registry.repository"] == ("r.example/x", "wasmbuild.toml:17:1")
    assert "target.two.flags" not in found


def test_a_project_with_one_target_has_the_values_of_build(tmp_path: Path) -> None:
    (tmp_path / "wasmbuild.toml").write_text('[project]\nname = "x"\nversion = "1.0.0"\n[build]\nflags = ["a"]\n')
    assert by_name(project_values(tmp_path))["target.x.flags"] == (["a"], "wasmbuild.toml:5:1")


def test_a_project_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoProject):
        project_values(tmp_path)
    (tmp_path / "wasmbuild.toml").write_text("x = 1\n")
    with pytest.raises(InvalidProject):
        configured(tmp_path, {})


def test_the_users_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[registry]\nconcurrency = 2\n[registry.hosts."ghcr.io"]\nplain-http = true\n'
        '[[registry.mirrors."ghcr.io"]]\nlocation = "m.example"\n'
    )
    found = by_name(configured(tmp_path, {"WASMBUILD_CONFIG": str(file)}))
    assert found["registry.concurrency"] == (2, f"{file}:2:1")
    assert found["registry.hosts.ghcr.io.plain-http"] == (True, f"{file}:4:1")
    assert found["registry.mirrors.ghcr.io.location"] == ("m.example", f"{file}:6:1")
    assert found["registry.retry-for"] == (60.0, "default")


def test_variables_are_shown_by_list_and_secrets_never(tmp_path: Path) -> None:
    environment = {
        "WASMBUILD_CONFIG": "/dev/null",
        "WASMBUILD_CACHE_DIR": str(tmp_path / "c"),
        "WASMBUILD_BUILD_JOBS": "2",
        "WASMBUILD_KEY_PASSWORD": "secret-1",
        "WASMBUILD_LOGIN_TOKEN": "secret-2",
        "HTTPS_PROXY": "http://user:secret-3@proxy.example",
        "https_proxy": "http://user:secret-4@proxy.example",
        "PIP_INDEX_URL": "https://user:secret-5@index.example",
        "AWS_SECRET_ACCESS_KEY": "secret-6",
        "HOME": "/home/secret-7",
    }
    found = by_name(configured(tmp_path, environment))
    assert "secret" not in repr(found)
    assert found["WASMBUILD_BUILD_JOBS"] == ("2", "environment")
    assert found["WASMBUILD_KEY_PASSWORD"] == found["https_proxy"] == ("(set)", "environment")
    assert found["WASMBUILD_CACHE_DIR"] == (str(tmp_path / "c"), "environment")
    assert "AWS_SECRET_ACCESS_KEY" not in found


def test_the_command(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--show-origin", str(folder)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["project.name", "=", '"hello"', "wasmbuild.toml:2:1"]
    assert run(["config", str(folder)]) == 0
    assert capfd.readouterr().out.splitlines()[0] == 'project.name = "hello"'
    assert run(["config", "--format", "json", str(folder)]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["values"][0] == {"name": "project.name", "value": "hello", "origin": "wasmbuild.toml:2:1"}

import pytest

from tests.unit.release.making import commit, git, workspace, write


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "hello"
    write(folder)
    (folder / ".gitignore").write_text("/dist/\n")
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


@pytest.fixture
def place(registry_address, repository_name):
    return f"{registry_address}/{repository_name}"


@pytest.fixture
def pair(tmp_path):
    """A workspace of two projects, which is not committed yet."""
    return workspace(tmp_path / "both", "one", "two")

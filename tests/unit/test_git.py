"""What git knows of a folder, and the files of a commit, with a real git and repositories made here."""

import os
import subprocess
from pathlib import Path

import pytest

from wasmbuild.errors import UsageFailed
from wasmbuild.workflows.builders import builder_of
from wasmbuild.workflows.git import check_out, checkout_of, public_url

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_WORKFLOW_REF": "acme/hello/.github/workflows/release.yml@refs/tags/v1",
    "GITHUB_REPOSITORY": "acme/hello",
    "GITHUB_RUN_ID": "17",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.com/acme/hello",
    "CI_JOB_URL": "https://gitlab.com/acme/hello/-/jobs/5",
    "CI_COMMIT_REF_NAME": "main",
}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "app").mkdir(parents=True)
    (root / "app" / "main.c").write_text("int main(void) { return 0; }\n")
    (root / "app" / "kept.txt").write_text("$Format:%H$\n")
    (root / ".gitattributes").write_text("kept.txt export-ignore export-subst\nmain.c filter=evil\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=one")
    return root


def test_a_folder_is_known_by_its_commit_and_its_place(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://ada:secret@example.com/acme/hello.git?token=x")
    found = checkout_of(repository / "app", os.environ)
    assert found is not None
    assert (found.commit, found.path) == (git(repository, "rev-parse", "HEAD"), "app")
    assert found.uri == "git+https://example.com/acme/hello.git@refs/heads/main"
    git(repository, "checkout", "--quiet", "--detach")
    detached = checkout_of(repository, os.environ)
    assert detached is not None
    assert (detached.path, detached.uri) == (".", "git+https://example.com/acme/hello.git")


def test_where_there_is_no_commit_nothing_is_known(tmp_path: Path) -> None:
    assert checkout_of(tmp_path, {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)}) is None
    git(tmp_path, "init", "--quiet")
    assert checkout_of(tmp_path, os.environ) is None


def test_another_repository_in_the_environment_is_not_asked(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    found = checkout_of(repository, {**os.environ, "GIT_DIR": str(other / ".git"), "GIT_TRACE": "1"})
    assert found is not None
    assert found.commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://token@example.com/a/b.git", "https://example.com/a/b.git"),
        ("https://u:p@example.com:8443/a?x=y#z", "https://example.com:8443/a"),
        ("ssh://git@example.com/a/b", "ssh://example.com/a/b"),
        ("git@example.com:a/b.git", "ssh://example.com/a/b.git"),
        ("example.com:/srv/b", "ssh://example.com/srv/b"),
        ("/home/ada/b.git", None),
        ("../b", None),
        ("file:///home/ada/b.git", None),
        ("https://[bad/", None),
        ("ext::sh -c id", None),
        ("https://proxy.example.com/https://u:p@example.com/a/b", None),
        ("https://example.com/a\nb", None),
        ("", None),
    ],
)
def test_a_remote_is_shown_without_secrets_and_places(remote: str, shown: str | None) -> None:
    assert public_url(remote) == shown


def test_a_commit_is_written_as_it_was_checked_out_and_nothing_is_left(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "filter.evil.smudge", "sh -c 'echo evil'")
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "app" / "main.c").write_text("changed\n")
    before = sorted((repository / ".git").rglob("*"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    tree = scratch / "tree"
    check_out(repository / "app", commit, scratch, tree, os.environ)
    assert (tree / "app" / "main.c").read_text() == "int main(void) { return 0; }\n"
    assert (tree / "app" / "kept.txt").read_text() == "$Format:%H$\n"
    assert sorted((repository / ".git").rglob("*")) == before
    assert not (tree / ".git").exists()


def test_a_shallow_clone_and_longer_names_of_commits_will_do(repository: Path, tmp_path: Path) -> None:
    shallow, longer = tmp_path / "shallow", tmp_path / "longer"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", str(shallow))
    longer.mkdir()
    git(longer, "init", "--quiet", "--object-format=sha256")
    git(longer, "commit", "--quiet", "--allow-empty", "--message=one")
    for place in (shallow, longer):
        scratch = tmp_path / f"{place.name}-scratch"
        scratch.mkdir()
        check_out(place, git(place, "rev-parse", "HEAD"), scratch, scratch / "tree", os.environ)
    assert (tmp_path / "shallow-scratch" / "tree" / "app" / "main.c").exists()


def test_a_commit_that_is_not_there_is_refused(repository: Path, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageFailed, match="0123456789ab is not in the repository"):
        check_out(repository, "0123456789ab" + "0" * 28, tmp_path / "one", tmp_path / "one" / "tree", os.environ)
    with pytest.raises(UsageFailed, match="not in a repository"):
        outside = {**os.environ, "PATH": str(tmp_path)}
        check_out(tmp_path / "two", "0" * 40, tmp_path / "three", tmp_path / "three" / "tree", outside)
    with pytest.raises(UsageFailed):
        check_out(repository, "--help", tmp_path / "two", tmp_path / "two" / "tree", os.environ)


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageFailed, match=r"there is no folder .*nosuch"):
        check_out(tmp_path / "nosuch", "0" * 40, tmp_path, tmp_path / "tree", os.environ)


def test_a_builder_is_its_workflow_or_this_machine() -> None:
    identity, run = builder_of(GITHUB)
    assert identity == "https://github.com/acme/hello/.github/workflows/release.yml@refs/tags/v1"
    assert run == "https://github.com/acme/hello/actions/runs/17/attempts/1"
    assert builder_of(GITLAB) == (
        "https://gitlab.com/acme/hello//.gitlab-ci.yml@refs/heads/main",
        "https://gitlab.com/acme/hello/-/jobs/5",
    )
    assert builder_of({**GITLAB, "CI_COMMIT_TAG": "v1"})[0].endswith("@refs/tags/v1")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"GITHUB_ACTIONS": "true"},
        {**GITHUB, "GITHUB_SERVER_URL": "https://ada:secret@github.com"},
        {**GITHUB, "GITHUB_SERVER_URL": "file:///home/ada"},
        {**GITHUB, "GITHUB_WORKFLOW_REF": "a\nb"},
        {**GITLAB, "CI_CONFIG_PATH": "ci.yml@other/project"},
    ],
)
def test_what_is_no_workflow_is_this_machine(environment: dict[str, str]) -> None:
    identity, run = builder_of(environment)
    assert identity == "https://wasmbuild.dev/builder/local"
    assert run.startswith("urn:uuid:")

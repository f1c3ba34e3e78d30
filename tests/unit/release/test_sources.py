"""Whether the sources of a release are those that git says, before it and while it is made."""

import pytest

from tests.unit.release.making import OTHER, commit, git, run, tags, write
from wasmbuild.errors import Failure, NotReleasable
from wasmbuild.events import Step

pytestmark = pytest.mark.usefixtures("private_cache")


def test_what_changes_while_it_is_built_is_not_released(project, place):
    with pytest.raises(NotReleasable, match="not as they are committed"):
        run(project, place, sink=_once_checked(lambda: write(project, wat=OTHER)))
    git(project, "checkout", "--quiet", ".")
    with pytest.raises(NotReleasable, match="another commit was checked out"):
        run(project, place, sink=_once_checked(lambda: git(project, "commit", "-qm", "y", "--allow-empty")))
    with pytest.raises(Failure):
        tags(place)


def test_a_version_that_git_gave_to_another_commit_is_not_released(project, place):
    git(project, "tag", "--annotate", "v1.0.0", "--message", "x")
    write(project, wat=OTHER)
    commit(project)
    with pytest.raises(NotReleasable, match=r"another commit v1\.0\.0") as caught:
        run(project, place)
    assert caught.value.hint.endswith("git checkout v1.0.0")
    git(project, "checkout", "--quiet", "v1.0.0")
    run(project, place)
    git(project, "commit", "-qm", "y", "--allow-empty")
    assert run(project, place).nothing_to_do


def test_where_tags_cannot_be_read_they_are_not_taken_for_none(project, place):
    (project / ".git" / "refs" / "tags" / "old").write_text(f"{'1' * 40}\n")
    with pytest.raises(NotReleasable, match="does not say which tags"):
        run(project, place)
    assert run(project, place, snapshot=True).targets[0].standing == "snapshot"


def test_of_more_tags_than_are_read_none_is_passed_over(project, place):
    packed = [f"{_head(project)} refs/tags/{'n' * 200}-{number}\n" for number in range(1400)]
    (project / ".git" / "packed-refs").write_text("".join(packed))
    with pytest.raises(NotReleasable, match="does not say which tags"):
        run(project, place)


def _head(project):
    return (project / ".git" / (project / ".git" / "HEAD").read_text().split()[1]).read_text().strip()


def _once_checked(change):
    """Change something when everything has been looked at, and before it is compiled."""

    def sink(event):
        if isinstance(event, Step) and event.verb == "check" and "/" in event.subject and event.seconds is not None:
            change()

    return sink

"""Whether the sources are those of a commit, and whether git calls that what wasmbuild.toml calls the version."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.words import pasted, printable
from wasmbuild.errors import NotReleasable, UsageFailed
from wasmbuild.events import Note, Sink
from wasmbuild.lock import LOCK_FILE
from wasmbuild.project import PROJECT_FILE
from wasmbuild.workflows.git import Checkout, checkout_of, commit_of_tag, inherited, tags_at
from wasmbuild.workflows.plan_report import Report
from wasmbuild.workflows.release.scope import Item
from wasmbuild.workflows.release.tagnames import named, version_in
from wasmbuild.workflows.since import changed_files, ignored_inputs, touches

__all__ = ["Sources", "check_new", "check_sources", "check_still", "find_sources"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Sources:
    """The commit that a workspace has, if it is in a repository, and the tags of git that name this commit.

    ``tags`` is None where git cannot say.
    """

    root: Path
    checkout: Checkout | None
    tags: tuple[str, ...] | None

    @property
    def commit(self) -> str | None:
        """The commit, in full."""
        return self.checkout.commit if self.checkout else None

    @property
    def ref(self) -> str | None:
        """The tag, if there is one alone, or the branch."""
        if self.tags is not None and len(self.tags) == 1:
            return f"refs/tags/{self.tags[0]}"
        return self.checkout.ref if self.checkout else None


def find_sources(root: Path, environment: Mapping[str, str]) -> Sources:
    """Ask git; a CI service is asked first which tag it runs for, as it may have checked out that commit alone."""
    checkout = checkout_of(root, environment)
    if checkout is None:
        return Sources(root, None, ())
    told = _told_by_ci(environment)
    return Sources(root, checkout, (told,) if told else tags_at(root, environment))


def check_sources(
    sources: Sources, items: Sequence[Item], reports: Sequence[Report], environment: Mapping[str, str], sink: Sink
) -> None:
    """Insist on a clean tree and on tags that match. Raises NotReleasable."""
    if sources.checkout is None:
        if any((folder / ".git").exists() for folder in (sources.root, *sources.root.parents)):
            _ask(sources, reports, environment)
            raise NotReleasable("git does not say of which commit the sources are", hint="git rev-parse HEAD")
        sink(Note("warning", "this is no repository of git: nobody will be able to tell from which sources it is"))
        return
    if sources.tags is None:
        raise NotReleasable("git does not say which tags this commit has", hint="git tag --points-at HEAD says why")
    for each in items:
        _check_tag(each, sources.tags)
    _check_clean(sources, reports, environment)


def check_new(sources: Sources, items: Iterable[Item], environment: Mapping[str, str]) -> None:
    """Insist that versions which are new are not what git calls another commit. Raises NotReleasable."""
    if sources.checkout is None:
        return
    known: dict[str, str | None] = {}
    for item in items:
        pattern = item.project.release.git_tag
        for tag in {named(pattern, item.version), pattern.replace("{version}", str(item.version))}:
            if tag not in known:
                known[tag] = commit_of_tag(sources.root, tag, environment)
            commit = known[tag]
            if commit not in (None, sources.commit):
                raise _elsewhere(item, tag, str(commit))


def check_still(sources: Sources, reports: Sequence[Report], environment: Mapping[str, str]) -> None:
    """Insist that they are still those of that commit, now that something is made of them. Raises NotReleasable."""
    if sources.checkout is None:
        return
    now = checkout_of(sources.root, environment)
    if now is None or now.commit != sources.commit:
        raise NotReleasable(
            "another commit was checked out while this was built",
            cause=f"it began with {str(sources.commit)[:12]}{f', and now it is {now.commit[:12]}' if now else ''}",
            hint="wasmbuild release, once more; a checkout of its own is left alone: git worktree add",
        )
    _check_clean(sources, reports, environment)


def _elsewhere(item: Item, tag: str, commit: str) -> NotReleasable:
    pattern = printable(item.project.release.git_tag, 100)
    return NotReleasable(
        f"git calls another commit {printable(tag, 100)}",
        cause=f'{item.label}: that is {commit[:12]}, and [release] git_tag is "{pattern}"',
        hint=f"raise version in [project], or release that commit: git checkout {pasted(tag)}",
    )


def _check_tag(item: Item, tags: Sequence[str]) -> None:
    pattern = item.project.release.git_tag
    found = {tag: version for tag in tags if (version := version_in(pattern, tag)) is not None}
    # Precedence passes over what follows a "+", and so would ==.
    if found and str(item.version) not in map(str, found.values()):
        tag, right = next(iter(found)), pasted(named(pattern, item.version))
        raise NotReleasable(
            f"git calls this commit {printable(tag, 100)}, and wasmbuild.toml calls it {item.version}",
            cause=f'{item.label}: [release] git_tag is "{printable(pattern, 100)}"',
            hint=f'set version = "{found[tag]}" in [project], or tag it: git tag {right}',
        )


def _check_clean(sources: Sources, reports: Sequence[Report], environment: Mapping[str, str]) -> None:
    dirty = _ask(sources, reports, environment)
    if dirty:
        top = os.path.realpath(sources.root)
        names = [printable(os.path.relpath(path, top), 100) for path in dirty[:_SHOWN]]
        more = f" and {len(dirty) - _SHOWN} more" if len(dirty) > _SHOWN else ""
        raise NotReleasable(
            "the sources are not as they are committed",
            cause=f"changed, not known to git, hidden from it, or ignored by it: {', '.join(names)}{more}",
            hint=f"{_committing(dirty, top)}, or to try it: wasmbuild release --snapshot",
        )


def _committing(dirty: Sequence[Path], top: str) -> str:
    """The command that commits a few files by name: what lies beside them may be a key."""
    if len(dirty) > _SHOWN:
        return "git commit"
    return f"git add {' '.join(pasted(os.path.relpath(path, top)) for path in dirty)} && git commit"


def _ask(sources: Sources, reports: Sequence[Report], environment: Mapping[str, str]) -> list[Path]:
    """The files that matter to a target and are not as they are committed. Raises NotReleasable."""
    root, kept = sources.root, inherited(environment)
    projects = [(each.planned.root, (*each.planned.found.inputs, PROJECT_FILE)) for each in reports]
    try:
        changed = changed_files(root, "HEAD", kept)
        ignored = ignored_inputs(root, [*projects, (root, (LOCK_FILE,))], kept)
    except UsageFailed as failure:
        raise NotReleasable(
            "git cannot say whether the sources are committed",
            cause=failure.cause,
            hint="git status says why; to try it: wasmbuild release --snapshot",
        ) from failure
    lock = root / LOCK_FILE
    projects = [each for each in projects if touches(changed, *each, lock)]
    return sorted({*ignored, *(path for path in changed if any(touches([path], *each, lock) for each in projects))})


def _told_by_ci(environment: Mapping[str, str]) -> str | None:
    """The tag that a job runs for (GitHub: "Default environment variables"; GitLab: "Predefined CI/CD variables")."""
    if environment.get("GITHUB_ACTIONS") == "true" and environment.get("GITHUB_REF_TYPE") == "tag":
        return environment.get("GITHUB_REF_NAME")
    return environment.get("CI_COMMIT_TAG") if environment.get("GITLAB_CI") == "true" else None

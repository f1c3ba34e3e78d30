"""All that can go wrong with a release before anything is compiled is found here, and only looked at.

Versions and tags of git, a clean tree, the login and the right to push, tags that are taken.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from semver import Version

from registry.errors import AuthenticationFailed, ContentNotFound
from registry.model import Descriptor
from registry.workers import together
from wasmbuild.events import Note, Sink, step
from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.compat_tag import TagCheck, newest_before
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.plan_report import Report, report
from wasmbuild.workflows.planning import find_workspace
from wasmbuild.workflows.push import Destination
from wasmbuild.workflows.release.journal import Entry, Journal
from wasmbuild.workflows.release.scope import Item, scope
from wasmbuild.workflows.release.sources import Sources, check_new, check_sources, find_sources
from wasmbuild.workflows.release.standing import Expected, Known, check_taken, find_known, meanings
from wasmbuild.workflows.release.tagnames import tags_for, version_in

if TYPE_CHECKING:
    from registry.client.repository import Repository
    from wasmbuild.trust.authority import Authority

__all__ = ["Looking", "Preflight", "Ready", "preflight"]

_AT_ONCE = 8
_NOWHERE = "localhost/snapshot"
"""The repository of a snapshot, which goes to none."""


@dataclass(frozen=True, slots=True)
class Looking:
    """How to look: where it goes, whether anything is to be pushed, and by whom what is there must be signed."""

    to: str | None = None
    only_looking: bool = False
    snapshot: bool = False
    authorities: "Sequence[Authority]" = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """A target that may be released: with which tags, and what its repository has of it already.

    ``meanings`` are what the tags mean now, of those that are there.
    """

    item: Item
    report: Report
    tags: tuple[str, ...]
    destination: Destination | None = None
    known: Known | None = None
    check: TagCheck | None = None
    meanings: Mapping[str, Descriptor] = field(default_factory=dict)

    @property
    def version_now(self) -> Descriptor | None:
        """What the version's tag means now."""
        return self.meanings.get(str(self.item.reference.tag))

    def is_tagged(self, tag: str, descriptor: Descriptor) -> bool:
        """Whether a tag means it already."""
        now = self.meanings.get(tag)
        return now is not None and now.digest == descriptor.digest


@dataclass(frozen=True, slots=True)
class Preflight:
    """What is to be released, of which sources; ``workspace`` is its folder."""

    workspace: Path
    sources: Sources
    ready: tuple[Ready, ...]


def preflight(folder: Path, looking: Looking, options: BuildOptions, setting: Setting) -> Preflight:
    """Look at everything. Raises NotReleasable, VersionTaken, UsageFailed, and what planning and the client raise."""
    workspace = find_workspace(folder, options.language)
    only = workspace.selected(options.targets) if options.targets else ()
    items = scope(workspace, looking.to, only, nowhere=_NOWHERE if looking.snapshot else None)
    with step(setting.sink, "check", "the sources"):
        reports = {each.planned.label: each for each in report(folder, options, setting)}
        sources = find_sources(workspace.root, setting.environment)
        if not looking.snapshot:
            check_sources(sources, items, list(reports.values()), setting.environment, setting.sink)
    items = tuple(each for each in items if each.label in reports)  # --since leaves some out
    if not items:
        setting.sink(Note("info", f"no target that is released has changed since {options.since}"))
    if looking.snapshot:
        ready = tuple(Ready(each, reports[each.label], each.version_tags) for each in items)
        return Preflight(workspace.root, sources, ready)
    entries = Journal.of(workspace.root).read(setting.sink)
    with step(setting.sink, "check", _hosts(items)):
        tasks = [partial(_look, each, reports[each.label], sources, entries, looking, setting) for each in items]
        ready = tuple(together(tasks, _AT_ONCE))
        check_new(sources, [each.item for each in ready if each.version_now is None], setting.environment)
    return Preflight(workspace.root, sources, ready)


def _hosts(items: Sequence[Item]) -> str:
    names = list(dict.fromkeys(each.reference.name for each in items))
    return names[0] if len(names) == 1 else f"{len(names)} repositories"


def _look(
    item: Item, planned: Report, sources: Sources, entries: Sequence[Entry], looking: Looking, setting: Setting
) -> Ready:
    patterns = item.project.release.tags
    destination = Destination(item.reference, setting.registries.repository(item.reference), item.version_tags)
    repository = destination.repository
    if not looking.only_looking:
        repository.prepare_push()
    existing = _tags(repository, looking, setting.sink)
    tags = tags_for(patterns, item.version, existing)
    now = meanings(repository, tags, existing)
    expected = Expected(
        str(planned.key) if planned.key else None,
        sources.commit,
        next((each for each in entries if each.is_of(item)), None),
        looking.authorities,
    )
    known = find_known(item, repository, now.get(str(item.reference.tag)), expected)
    taken = [now[tag] for tag in item.version_tags if tag in now]
    for ours in [known.descriptor] if known else taken[:1]:
        check_taken(item, now, ours)
    older = newest_before(item.version, {tag: version for tag in existing for version in _versions(patterns, tag)})
    check = TagCheck(destination, str(item.reference.tag), item.version, older)
    return Ready(item, planned, tags, destination, known, check, now)


def _versions(patterns: Iterable[str], tag: str) -> Iterator[Version]:
    """The version that a tag names, by the first pattern that finds one."""
    found = (version_in(pattern, tag) for pattern in patterns if "{version}" in pattern)
    yield from islice((each for each in found if each is not None), 1)


def _tags(repository: "Repository", looking: Looking, sink: Sink) -> list[str]:
    try:
        return repository.tags()
    except ContentNotFound:
        return []  # a repository that nobody has pushed to
    except AuthenticationFailed:
        if not looking.only_looking:
            raise
        sink(Note("warning", f"{repository} does not tell us which tags it has: all are taken for new"))
        return []

"""What is released, and where it goes: each target with its repository and its version."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from semver import Version

from registry.reference import Reference
from registry.words import pasted, printable
from wasmbuild.errors import NotReleasable, UsageFailed
from wasmbuild.project import Project
from wasmbuild.project.workspace import Part, Workspace
from wasmbuild.workflows.locals import in_registry
from wasmbuild.workflows.release.tagnames import version_tags

__all__ = ["Item", "scope"]


@dataclass(frozen=True, slots=True)
class Item:
    """One target, and the reference of its version: the repository, with the tag that means this version alone."""

    part: Part
    reference: Reference
    version: Version

    @property
    def label(self) -> str:
        """What people call the target."""
        return self.part.label

    @property
    def project(self) -> Project:
        """The project that it is of."""
        return self.part.project

    @property
    def version_tags(self) -> tuple[str, ...]:
        """The tags that mean this version and no other."""
        return version_tags(self.project.release.tags, self.version)


def scope(
    workspace: Workspace, to: str | None, only: Collection[str] = (), *, nowhere: str | None = None
) -> tuple[Item, ...]:
    """What to release of a workspace: what ``[release] targets`` name, of these ``only`` some labels.

    One target goes to the repository itself; of several each to one below it, called like the target. ``to`` is
    for all of them, in place of what the projects say; ``nowhere`` is what a project without one is said to have,
    where nothing is pushed. Raises UsageFailed, NotReleasable.
    """
    wanted = [part for part in workspace.parts if _is_released(part)]
    chosen = [part for part in wanted if not only or part.label in only]
    if not chosen:
        raise NotReleasable(
            "there is nothing to release",
            cause="[release] targets in wasmbuild.toml leave out what was asked for" if wanted else None,
            hint="name a target that is released",
        )
    items = tuple(_item(part, _place(part, wanted, to, nowhere)) for part in chosen)
    _check_distinct(items)
    return items


def _is_released(part: Part) -> bool:
    names = part.project.release.targets
    return not names or part.target.name in names


def _place(part: Part, wanted: Sequence[Part], to: str | None, nowhere: str | None) -> Reference:
    base, beside = to, wanted
    if base is None:
        base = part.project.repository or (nowhere and f"{nowhere}/{part.project.name}")
        beside = [each for each in wanted if each.project is part.project]
    if base is None:
        raise NotReleasable(
            f"there is no repository to release {part.label} to",
            cause="neither --to nor [registry] repository of the project names one",
            hint="wasmbuild release --to ghcr.io/acme/hello",
        )
    reference = in_registry(base, "release")
    if "/" not in base and ("." in base.partition(":")[0] or base.startswith("localhost")):
        raise NotReleasable(
            f"{printable(base, 120)} is a host, and no repository", hint=f"--to {base}/{part.project.name}"
        )
    if reference.tag is not None or reference.digest is not None:
        raise UsageFailed(
            f"{base} names more than a repository", cause="the version decides the tags", hint=f"--to {reference.name}"
        )
    if len(beside) == 1:
        return reference
    name = part.target.name if to is None else part.label.replace(":", "/")
    return Reference.parse(f"{reference.name}/{name}")


def _item(part: Part, reference: Reference) -> Item:
    if part.project.inferred:
        raise NotReleasable(
            "there is no version to release",
            cause="a folder of sources without a wasmbuild.toml has none",
            hint="wasmbuild init, and set version in its [project]",
        )
    version = Version.parse(part.project.version)
    tag = version_tags(part.project.release.tags, version)[0]
    return Item(part, replace(reference, tag=tag), version)


def _check_distinct(items: Sequence[Item]) -> None:
    by_name: dict[str, str] = {}
    for each in items:
        other = by_name.setdefault(each.reference.name, each.label)
        if other != each.label:
            raise NotReleasable(
                f"{other} and {each.label} would both go to {each.reference.name}",
                hint=f"give each a repository of its own, or: --target {pasted(other)}",
            )

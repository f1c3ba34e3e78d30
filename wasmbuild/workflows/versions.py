"""Tags in the order of the versions that they name, and how far one version is from another.

Semantic Versioning 2.0.0: order by section 11, steps by sections 4 and 6 to 8.
"""

from collections.abc import Iterable

from semver import Version

from wasmbuild.wasm.compare.steps import Step

__all__ = ["by_version", "smallest_after", "step_between", "version_named"]


def by_version(tags: Iterable[str]) -> list[str]:
    """Those of the tags that name no version, by name; then the others, the newest version last.

    A leading ``v`` is passed over, and ``_`` stands for ``+``, which no tag may have.
    """
    versions: list[tuple[Version, str]] = []
    others: list[str] = []
    for tag in tags:
        version = version_named(tag)
        if version is None:
            others.append(tag)
        else:
            versions.append((version, tag))
    return sorted(others) + [tag for _, tag in sorted(versions)]


def version_named(tag: str) -> Version | None:
    """The version that a tag names, if it does."""
    text = tag.removeprefix("v").replace("_", "+", 1)
    return Version.parse(text) if Version.is_valid(text) else None


def step_between(old: Version, new: Version) -> Step:
    """How much a newer version may change. A pre-release may change what its release may.

    Below 1.0.0 the first number that is not 0 takes the place of the major one, as package managers have it:
    0.2.0 to 0.3.0 may break, 0.2.0 to 0.2.1 may add, and 0.0.1 to 0.0.2 may break.
    """
    if new.major != old.major:
        return Step.MAJOR
    if new.minor != old.minor:
        return Step.MINOR if old.major else Step.MAJOR
    if new.patch != old.patch:
        return Step.PATCH if old.major else Step.MINOR if old.minor else Step.MAJOR
    return Step.NONE


def smallest_after(old: Version, step: Step) -> Version:
    """The first version after an older one that may change as much as a step says."""
    for version in (old.bump_patch(), old.bump_minor(), old.bump_major()):
        if step_between(old, version) >= step:
            return version
    raise AssertionError("a major version may change everything")

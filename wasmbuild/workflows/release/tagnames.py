"""Which tags a version gets: its own always, and those that move only forward.

``{minor}``, ``{major}`` and plain names such as ``latest`` stand for the newest release of their line, so an older one
that is released later, and a pre-release, do not get them. 0.x versions promise nothing of ``0``: that is left out.
"""

import re
from collections.abc import Iterable

from semver import Version

from registry.reference import valid_tag
from wasmbuild.errors import NotReleasable

__all__ = ["named", "tags_for", "version_in", "version_tags"]

_VERSION = "{version}"


def named(pattern: str, version: Version) -> str:
    """A pattern with its placeholders filled in; ``+``, which no tag may have, is ``_``."""
    filled = pattern.replace(_VERSION, str(version)).replace("{minor}", f"{version.major}.{version.minor}")
    return filled.replace("{major}", str(version.major)).replace("+", "_")


def version_tags(patterns: Iterable[str], version: Version) -> tuple[str, ...]:
    """The tags that mean this version and no other. Raises NotReleasable for one that cannot be a tag."""
    return tuple(_checked(named(pattern, version)) for pattern in patterns if _VERSION in pattern)


def tags_for(patterns: Iterable[str], version: Version, existing: Iterable[str]) -> tuple[str, ...]:
    """All tags for a version, in the order of the patterns, in a repository that has some already.

    Raises NotReleasable for one that cannot be a tag.
    """
    patterns = tuple(patterns)
    own = [pattern for pattern in patterns if _VERSION in pattern]
    others = {found for tag in existing for pattern in own if (found := version_in(pattern, tag)) is not None}
    releases = [each for each in others if each.prerelease is None]
    wanted = (pattern for pattern in patterns if _VERSION in pattern or _moves(pattern, version, releases))
    return tuple(dict.fromkeys(_checked(named(pattern, version)) for pattern in wanted))


def version_in(pattern: str, tag: str) -> Version | None:
    """The version that a pattern with ``{version}`` finds in a tag; None where the tag is none of its."""
    before, _, after = pattern.partition(_VERSION)
    match = re.fullmatch(f"{re.escape(before)}(.+){re.escape(after)}", tag)
    text = match[1].replace("_", "+", 1) if match else ""
    return Version.parse(text) if Version.is_valid(text) else None


def _moves(pattern: str, version: Version, releases: Iterable[Version]) -> bool:
    if version.prerelease is not None or ("{major}" in pattern and version.major == 0):
        return False
    if "{minor}" in pattern:
        line = [each for each in releases if (each.major, each.minor) == (version.major, version.minor)]
    elif "{major}" in pattern:
        line = [each for each in releases if each.major == version.major]
    else:
        line = list(releases)
    return all(version >= each for each in line)


def _checked(tag: str) -> str:
    if not valid_tag(tag):
        raise NotReleasable(f"{tag[:150]!r} cannot be a tag", cause="[release] tags in wasmbuild.toml make it")
    return tag

"""Tags in the order of the versions that they name (Semantic Versioning 2.0.0, section 11)."""

from collections.abc import Iterable

from semver import Version

__all__ = ["by_version"]


def by_version(tags: Iterable[str]) -> list[str]:
    """Those of the tags that name no version, by name; then the others, the newest version last.

    A leading ``v`` is passed over, and ``_`` stands for ``+``, which no tag may have.
    """
    versions: list[tuple[Version, str]] = []
    others: list[str] = []
    for tag in tags:
        text = tag.removeprefix("v").replace("_", "+", 1)
        if Version.is_valid(text):
            versions.append((Version.parse(text), tag))
        else:
            others.append(tag)
    return sorted(others) + [tag for _, tag in sorted(versions)]

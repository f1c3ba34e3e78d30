"""The summary of a release, as Markdown: what a person reads on the page of a job."""

from collections.abc import Iterator
from pathlib import Path

from registry.files import storage_errors
from wasmbuild.released import Made, Release, ReleasedTarget
from wasmbuild.ui.ci.markdown import code, cut, fenced, table, text
from wasmbuild.ui.ci.outputs import appended
from wasmbuild.ui.words import seconds, size

__all__ = ["SUMMARY_LIMIT", "summary", "write_summary"]

SUMMARY_LIMIT = 1_000_000
"""Bytes of one step's summary; GitHub drops one of more than 1 MiB, and some just below it."""

_HEADS = ("artifact", "", "digest", "size", "time", "cache")
_MADE: dict[Made | None, str] = {
    "compiled": "compiled",
    "cached": "from a cache",
    "unchanged": "built before",
    "published": "from the registry",
    None: "",
}
_TITLES = {
    "planned": "Planned release",
    "snapshot": "Snapshot",
    "unchanged": "Already released",
    "released": "Released",
}


def summary(release: Release) -> str:
    """All of it; the names in it are other people's, and are shown as they are."""
    return "\n\n".join(_blocks(release)) + "\n"


def write_summary(markdown: str, path: Path) -> None:
    """Add Markdown to the file GITHUB_STEP_SUMMARY, as much as GitHub takes. Raises StorageFailed."""
    with storage_errors(f"{path} could not be read"):
        there = path.stat().st_size if path.exists() else 0
    appended(path, cut(markdown, SUMMARY_LIMIT - there - 1))


def _blocks(release: Release) -> Iterator[str]:
    yield f"## {_title(release)}"
    if release.targets:
        yield table(_HEADS, [_row(each) for each in release.targets])
    if release.commit:
        yield f"Commit {code(release.commit)}{f', {code(release.ref)}' if release.ref else ''}."
    if release.atomic is not None:
        how = "in one transaction" if release.atomic else "one after the other, when everything else was done"
        yield f"The tags were set {how}."
    for each in release.targets:
        yield from _about(each)


def _title(release: Release) -> str:
    if not release.targets:
        return "Nothing to release"
    standings = {each.standing for each in release.targets}
    standing = next((each for each in ("planned", "snapshot", "released") if each in standings), "unchanged")
    return f"{_TITLES[standing]}: {', '.join(sorted({text(each.version) for each in release.targets}))}"


def _row(target: ReleasedTarget) -> list[str]:
    return [
        code(f"{target.repository}:{target.version}"),
        target.standing,
        code(target.digest) if target.digest else "",
        "" if target.size is None else size(target.size),
        "" if target.seconds is None else seconds(target.seconds),
        _MADE[target.made],
    ]


def _about(target: ReleasedTarget) -> Iterator[str]:
    yield f"### {text(target.label)}"
    yield "\n".join(f"- {line}" for line in _facts(target))
    if target.verify:
        yield "It is verified by:"
        yield fenced(target.verify)


def _facts(target: ReleasedTarget) -> Iterator[str]:
    if target.tags:
        yield f"Tags: {_codes(target.tags)}"
    yield _capabilities(target)
    if target.reproducible is not None:
        found = "a second build gave the same bytes" if target.reproducible else "**a second build gave other bytes**"
        yield f"Reproducible: {found}"
    for each in target.attached:
        yield f"{text(each.kind)}: {code(each.digest)} ({code(each.media_type)})"
    if not target.verify:
        yield "It is not signed." if target.made != "published" else "Whether it is signed was not looked at."


def _capabilities(target: ReleasedTarget) -> str:
    if target.capabilities is None:
        return "Capabilities: as they were, and not looked at again"
    has = _codes(target.capabilities) or "none"
    if target.gained is None:
        return f"Capabilities: {has}; {'not compared' if target.previous else 'there is no earlier version'}"
    since = f" since {code(target.previous)}" if target.previous else ""
    if target.gained:
        return f"**Capabilities gained{since}:** {_codes(target.gained)}"
    return f"Capabilities: {has}; none gained{since}"


def _codes(words: tuple[str, ...]) -> str:
    return ", ".join(code(each) for each in words)

"""What adapters of scripting languages share: the file to begin with, and settings that mean nothing to them."""

from collections.abc import Iterable, Sequence

from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target

__all__ = ["entry_named", "first_of", "known_toolchain", "refuse_settings"]


def entry_named(tree: SourceTree, target: Target, suffixes: tuple[str, ...], language: str) -> str | None:
    """The entry that the target names, by ``entry`` or as the only one of ``sources``; None when it names none.

    Raises InvalidProject when what it names is not there, or not of the language that the target asks for.
    """
    asked = target.language is not None
    if target.entry is None:
        return _entry_in_sources(tree, target, suffixes, asked=asked)
    if target.entry.endswith(suffixes):
        if not tree.has(target.entry):
            raise InvalidProject(f"entry: there is no {target.entry}", cause=_hidden(tree))
        return target.entry
    if asked:
        raise InvalidProject(
            f"entry: {target.entry} is not {language}", cause=f"its name would end in {' or '.join(suffixes)}"
        )
    return None


def first_of(paths: Sequence[str], wanted: Iterable[str]) -> str | None:
    """The first of the wanted paths that is there."""
    there = set(paths)
    return next((path for path in wanted if path in there), None)


def known_toolchain(target: Target, *known: str) -> str | None:
    """What ``toolchain`` says. Raises InvalidProject when it is none of these."""
    if target.toolchain is None or target.toolchain in known:
        return target.toolchain
    raise InvalidProject(
        f"{target.name}: toolchain {target.toolchain[:60]!r} is not one that compiles {target.language or 'this'}",
        hint=f"known: {', '.join(known)}" if known else "leave it out: there is only one",
    )


def refuse_settings(target: Target, language: str, *keys: str) -> None:
    """Refuse settings that would be ignored. Raises InvalidProject."""
    for key in keys:
        if getattr(target, key):
            raise InvalidProject(f"{target.name}: {key} means nothing for {language}", hint=f"leave out {key}")


def _entry_in_sources(tree: SourceTree, target: Target, suffixes: tuple[str, ...], *, asked: bool) -> str | None:
    named = {pattern: tree.matching(pattern) for pattern in target.sources}
    own = sorted({path for paths in named.values() for path in paths if path.endswith(suffixes)})
    for pattern, paths in named.items():
        if not paths and (asked or own):
            raise InvalidProject(f"sources: {pattern!r} names no file of the project", cause=_hidden(tree))
    if len(own) > 1:
        return first_of(own, _usual(own)) or _ambiguous(own)
    return own[0] if own else None


def _usual(paths: Sequence[str]) -> list[str]:
    stems = ("main", "index", "app")
    return [path for stem in stems for path in paths if path.rpartition("/")[2].partition(".")[0] == stem]


def _ambiguous(paths: Sequence[str]) -> str:
    raise InvalidProject(
        f"sources name {len(paths)} files, and none says that it is the one to begin with",
        cause=", ".join(paths[:5]),
        hint=f'entry = "{paths[0]}"',
    )


def _hidden(tree: SourceTree) -> str:
    return f"looked in {tree.root.name or tree.root}, without hidden files and what .gitignore names"

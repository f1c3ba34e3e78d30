"""Which files of a project belong to a language: what adapters have in common when they look.

Not here: how a project is listed (``wasmbuild.build.tree``), and what a language's own files look like.
"""

from collections.abc import Collection, Sequence

from wasmbuild.build.tree import IGNORED_FOLDERS, SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.tables import closest

__all__ = ["any_file", "below", "choose_toolchain", "count", "marked", "named", "operand", "parent", "refuse_settings"]

_OWN_FILES = ("wasmbuild.toml", "wasmbuild.lock")
_MARKERS = ("Cargo.toml", "go.mod", "build.zig", "asconfig.json", "package.json", "pyproject.toml")
_SETTINGS = ("toolchain", "entry", "triple", "sysroot")


def named(tree: SourceTree, patterns: Sequence[str], suffixes: tuple[str, ...], language: str) -> tuple[str, ...]:
    """The files with these suffixes that the patterns name, sorted; none when all of them name others.

    ``language`` is the word for people. Raises InvalidProject for a pattern that names nothing, or
    nothing of this language while others do.
    """
    found = {pattern: tree.matching(pattern) for pattern in patterns}
    sources = {path for paths in found.values() for path in paths if path.endswith(suffixes)}
    for pattern, paths in found.items():
        if not paths:
            raise InvalidProject(
                f"sources: {pattern!r} names no file of the project",
                cause=f"not searched: hidden folders, what .gitignore says, and {', '.join(sorted(IGNORED_FOLDERS))}",
            )
        if sources and sources.isdisjoint(paths):
            raise InvalidProject(f"sources: {pattern!r} names no {language} file", cause=f"it names {paths[0]}")
    return tuple(sorted(sources))


def any_file(tree: SourceTree) -> tuple[str, ...]:
    """Every file that a compiler might read: all but those that only say how to build.

    The lock is among those: a first build writes it, and that must not make it another build.
    """
    return tuple(path for path in tree.files if not path.endswith(_OWN_FILES))


def marked(tree: SourceTree, own: Collection[str]) -> bool:
    """Whether there is a file by which another language's projects are known, and none of ``own``."""
    there = {name for name in _MARKERS if tree.has(name)}
    return bool(there) and there.isdisjoint(own)


def choose_toolchain(target: Target, known: Sequence[str], language: str) -> str:
    """The compiler that ``toolchain`` names; the first of those that are known by default. Raises InvalidProject."""
    if target.toolchain is None:
        return known[0]
    if target.toolchain not in known:
        guess = closest(target.toolchain, known)
        raise InvalidProject(
            f"{target.name}: toolchain {target.toolchain[:60]!r} is none of {language}",
            hint=f"did you mean {guess}?" if guess else f"known: {', '.join(known)}",
        )
    return target.toolchain


def refuse_settings(target: Target, known: Collection[str], language: str) -> None:
    """Raise InvalidProject when one of toolchain, entry, triple or sysroot is set that nobody would read."""
    for name in _SETTINGS:
        if name not in known and getattr(target, name) is not None:
            raise InvalidProject(
                f"{target.name}: {name} means nothing for {language}", hint=f"take {name} out of the target"
            )


def below(paths: Sequence[str], place: str) -> tuple[str, ...]:
    """Those of the paths that are this file, or in this folder."""
    place = place.rstrip("/")
    return tuple(path for path in paths if path == place or path.startswith(f"{place}/"))


def operand(path: str) -> str:
    """The path as an argument: a file may be called like an option, or like a response file."""
    return f"./{path}" if path.startswith(("-", "@")) else path


def parent(path: str) -> str:
    """The folder of a file, relative to the project; empty for the project's own."""
    return path.rpartition("/")[0]


def count(paths: Sequence[str], noun: str) -> str:
    """``1 C file``, ``2 C files``."""
    return f"{len(paths)} {noun}{'' if len(paths) == 1 else 's'}"

"""One adapter per language, and the way from a folder to the adapter that builds it.

The modules of the adapters are imported when they are asked for. Other packages add adapters by the
entry point ``wasmbuild.toolchains``: its name is the language, and what it names makes the adapter.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.project import PROJECT_FILE, Target
from wasmbuild.tables import closest
from wasmbuild.toolchains.base import ENTRY_POINTS, Detection, Need, Toolchain

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "TOOLCHAINS",
    "Detection",
    "Need",
    "Toolchain",
    "check_language",
    "detect",
    "languages",
    "toolchain_for",
    "toolchains",
]

TOOLCHAINS = {
    "c": "c:CToolchain",
    "cpp": "c:CppToolchain",
    "zig": "zig:ZigToolchain",
    "go": "go:GoToolchain",
    "rust": "rust:RustToolchain",
    "assemblyscript": "assemblyscript:AssemblyScriptToolchain",
    "javascript": "javascript:JavaScriptToolchain",
    "typescript": "javascript:TypeScriptToolchain",
    "python": "python:PythonToolchain",
    "wat": "wat:WatToolchain",
    "custom": "custom:CustomToolchain",
}
"""The adapters that come with wasmbuild, by language: their module here, and their class."""


_SUFFIXES = {
    "c": {"c"},
    "cpp": {"cc", "cpp", "cxx", "c++", "C"},
    "zig": {"zig"},
    "go": {"go"},
    "rust": {"rs"},
    "assemblyscript": {"ts"},
    "javascript": {"js", "mjs", "cjs", "ts", "mts", "cts", "jsx", "tsx"},
    "typescript": {"ts", "mts", "cts", "tsx"},
    "python": {"py"},
    "wat": {"wat"},
}
"""What files must end in before an adapter is asked: most projects need few of them."""


_UNKNOWN = "is not one that wasmbuild compiles"


def languages() -> tuple[str, ...]:
    """The words that ``language`` may be, ours first. Raises InvalidProject."""
    return (*TOOLCHAINS, *_added())


def toolchains() -> tuple[Toolchain, ...]:
    """All adapters, ours first. Raises InvalidProject for one of another package that does not work."""
    return tuple(_adapter(language) for language in languages())


def toolchain_for(language: str) -> Toolchain:
    """The adapter for the word that ``wasmbuild.toml`` has for a language. Raises InvalidProject."""
    if language in TOOLCHAINS or language in _added():
        return _adapter(language)
    raise InvalidProject(f"{PROJECT_FILE}: language {language[:60]!r} {_UNKNOWN}", hint=_known(language))


def check_language(language: str) -> None:
    """See that the language of an option is one. Raises UsageFailed; InvalidProject for another package's adapter."""
    if language not in TOOLCHAINS and language not in _added():
        raise UsageFailed(f"--language {language[:60]!r} {_UNKNOWN}", hint=_known(language))


def _known(language: str) -> str:
    known = languages()
    guess = closest(language, known)
    return f"did you mean {guess}?" if guess else f"known: {', '.join(known)}"


def detect(tree: SourceTree, target: Target) -> tuple[Toolchain, Detection] | None:
    """The one adapter that recognises the sources of a target, with what it found.

    Those that are certain go before those that are not; adapters of other packages are asked when none
    of ours is certain. Raises UsageFailed when there are several, and InvalidProject when none is and one
    of them says what is missing.
    """
    problems: list[InvalidProject] = []
    endings = {path.rpartition(".")[2] for path in tree.files}
    ours = [language for language, own in _SUFFIXES.items() if not own.isdisjoint(endings)]
    found = _found(ours, tree, target, problems)
    if not any(detection.certain for _, detection in found):
        found += _found(_added(), tree, target, problems)
    chosen = [pair for pair in found if pair[1].certain] or found
    if len(chosen) > 1:
        raise _several([detection for _, detection in chosen])
    if problems and not chosen:
        raise _unclear(problems)
    return chosen[0] if chosen else None


def _found(
    among: Iterable[str], tree: SourceTree, target: Target, problems: list[InvalidProject]
) -> list[tuple[Toolchain, Detection]]:
    found = []
    for adapter in map(_adapter, among):
        try:
            detection = adapter.detect(tree, target)
        except InvalidProject as problem:  # it may be none of this language's business
            problems.append(problem)
        else:
            found += [(adapter, detection)] if detection else []
    return found


def _unclear(problems: Sequence[InvalidProject]) -> InvalidProject:
    if len(problems) == 1:
        return problems[0]
    return InvalidProject(
        "there are sources in several languages, and none of them says what is to be built",
        cause="\n".join(problem.what for problem in problems),
        hint=f"say which one under [build] in {PROJECT_FILE}: language, and entry",
    )


def _several(found: Sequence[Detection]) -> UsageFailed:
    first = found[0].language
    return UsageFailed(
        f"there are sources in several languages: {', '.join(each.language for each in found)}",
        cause="\n".join(f"{each.language}: {each.why}" for each in found),
        hint=f'say which one: --language {first}, or language = "{first}" under [build] in {PROJECT_FILE}',
    )


def _adapter(language: str) -> Toolchain:
    place = TOOLCHAINS.get(language)
    if place is None:
        return _loaded(language)
    module, _, name = place.partition(":")
    made: Toolchain = getattr(import_module(f"{__name__}.{module}"), name)()
    return made


@cache
def _added() -> dict[str, "EntryPoint"]:
    """The entry points of other packages by language. Raises InvalidProject for one that is not theirs to take."""
    from importlib.metadata import entry_points  # noqa: PLC0415  (reading what is installed takes its time)

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name in TOOLCHAINS or entry.name in found:
            raise InvalidProject(
                f"the package {_package(entry)} adds a toolchain for {entry.name}, which there is already",
                hint=f"pip uninstall {_package(entry)}",
            )
        found[entry.name] = entry
    return found


@cache
def _loaded(language: str) -> Toolchain:
    """The adapter of another package, made once. Raises InvalidProject when it cannot be."""
    entry = _added()[language]
    try:
        made: Toolchain = entry.load()()
        own = made.language
    except Exception as error:
        raise _broken(entry, f"{type(error).__name__}: {error}"[:300]) from error
    if own != language:
        raise _broken(entry, f"it says that its language is {own!r}")
    return made


def _broken(entry: "EntryPoint", cause: str) -> InvalidProject:
    package = _package(entry)
    return InvalidProject(
        f"the toolchain for {entry.name} of the package {package} does not work",
        cause=cause,
        hint=f"upgrade or uninstall {package}",
    )


def _package(entry: "EntryPoint") -> str:
    return entry.dist.name if entry.dist is not None else entry.value

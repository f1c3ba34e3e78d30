"""C, compiled by zig, which is clang, lld and wasi-libc in one wheel.

``wasm32-wasi`` is WASI preview 1. Without ``-O`` zig's driver adds traps for undefined behaviour
and without ``-s`` it keeps debug information of libc, hence the flags here.
"""

from pathlib import Path

from wasmbuild.build.action import Action, Output
from wasmbuild.build.tool import ToolPin
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Optimize, Target
from wasmbuild.toolchains.base import Detection
from wasmbuild.toolchains.pins import shipped_pin
from wasmbuild.toolchains.sources import IGNORED_FOLDERS, list_files, matching, within

__all__ = ["CToolchain"]

_INPUT_SUFFIXES = (".c", ".h", ".inc", ".inl", ".def")
_FLAGS: dict[Optimize, tuple[str, ...]] = {
    "size": ("-Os", "-s"),
    "speed": ("-O2", "-s"),
    # DWARF would name the folder, which differs; that of libc still names where libc was first built.
    "debug": ("-O0", "-g", "-fno-sanitize=undefined", "-fdebug-compilation-dir=."),
}


class CToolchain:
    """The adapter for C."""

    language = "c"

    def pin(self) -> ToolPin:
        """The release of zig that wasmbuild was tested with."""
        return shipped_pin("zig")

    def detect(self, root: Path, patterns: tuple[str, ...] = ()) -> Detection | None:
        """The C files that the patterns name, else those under ``src/``, else any in the project."""
        files = list_files(root)
        if patterns:
            sources = _named(files, patterns)
            why = f"{_count(sources)} named in wasmbuild.toml"
        else:
            sources, why = _found(files)
        if not sources:
            return None
        read = {*sources, *(path for path in files if path.endswith(_INPUT_SUFFIXES))}
        return Detection(self.language, within(root, sources), within(root, sorted(read)), why)

    def action(self, target: Target, found: Detection) -> Action:
        """One call of zig's C driver for all sources."""
        output = f"{target.name}.wasm"
        return Action(
            tool="zig",
            program="ziglang/zig",
            arguments=(
                "cc",
                "-target",
                "wasm32-wasi",
                *_FLAGS[target.optimize],
                *target.flags,
                "-o",
                Output(output),
                *map(_as_operand, found.sources),
            ),
            inputs=found.inputs,
            outputs=(output,),
            caches=(("ZIG_GLOBAL_CACHE_DIR", "zig/global"), ("ZIG_LOCAL_CACHE_DIR", "zig/local")),
            first_time=f"building libc for {target.optimize}, once on this machine: about half a minute",
        )


def _named(files: tuple[str, ...], patterns: tuple[str, ...]) -> tuple[str, ...]:
    named = {pattern: matching(files, pattern) for pattern in patterns}
    sources = {path for paths in named.values() for path in paths if path.endswith(".c")}
    for pattern, paths in named.items():
        if not paths:
            raise InvalidProject(
                f"sources: {pattern!r} names no file of the project",
                cause=f"not searched: hidden folders and {', '.join(sorted(IGNORED_FOLDERS))}",
            )
        if sources and sources.isdisjoint(paths):
            raise InvalidProject(f"sources: {pattern!r} names no C file", cause=f"it names {paths[0]}")
    return tuple(sorted(sources))


def _found(files: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    under_src = matching(files, "src/**/*.c")
    sources = under_src or matching(files, "**/*.c")
    return sources, f"{_count(sources)} under src/" if under_src else _count(sources)


def _count(sources: tuple[str, ...]) -> str:
    return f"{len(sources)} C file{'' if len(sources) == 1 else 's'}"


def _as_operand(path: str) -> str:
    # A file may be called like an option, or like a response file.
    return f"./{path}" if path.startswith(("-", "@")) else path

"""Zig, compiled by the zig of the wheel, or by the one on PATH.

Not here: a project's own ``build.zig``, which is a program that decides what is built; the language
``custom`` runs that.
"""

from collections.abc import Sequence

from wasmbuild.build.action import Action, Argument, Output, Place, ToolFile
from wasmbuild.build.tool import HostTool, Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Optimize, Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.selection import any_file, choose_toolchain, marked, named, operand, refuse_settings
from wasmbuild.toolchains.zigs import ZIG, ZIG_CACHES

__all__ = ["ZigToolchain"]

_TOOLCHAINS = ("zig", "system")
_ENTRIES = ("src/main.zig", "main.zig", "src/root.zig", "src/lib.zig")
_OPTIMIZE: dict[Optimize, tuple[str, ...]] = {
    "size": ("-OReleaseSmall", "-fstrip"),
    "speed": ("-OReleaseFast", "-fstrip", "-mcpu=generic+simd128"),
    "debug": ("-ODebug", "-fno-strip"),
}
_TRIPLE = "wasm32-wasi"
_SYSTEM = HostTool(
    name="system-zig",
    programs=("zig",),
    version=("version",),
    version_pattern=r"^(\S+)$",
    hint="put zig on PATH, or leave toolchain out: then the zig that wasmbuild pins compiles it",
)


class ZigToolchain:
    """The adapter for Zig."""

    language = "zig"
    description = "zig, as the wheel ziglang or from PATH, to WASI preview 1"
    reproducible = None

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The file to begin with: ``entry``, or ``src/main.zig`` and the like, or the only one."""
        if target.sources:
            sources = named(tree, target.sources, (".zig",), "Zig")
        else:
            sources = tuple(path for path in tree.ending(".zig") if path != "build.zig")
        if not sources:
            return None
        entry = _entry(tree, target, sources)
        if entry is None and target.language is None:
            return None
        if entry is None:
            raise InvalidProject(
                f"{target.name}: it is not clear which Zig file to begin with",
                cause=f"looked for {', '.join(_ENTRIES)}; there are {len(sources)}, such as {sources[0]}",
                hint=f'say so in the target: entry = "{sources[0]}"',
            )
        return Detection(self.language, sources, any_file(tree), entry, entry, certain=not marked(tree, ("build.zig",)))

    def needs(self, target: Target) -> Sequence[Need]:
        """The pinned compiler, or the one of the machine."""
        chosen = choose_toolchain(target, _TOOLCHAINS, self.language)
        refuse_settings(target, ("toolchain", "entry", "triple"), self.language)
        return ("zig",) if chosen == "zig" else (_SYSTEM,)

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:
        """One call of the compiler: it finds the other files by their imports."""
        assert found.entry is not None
        output = f"{target.name}.wasm"
        kind = ("-fno-entry", "-rdynamic") if target.kind == "library" else ()
        execution: tuple[str, ...] = ("-mexec-model=reactor",) if target.kind == "library" else ()
        zig: Place = ZIG if "zig" in tools else _program(tools)
        emitted: Argument = ("-femit-bin=", Output(output))
        return (
            Action(
                name="compile",
                tool="zig",
                argv=(
                    *(zig, "build-exe", "-target", target.triple or _TRIPLE, *_OPTIMIZE[target.optimize]),
                    *(*kind, *execution, *target.flags, emitted, operand(found.entry)),
                ),
                env=(*target.environment, *ZIG_CACHES),
                inputs=found.inputs,
                outputs=(output,),
                first_time=f"building Zig's library for {target.optimize}, once on this machine: a few seconds",
            ),
        )


def _entry(tree: SourceTree, target: Target, sources: Sequence[str]) -> str | None:
    if target.entry is not None:
        if not tree.has(target.entry):
            raise InvalidProject(f"{target.name}: entry {target.entry!r} is not a file of the project")
        return target.entry
    usual = next((path for path in _ENTRIES if path in sources), None)
    return usual or (sources[0] if len(sources) == 1 else None)


def _program(tools: Toolbox) -> ToolFile:
    tool = tools[_SYSTEM.name]
    assert tool.program is not None
    return ToolFile(tool.name, tool.program.resolve().relative_to(tool.root.resolve()).as_posix())

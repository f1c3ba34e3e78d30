"""AssemblyScript, compiled by its own compiler with the shim that gives it WASI preview 1.

The compiler takes every path as relative to its folder, and names files by such paths: so the
packages that it needs are linked to where it runs. A project's ``asconfig.json`` decides about
optimisation; the shim is added to what it says.

A component has WASI's adapter in it, which needs some of the program's memory. AssemblyScript takes all
memory that there is when it first allocates, the adapter's too, unless the adapter asks it for that.
"""

from collections.abc import Sequence

from wasmbuild.build.action import Action, Argument, Output, ToolFile
from wasmbuild.build.tool import Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Optimize, Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.node import MANIFEST, NODE, Manifest, fetching, lock_of, parsed, with_packages
from wasmbuild.toolchains.scripting import entry_named, first_of, known_toolchain, refuse_settings

__all__ = ["AssemblyScriptToolchain"]

CONFIGURATION = "asconfig.json"

_SUFFIXES = (".ts",)
_READ = (".ts", ".js", ".mjs", ".json")
_USUAL = ("assembly/index.ts", "assembly/main.ts", "src/index.ts", "src/main.ts", "index.ts", "main.ts")
_OWN = frozenset({"assemblyscript", "@assemblyscript/wasi-shim"})
_MODULES = ToolFile("assemblyscript", "node_modules")
_COMPILER = "node_modules/assemblyscript/bin/asc.js"
_REALLOC = ".wasmbuild/realloc.ts"
_REALLOC_TEXT = """\
export function cabi_realloc(old: usize, oldSize: usize, align: usize, newSize: usize): usize {
  return old ? heap.realloc(old, newSize) : heap.alloc(newSize);
}
"""
_NAMES = ("abort", "trace", "seed", "console", "crypto", "performance", "process", "Date")
_FLAGS: dict[Optimize, tuple[str, ...]] = {
    "size": ("-O3z", "--converge"),
    "speed": ("-O3", "--converge"),
    "debug": ("--debug",),
}


class AssemblyScriptToolchain:
    """The adapter for AssemblyScript."""

    language = "assemblyscript"
    description = "AssemblyScript's compiler with @assemblyscript/wasi-shim, to WASI preview 1"
    reproducible = None

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The entry file; TypeScript alone is JavaScript, unless something says AssemblyScript."""
        asked = target.language == self.language
        evidence = _evidence(tree)
        if not (asked or evidence):
            return None
        entry = entry_named(tree, target, _SUFFIXES, "AssemblyScript") or first_of(
            tree.files, (*_entries(tree), *_USUAL)
        )
        if entry is None:
            if asked:
                raise _nothing()
            return None
        manifest = Manifest(tree)
        lock = lock_of(tree, manifest.packages("dependencies") - _OWN, certain=True)
        read = {path for path in tree.ending(*_READ) if path.rpartition("/")[2] != "package-lock.json"}
        why = f"{entry}, and {evidence}" if evidence else entry
        return Detection(self.language, (entry,), tuple(sorted({*read, *lock})), why, entry)

    def needs(self, target: Target) -> Sequence[Need]:
        """Node, and the compiler with the shim."""
        known_toolchain(target)
        refuse_settings(target, "AssemblyScript", "triple", "sysroot")
        return ("node", "assemblyscript")

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:  # noqa: ARG002
        """One call of the compiler, after the packages of the project were fetched."""
        output = f"{target.name}.wasm"
        configured = CONFIGURATION in found.inputs
        chosen = ("--target", "debug" if target.optimize == "debug" else "release")
        shim: tuple[str, ...] = ("--lib", "node_modules/@assemblyscript/wasi-shim/assembly", "--use", "ASC_WASI=1")
        shim += tuple(word for name in _NAMES for word in ("--use", f"{name}=wasi_{name}"))
        start = ("--exportStart", "_start" if target.kind == "command" else "_initialize")
        files = ((_REALLOC, _REALLOC_TEXT),) if target.component else ()
        entries = (found.entry or found.sources[0], *(path for path, _ in files))
        command: tuple[Argument, ...] = (NODE, _COMPILER, *entries, *shim, *start, "--noColors")
        command += (*(chosen if configured else _FLAGS[target.optimize]), *target.flags, "-o", Output(output))
        compiling = Action(
            name="compile",
            tool="asc",
            argv=with_packages(command, (_MODULES,), found),
            outputs=(output,),
            inputs=tuple(path for path in found.inputs if path != "package-lock.json"),
            files=files,
            env=target.environment,
        )
        return (*fetching(found), compiling)


def _evidence(tree: SourceTree) -> str | None:
    if tree.has(CONFIGURATION):
        return CONFIGURATION
    if tree.matching("assembly/**/*.ts"):
        return "the folder assembly"
    if "assemblyscript" in Manifest(tree).packages("dependencies", "devDependencies"):
        return f"{MANIFEST} asks for assemblyscript"
    return None


def _entries(tree: SourceTree) -> tuple[str, ...]:
    entries = parsed(tree, CONFIGURATION).get("entries")
    listed = entries if isinstance(entries, list) else []
    return tuple(path.removeprefix("./") for path in listed if isinstance(path, str))


def _nothing() -> InvalidProject:
    return InvalidProject(
        "there is no AssemblyScript file to begin with",
        cause=f"looked for what entries in {CONFIGURATION} names, and for {', '.join(_USUAL)}",
        hint='say which: entry = "assembly/index.ts"',
    )

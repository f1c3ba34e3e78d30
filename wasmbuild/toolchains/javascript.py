"""JavaScript and TypeScript, put into a component together with an engine, by jco and componentize-js.

The engine is QuickJS, which is small; or StarlingMonkey, which has ``fetch``, timers and the web's
other interfaces, and is the one that can answer HTTP. jco bundles what the entry imports and takes
types out of TypeScript; it checks none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wasmbuild.build.action import Action, Argument, Output, ToolFile
from wasmbuild.build.tool import Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.javascript_command import PROGRAM, program_files
from wasmbuild.toolchains.node import MANIFEST, NODE, Manifest, fetching, lock_of, with_packages
from wasmbuild.toolchains.scripting import entry_named, first_of, known_toolchain, refuse_settings
from wasmbuild.toolchains.wit import COMMAND, World, wit_files, world_of

__all__ = ["JavaScriptToolchain", "TypeScriptToolchain"]

QUICKJS = "quickjs"
STARLINGMONKEY = "starlingmonkey"

_TYPESCRIPT = (".ts", ".mts")
_SUFFIXES = (".js", ".mjs", *_TYPESCRIPT)
_READ = (*_SUFFIXES, ".cjs", ".cts", ".tsx", ".jsx", ".json")
_JCO = ToolFile("jco", "node_modules/@bytecodealliance/jco/dist/jco.js")
_WORDS_ONLY = "--stack-trace-limit=0"
"""What went wrong is said before the places in jco's own code where it did, of which nobody needs to know."""

_WHY_NOT = (
    "the component holds a snapshot of the JavaScript engine's memory, in which are addresses, the time and a seed "
    "of random numbers"
)


@dataclass(frozen=True, slots=True)
class JavaScriptToolchain:
    """The adapter for JavaScript, which takes TypeScript as well."""

    language: str = "javascript"
    description: str = "jco and componentize-js, to components with QuickJS or StarlingMonkey"
    reproducible: str | None = _WHY_NOT

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The entry file that ``package.json`` names, or one with a usual name."""
        asked = target.language == self.language
        manifest = Manifest(tree)
        entry = entry_named(tree, target, _SUFFIXES, "JavaScript or TypeScript") or first_of(
            tree.files, [*_said(manifest), *_usual()]
        )
        weak = entry is None
        if entry is None:
            programs = _programs(tree)
            entry = programs[0] if len(programs) == 1 else None
        if entry is None:
            if asked or programs:
                raise _nothing(programs)
            return None
        certain = asked or not (weak or _of_another_kind(tree, manifest))
        lock = lock_of(tree, manifest.packages("dependencies"), certain=certain)
        read = {path for path in tree.ending(*_READ) if path.rpartition("/")[2] != "package-lock.json"}
        inputs = tuple(sorted({*read, *lock, *wit_files(tree, target)}))
        return Detection(self.language, (entry,), inputs, entry, entry, certain)

    def needs(self, target: Target) -> Sequence[Need]:
        """Node, jco with both engines, the WIT of WASI, and what reads that of the project."""
        known_toolchain(target, QUICKJS, STARLINGMONKEY)
        refuse_settings(target, "JavaScript", "triple", "sysroot")
        return ("node", "jco", "wasi", "wasm-tools")

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:  # noqa: ARG002
        """The WIT, the packages of the project, and jco."""
        world = world_of(target, found, checked=True)
        engine = _engine(target, world)
        output, entry = f"{target.name}.wasm", found.entry or found.sources[0]
        files: tuple[tuple[str, str], ...] = ()
        if world.generated == COMMAND:
            files, entry = program_files(entry, console=engine == QUICKJS), PROGRAM
        command: tuple[Argument, ...] = (NODE, _WORDS_ONLY, _JCO, "componentize", entry, "--cwd", ".", "--bundle")
        command += ("--backend", engine, *_without_http(engine, world), "--wit", world.folder)
        command += (*(("--world-name", world.name) if world.name else ()), "-o", Output(output), *target.flags)
        compiling = Action(
            name="compile",
            tool="jco",
            argv=with_packages(command, (), found),
            outputs=(output,),
            inputs=tuple(
                path for path in found.inputs if path != "package-lock.json" and path not in world.action.inputs
            ),
            files=files,
            env=(("NO_COLOR", "1"), *target.environment),
        )
        return (world.action, *fetching(found), compiling)


@dataclass(frozen=True, slots=True)
class TypeScriptToolchain(JavaScriptToolchain):
    """The same under TypeScript's own name, for projects that say it; it finds nothing by itself."""

    language: str = "typescript"

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """As JavaScript, when the target asks for TypeScript."""
        if target.language != self.language:
            return None
        return JavaScriptToolchain.detect(self, tree, target)


def _engine(target: Target, world: World) -> str:
    http = world.generated is not None and world.generated.startswith("wasi:http/")
    if http and target.toolchain == QUICKJS:
        raise InvalidProject(
            f"{target.name}: QuickJS cannot be used for {world.generated}",
            hint=f'leave out toolchain, or toolchain = "{STARLINGMONKEY}"',
        )
    return target.toolchain or (STARLINGMONKEY if http else QUICKJS)


def _without_http(engine: str, world: World) -> tuple[str, ...]:
    # The engine would import all of wasi:http into a command that only wants to print.
    if engine == STARLINGMONKEY and world.generated == COMMAND:
        return ("--disable", "http", "--disable", "fetch-event")
    return ()


def _said(manifest: Manifest) -> Iterable[str]:
    return (path for key in ("module", "main") if (path := manifest.text(key)) and path.endswith(_SUFFIXES))


def _usual() -> Iterable[str]:
    stems = ("main", "index", "app")
    return (f"{folder}{stem}{suffix}" for folder in ("src/", "") for stem in stems for suffix in _SUFFIXES)


def _programs(tree: SourceTree) -> list[str]:
    """The scripts of the project that could be a program."""
    scripts = [path for path in tree.ending(*_SUFFIXES) if path.removeprefix("src/").count("/") == 0]
    return [path for path in scripts if path.rpartition("/")[2].count(".") == 1]


def _of_another_kind(tree: SourceTree, manifest: Manifest) -> bool:
    """AssemblyScript has TypeScript's files."""
    packages = manifest.packages("dependencies", "devDependencies")
    return tree.has("asconfig.json") or "assemblyscript" in packages or bool(tree.matching("assembly/**/*.ts"))


def _nothing(programs: Sequence[str]) -> InvalidProject:
    return InvalidProject(
        "there is no JavaScript or TypeScript file to begin with",
        cause=f"looked for module and main in {MANIFEST}, and for main, index and app in src/ and beside it, "
        f"with {', '.join(_SUFFIXES)}",
        hint=f'say which: entry = "{programs[0] if programs else "src/main.js"}"',
    )

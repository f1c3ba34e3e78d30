"""C and C++, compiled by clang, lld and wasi-libc.

All three come in zig's wheel, or from a wasi-sdk, or from the machine. ``wasm32-wasi`` is WASI
preview 1. Without ``-O`` zig's driver adds traps for undefined behaviour and without ``-s`` it keeps
debug information of libc, hence the flags here. Not here: components (``wasmbuild.toolchains.finish``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wasmbuild.build.action import Action, Argument, Output, ToolFile
from wasmbuild.build.tool import HostTool, Requirement, Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.project import Optimize, Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.cmain import main_file
from wasmbuild.toolchains.selection import choose_toolchain, count, marked, named, operand, refuse_settings
from wasmbuild.toolchains.zigs import ZIG, ZIG_CACHES

__all__ = ["CToolchain", "CppToolchain"]

_TOOLCHAINS = ("zig", "wasi-sdk", "clang")
_C = (".c",)
_CPP = (".cc", ".cpp", ".cxx", ".c++", ".C")
_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".h++", ".H", ".inc", ".inl", ".ipp", ".tcc", ".tpp", ".def")
_OPTIMIZE: dict[Optimize, tuple[str, ...]] = {
    "size": ("-Os", "-s"),
    "speed": ("-O2", "-msimd128", "-s"),
    "debug": ("-O0", "-g", "-fdebug-compilation-dir=."),
}
_TRIPLE = "wasm32-wasi"
_CLANG_VERSION = r"clang version (\S+)"
_CLANGS = ("clang", *(f"clang-{major}" for major in range(30, 11, -1)))
# A wasm-opt anywhere on PATH would be run behind our back: the PATH is the folder of clang, with lld beside it.
_CLANG_CONTENTS = ("bin/wasm-ld", "bin/wasm-opt", "lib/clang/*/lib", "lib/clang/*/include")

_WASI_SDK = HostTool(
    name="wasi-sdk",
    programs=("clang",),
    variable="WASI_SDK_PATH",
    version=("--version",),
    version_pattern=_CLANG_VERSION,
    contents=(*_CLANG_CONTENTS, "share/wasi-sysroot"),
    requires=(Requirement("share/wasi-sysroot/lib", "wasi-sysroot", "export WASI_SDK_PATH=/opt/wasi-sdk"),),
    hint="unpack a wasi-sdk and name its folder: export WASI_SDK_PATH=/opt/wasi-sdk",
)
_CLANG = HostTool(
    name="clang",
    programs=_CLANGS,
    version=("--version",),
    version_pattern=_CLANG_VERSION,
    contents=_CLANG_CONTENTS,
    requires=(Requirement("bin/wasm-ld", "linker for WebAssembly", "apt install lld"),),
    hint="apt install clang lld wasi-libc libclang-rt-dev-wasm32, or leave toolchain out: then zig compiles it",
)


def _wasi_libc(triple: str, sysroot: str | None) -> HostTool:
    """The libc that clang finds for a platform; its root is the sysroot."""
    asked = (f"--target={triple}", *((f"--sysroot={sysroot}",) if sysroot else ()))
    return HostTool(
        name="-".join(("wasi-libc", triple, *((sysroot.strip("/").replace("/", "-"),) if sysroot else ()))),
        programs=_CLANGS,
        root=(*asked, f"-print-file-name=../../include/{triple}/../.."),
        version=("--version",),
        version_pattern=_CLANG_VERSION,
        contents=(f"lib/{triple}", f"include/{triple}"),
        hint="apt install wasi-libc, or say where it is: sysroot in wasmbuild.toml",
    )


@dataclass(frozen=True, slots=True)
class CToolchain:
    """The adapter for C."""

    language: str = "c"
    description: str = "zig's clang and wasi-libc, or a wasi-sdk, or clang of this machine"
    reproducible: str | None = None
    _noun: str = "C file"
    _driver: str = "cc"
    _suffixes: tuple[str, ...] = _C

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The files that ``sources`` names, else those under ``src/``, else any in the project.

        A project that has C++ is one of C++, whatever C is beside it.
        """
        searched = self._suffixes if target.language else (*_CPP, *_C)
        if target.sources:
            sources = named(tree, target.sources, searched, self._noun.removesuffix(" file"))
            where = " named in wasmbuild.toml"
        else:
            everywhere = tree.ending(*searched)
            under_src = tuple(path for path in everywhere if path.startswith("src/"))
            sources, where = under_src or everywhere, " under src/" if under_src else ""
        plus_plus = any(path.endswith(_CPP) for path in sources)
        if not sources or (target.language is None and plus_plus != (self.language == "cpp")):
            return None
        wit = tree.ending(".wit") if target.component else ()
        read = {*sources, *tree.ending(*_C, *_CPP, *_HEADERS), *wit}
        why = count(sources, self._noun) + where
        return Detection(self.language, sources, tuple(sorted(read)), why, certain=not marked(tree, ()))

    def needs(self, target: Target) -> Sequence[Need]:
        """zig, or the tools of the machine that stand in for it."""
        chosen = choose_toolchain(target, _TOOLCHAINS, self.language)
        refuse_settings(target, {"toolchain", "triple", *(("sysroot",) if chosen == "clang" else ())}, self.language)
        match chosen:
            case "wasi-sdk":
                return (_WASI_SDK,)
            case "clang":
                return (_CLANG, _wasi_libc(target.triple or _TRIPLE, target.sysroot))
        return ("zig",)

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:
        """One call of the driver for all sources: it caches what it can by itself."""
        output = f"{target.name}.wasm"
        kind = ("-mexec-model=reactor",) if target.kind == "library" else ()
        without = ("-fno-exceptions",) if self.language == "cpp" else ()
        head, env, first_time = self._compiler(target)
        files = main_file(target, self._suffixes[0])
        sources = (*found.sources, *(path for path, _ in files))
        return (
            Action(
                name="compile",
                tool=choose_toolchain(target, _TOOLCHAINS, self.language),
                argv=(
                    *head,
                    *_OPTIMIZE[target.optimize],
                    *kind,
                    *without,
                    *target.flags,
                    "-o",
                    Output(output),
                    *_operands(sources, mixed=self.language == "cpp" and "zig" not in tools),
                ),
                env=(*target.environment, *env),
                inputs=found.inputs,
                files=files,
                outputs=(output,),
                first_time=first_time,
            ),
        )

    def _compiler(self, target: Target) -> tuple[tuple[Argument, ...], tuple[tuple[str, Argument], ...], str | None]:
        """How the command begins, what it finds in its environment, and what takes long the first time."""
        triple = target.triple or _TRIPLE
        chosen = choose_toolchain(target, _TOOLCHAINS, self.language)
        if chosen == "zig":
            traps = ("-fno-sanitize=undefined",) if target.optimize == "debug" else ()
            library = "libc" if self._driver == "cc" else "libc and libc++"
            slow = f"building {library} for {target.optimize}, once on this machine: about half a minute"
            return (ZIG, self._driver, "-target", triple, *traps), ZIG_CACHES, slow
        program = "bin/clang" if self._driver == "cc" else "bin/clang++"
        sysroot: Argument = ("--sysroot=", ToolFile("wasi-sdk", "share/wasi-sysroot"))
        if chosen == "clang":
            sysroot = ("--sysroot=", ToolFile(_wasi_libc(triple, target.sysroot).name)) if target.sysroot else ""
        head: tuple[Argument, ...] = (
            ToolFile(chosen, program),
            f"--target={triple}",
            "-fuse-ld=lld",
            *((sysroot,) if sysroot else ()),
        )
        return head, (("PATH", ToolFile(chosen, "bin")),), None


def _operands(sources: Sequence[str], *, mixed: bool) -> tuple[str, ...]:
    """The files; clang by itself takes C for C++ when it is called for C++, as zig does not."""
    c = tuple(map(operand, (path for path in sources if path.endswith(_C))))
    if not (mixed and c):
        return tuple(map(operand, sources))
    return ("-x", "c", *c, "-x", "none", *(operand(path) for path in sources if not path.endswith(_C)))


@dataclass(frozen=True, slots=True)
class CppToolchain(CToolchain):
    """The adapter for C++, and for C beside it; exceptions are off, for there is no library for them."""

    language: str = "cpp"
    description: str = "zig's clang, libc++ and wasi-libc, or a wasi-sdk, or clang of this machine"
    _noun: str = "C++ file"
    _driver: str = "c++"
    _suffixes: tuple[str, ...] = (*_CPP, *_C)

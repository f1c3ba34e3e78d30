"""Rust, compiled by cargo or rustc of the machine, to one of its platforms ``wasm32-*``.

Dependencies are downloaded first, by the hashes in ``Cargo.lock``. Where a compiler has the standard
library's source instead of one for WebAssembly, as Debian's ``rustc-web``, it is built once. Not
here: what ``Cargo.toml`` says (``cargo``), and what a compiler on the machine looks like (``rustc``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from wasmbuild.build.action import Action, Argument, CacheFolder, Output, Produced, ToolFile
from wasmbuild.build.tool import Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Optimize, Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.cargo import LOCK, MANIFEST, CargoPackage, read_package
from wasmbuild.toolchains.fetches import NETWORK_VARIABLES
from wasmbuild.toolchains.rustc import RUST, RustPlatform, index_settings, platform, rust_needs
from wasmbuild.toolchains.selection import any_file, choose_toolchain, marked, named, operand, refuse_settings

__all__ = ["RustDetection", "RustToolchain"]

_TOOLCHAINS = ("cargo",)
_ENTRIES = {"command": ("src/main.rs", "main.rs"), "library": ("src/lib.rs", "lib.rs")}
_ROOTS = ("/main.rs", "/lib.rs", "/build.rs")
_ROOT_FOLDERS = ("src/bin/", "examples/", "tests/", "benches/")
_PROFILE: dict[Optimize, tuple[tuple[str, str], ...]] = {
    "size": (("opt-level", "s"), ("lto", "fat"), ("codegen-units", "1"), ("panic", "abort"), ("strip", "symbols")),
    "speed": (("opt-level", "3"), ("lto", "fat"), ("codegen-units", "1"), ("panic", "abort"), ("strip", "symbols")),
    "debug": (("opt-level", "0"), ("debug", "2"), ("panic", "abort"), ("debug-assertions", "true")),
}
_AS_FLAG = {"debug": "debuginfo"}
_USER = ("CARGO_HTTP_*", "CARGO_NET_*", "CARGO_REGISTRIES_*", "CARGO_REGISTRY_*")
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class RustDetection(Detection):
    """What was found, with the Cargo package, where there is one."""

    package: CargoPackage | None = None


class RustToolchain:
    """The adapter for Rust."""

    language = "rust"
    description = "cargo or rustc of this machine, to WASI preview 1, 2, or to bare WebAssembly"
    reproducible = None

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The package of ``Cargo.toml``; without one ``src/main.rs`` and the like."""
        sources = named(tree, target.sources, (".rs",), "Rust") if target.sources else tree.ending(".rs")
        if not sources:
            return None
        package = read_package(tree, target)
        if package is not None:
            why = f"the Cargo package {package.name}"
            certain = not marked(tree, (MANIFEST,))
            return RustDetection(self.language, sources, any_file(tree), why, None, certain, package)
        usual = (target.entry,) if target.entry else _ENTRIES[target.kind]
        entry = next((path for path in usual if tree.has(path)), sources[0] if len(sources) == 1 else None)
        if entry is None and target.language is None:
            return None
        if entry is None:
            raise InvalidProject(
                f"{target.name}: it is not clear which Rust file to begin with",
                cause=f"looked for {MANIFEST} and {' and '.join(usual)}",
                hint=f'say so in the target: entry = "{sources[0]}"',
            )
        return RustDetection(self.language, sources, any_file(tree), entry, entry, not marked(tree, ()))

    def needs(self, target: Target) -> Sequence[Need]:
        """The compiler of the machine, and zig, whose linker stands in where there is none."""
        choose_toolchain(target, _TOOLCHAINS, self.language)
        refuse_settings(target, ("toolchain", "entry", "triple", "sysroot"), self.language)
        return rust_needs(target)

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:
        """Build the standard library if it must be, download dependencies if there are any, compile.

        Raises ToolchainMissing when the compiler of the machine cannot do it, with what to install.
        """
        assert isinstance(found, RustDetection)
        where = platform(target, tools, cargo=found.package is not None)
        if found.package is None:
            return (*where.before, _rustc(target, found, where))
        fetched = bool(found.package.sources)
        fetch = (_fetch(found, found.package, tools),) if fetched else ()
        return (*where.before, *fetch, _cargo(target, found, found.package, where))


def _fetch(found: Detection, package: CargoPackage, tools: Toolbox) -> Action:
    """Download what the lock names. Cargo wants to see the files that targets begin with, and reads none."""
    manifests = tuple(path for path in found.inputs if path.rpartition("/")[2] in {MANIFEST, LOCK})
    beginnings = (path for path in found.inputs if path.endswith(".rs") and _begins(path))
    return Action(
        name="fetch",
        tool="cargo",
        argv=(
            *(ToolFile(RUST, "bin/cargo"), "vendor", "--locked", "--versioned-dirs"),
            *("--manifest-path", package.manifest, Output("vendor")),
        ),
        env=(
            *index_settings(tools[RUST]),
            ("RUSTC", ToolFile(RUST, "bin/rustc")),
            ("CARGO_HOME", CacheFolder("cargo/home")),
        ),
        inputs=manifests,
        files=tuple((path, "") for path in beginnings),
        outputs=(),
        keep="folder",
        network=True,
        user_environment=(*_USER, *NETWORK_VARIABLES),
    )


def _begins(path: str) -> bool:
    return f"/{path}".endswith(_ROOTS) or any(f"/{folder}" in f"/{path}" for folder in _ROOT_FOLDERS)


def _cargo(target: Target, found: Detection, package: CargoPackage, where: RustPlatform) -> Action:
    output = f"{target.name}.wasm"
    built = CacheFolder(f"cargo/target/{package.name}")
    only = ("--bin", package.program) if package.program else ("--lib", "--crate-type", "cdylib")
    emitted: Argument = ("--emit=link=", Output(output))
    remapped: tuple[Argument, ...] = (("--remap-path-prefix=", built, "=/target"),)
    if package.sources:
        remapped = (*remapped, ("--remap-path-prefix=", Produced("fetch", "vendor"), "=/vendor"))
    profile = tuple(
        (f"CARGO_PROFILE_RELEASE_{key.upper().replace('-', '_')}", value) for key, value in _PROFILE[target.optimize]
    )
    return Action(
        name="compile",
        tool="cargo",
        argv=(
            *(ToolFile(RUST, "bin/cargo"), "rustc", "--offline", *(("--locked",) if package.lock else ()), "--release"),
            *("--target", where.triple, "--manifest-path", package.manifest, *only),
            *(*_replaced(package), *target.flags, "--", emitted),
        ),
        env=(
            *profile,
            *target.environment,
            *where.env,
            ("RUSTC", ToolFile(RUST, "bin/rustc")),
            ("CARGO_TARGET_DIR", built),
            ("CARGO_INCREMENTAL", "0"),
            ("CARGO_ENCODED_RUSTFLAGS", _joined((*_speed(target), *where.flags, *remapped))),
        ),
        inputs=found.inputs,
        outputs=(output,),
        fresh=True,
    )


def _rustc(target: Target, found: Detection, where: RustPlatform) -> Action:
    assert found.entry is not None
    output = f"{target.name}.wasm"
    kind = "cdylib" if target.kind == "library" else "bin"
    profile = tuple(f"-C{_AS_FLAG.get(key, key)}={value}" for key, value in _PROFILE[target.optimize])
    return Action(
        name="compile",
        tool="rustc",
        argv=(
            *(ToolFile(RUST, "bin/rustc"), "--target", where.triple, "--edition=2021", f"--crate-type={kind}"),
            *(f"--crate-name={target.name.replace('-', '_').replace('.', '_')}", *profile, *_speed(target)),
            *(*where.flags, *target.flags, "-o", Output(output), operand(found.entry)),
        ),
        env=(*target.environment, *where.env),
        inputs=found.inputs,
        outputs=(output,),
    )


def _speed(target: Target) -> tuple[str, ...]:
    return ("-Ctarget-feature=+simd128",) if target.optimize == "speed" else ()


def _replaced(package: CargoPackage) -> tuple[Argument, ...]:
    """Settings by which cargo takes the folder of downloads for every place that the lock names."""
    if not package.sources:
        return ()
    words: list[Argument] = ["--config", ('source.vendored.directory="', Produced("fetch", "vendor"), '"')]
    for source in package.sources:
        for key, value in (*source.keys, ("replace-with", "vendored")):
            words += ["--config", f"source.{json.dumps(source.name)}.{key}={json.dumps(value)}"]
    return tuple(words)


def _joined(flags: Sequence[Argument]) -> Argument:
    """The flags as one word, in the way in which cargo takes them apart again."""
    parts: list[str | ToolFile | Output | Produced | CacheFolder] = []
    for flag in flags:
        parts += [*((_SEPARATOR,) if parts else ()), *(flag if isinstance(flag, tuple) else (flag,))]
    return tuple(parts)

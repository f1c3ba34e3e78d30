"""A Rust compiler of the machine: for which platforms it has a standard library, and what else it lacks.

Three shapes are known: rustup's, with a linker of its own; Debian's, whose libraries are packages and
which has no linker; and Debian's for browsers, which has the library's source instead. This looks
into the folder of the tool, and starts nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from wasmbuild.build.action import Action, Argument, Output, Produced, ToolFile
from wasmbuild.build.tool import HostTool, Tool, Toolbox
from wasmbuild.errors import InvalidProject, ToolchainMissing
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Need
from wasmbuild.toolchains.zigs import ZIG

__all__ = ["RUST", "RustPlatform", "index_settings", "platform", "rust_needs", "tidy_triple"]

RUST = "rust"
_SOURCE = "lib/rustlib/src/rust/library"
_WASI_LIBC = "lib/wasm32-wasi"
_VERSION = r"^rustc (\d+\.\d+\.\d+)"
_HOST = HostTool(
    name=RUST,
    programs=("rustc",),
    root=("--print", "sysroot"),
    version=("--version",),
    version_pattern=_VERSION,
    contents=(
        "bin/cargo",
        "bin/wasm-ld-1?",
        "lib/librustc_driver-*.so",
        "lib/*/librustc_driver-*.so",
        "lib/rustlib/wasm32-*/lib",
        "lib/rustlib/*/bin/rust-lld",
        "lib/rustlib/*/bin/wasm-component-ld",
        f"{_SOURCE}/Cargo.lock",
        f"{_SOURCE}/std/src",
        f"{_WASI_LIBC}/*.[ao]",
    ),
    hint="install Rust with rustup and say: rustup target add wasm32-wasip1",
)
_PREVIEW1 = ("wasm32-wasip1", "wasm32-wasi")
_SELF_CONTAINED_REACTOR = "lib/self-contained/crt1-reactor.o"
# What rustc before 1.78 wrote into its libraries, newer linkers refuse.
_OLD_LINKERS = ("14", "15", "16", "17")

_LINKER = """\
#!/bin/sh
[ "$1" = -flavor ] && shift 2
exec "$WASMBUILD_ZIG" wasm-ld "$@"
"""
_STD_MANIFEST = """\
[package]
name = "nothing"
version = "0.0.0"
edition = "2021"

[lib]
path = "nothing.rs"
"""


@dataclass(frozen=True, slots=True)
class RustPlatform:
    """How to compile for a platform: ``before`` are actions that go first, ``flags`` are rustc's."""

    triple: str
    flags: tuple[Argument, ...] = ()
    env: tuple[tuple[str, Argument], ...] = ()
    before: tuple[Action, ...] = ()


def rust_needs(target: Target) -> Sequence[Need]:
    """The compiler, a linker, and the folder that ``sysroot`` names. Raises InvalidProject."""
    own = _sysroot(target)
    return (_HOST, "zig", *((own,) if own else ()))


def tidy_triple(wanted: str | None, version: str) -> str:
    """The platform by the name that a version of rustc has for it: ``wasm32-wasi`` was renamed in 1.78."""
    old = _number(version) < (1, 78)
    if wanted is None or wanted in _PREVIEW1:
        return "wasm32-wasi" if old else "wasm32-wasip1"
    return wanted


def index_settings(rust: Tool) -> tuple[tuple[str, Argument], ...]:
    """Variables by which an old cargo asks an index by HTTP, as newer ones do, in place of cloning a repository."""
    if _number(rust.version) >= (1, 70):
        return ()
    return (("RUSTC_BOOTSTRAP", "1"), ("CARGO_UNSTABLE_SPARSE_REGISTRY", "true"))


def platform(target: Target, tools: Toolbox, *, cargo: bool) -> RustPlatform:
    """How the compiler of the machine compiles a target. Raises ToolchainMissing, InvalidProject."""
    rust = tools[RUST]
    triple = tidy_triple(target.triple, rust.version)
    if not triple.startswith("wasm"):
        raise InvalidProject(f"{target.name}: triple {triple[:60]!r} is not one of WebAssembly")
    if cargo and not (rust.root / "bin/cargo").is_file():
        raise ToolchainMissing(
            f"rust {rust.version} has no cargo", cause=f"bin/cargo is not in {rust.root}", hint="apt install cargo"
        )
    linker = _linker(rust)
    own = _sysroot(target)
    if own is not None:
        _check_library(tools[own.name], triple)
        flags: tuple[Argument, ...] = (("--sysroot=", ToolFile(own.name)), *_reactor(target, tools[own.name], triple))
        return RustPlatform(triple, (*flags, *linker.flags), linker.env, linker.before)
    if _has_library(rust, triple):
        return RustPlatform(triple, (*linker.flags, *_reactor(target, rust, triple)), linker.env, linker.before)
    build = _build_std(rust, triple)
    if build is None:
        _check_library(rust, triple)
    assert build is not None
    return RustPlatform(triple, (*_built_library(target, triple), *linker.flags), linker.env, (*linker.before, build))


def _sysroot(target: Target) -> HostTool | None:
    """The folder that ``sysroot`` names: what rustc answers when it is asked with it."""
    if target.sysroot is None:
        return None
    if not target.sysroot.startswith("/"):
        raise InvalidProject(f"{target.name}: sysroot {target.sysroot[:80]!r} is not an absolute path")
    return HostTool(
        name=f"rust-sysroot-{sha256(target.sysroot.encode()).hexdigest()[:12]}",
        programs=("rustc",),
        root=(f"--sysroot={target.sysroot}", "--print", "sysroot"),
        version=("--version",),
        version_pattern=_VERSION,
        contents=("lib/rustlib/wasm32-*/lib",),
        hint="correct sysroot in wasmbuild.toml: a folder with lib/rustlib/wasm32-wasip1 in it",
    )


def _has_library(tool: Tool, triple: str) -> bool:
    return next(tool.root.glob(f"lib/rustlib/{triple}/lib/libstd-*.rlib"), None) is not None


def _check_library(tool: Tool, triple: str) -> None:
    if _has_library(tool, triple):
        return
    if (tool.root / "lib/rustlib/multirust-channel-manifest.toml").exists():
        hint = f"rustup target add {triple}"
    elif _number(tool.version) < (1, 78):
        hint = "apt install libstd-rust-dev-wasm32 lld-14"
    elif triple == "wasm32-wasip1":
        hint = "apt install rust-web-src wasi-libc (with rustc-web), or apt install libstd-rust-dev-wasm32 (with rustc)"
    else:
        hint = "apt install libstd-rust-dev-wasm32, or install Rust with rustup: rustup target add " + triple
    raise ToolchainMissing(
        f"rust {tool.version} has no standard library for {triple}",
        cause=f"libstd is not in {tool.root / 'lib/rustlib' / triple}",
        hint=hint,
    )


def _linker(rust: Tool) -> RustPlatform:
    """What links: the compiler's own linker, or an old one of the machine, or zig's."""
    if next(rust.root.glob("lib/rustlib/*/bin/rust-lld"), None) is not None:
        return RustPlatform("")
    if _number(rust.version) < (1, 78):
        for major in _OLD_LINKERS:
            if (rust.root / f"bin/wasm-ld-{major}").exists():
                return RustPlatform("", (("-Clinker=", ToolFile(RUST, f"bin/wasm-ld-{major}")),))
        raise ToolchainMissing(
            f"rust {rust.version} has no linker for WebAssembly",
            cause=f"looked for wasm-ld-{' and wasm-ld-'.join(_OLD_LINKERS)} in {rust.root / 'bin'}",
            hint="apt install lld-14",
        )
    script = Action(
        name="linker",
        tool="python",
        argv=(
            *(ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.take"),
            *("--executable", "wasm-ld.sh", Output("wasm-ld")),
        ),
        files=(("wasm-ld.sh", _LINKER),),
        outputs=(),
        keep="folder",
    )
    return RustPlatform("", (("-Clinker=", Produced("linker", "wasm-ld")),), (("WASMBUILD_ZIG", ZIG),), (script,))


def _build_std(rust: Tool, triple: str) -> Action | None:
    """Build the standard library from the compiler's own source; None when that is not there for this platform."""
    whole = (rust.root / _SOURCE / "vendor").is_dir()
    if triple == "wasm32-wasip1":
        whole = whole and (rust.root / _WASI_LIBC / "libc.a").is_file()
    elif triple != "wasm32-unknown-unknown":
        whole = False
    if not whole:
        return None
    source = ToolFile(RUST, _SOURCE)
    flags = ("-Cembed-bitcode=yes\x1f--remap-path-prefix=", source, "=/rust/library")
    return Action(
        name="build-std",
        tool="cargo",
        argv=(
            *(ToolFile(RUST, "bin/cargo"), "build", "--offline", "--release", "-Zbuild-std=std,panic_abort"),
            *("--target", triple, "--config", 'source.crates-io.replace-with="vendored"'),
            *("--config", ('source.vendored.directory="', ToolFile(RUST, f"{_SOURCE}/vendor"), '"')),
        ),
        env=(
            ("RUSTC", ToolFile(RUST, "bin/rustc")),
            # The compiler is a release, and its library is built as the compiler's own build does it.
            ("RUSTC_BOOTSTRAP", "1"),
            ("__CARGO_TESTS_ONLY_SRC_ROOT", source),
            ("CARGO_TARGET_DIR", Output()),
            ("CARGO_ENCODED_RUSTFLAGS", flags),
        ),
        files=((("Cargo.toml", _STD_MANIFEST)), ("nothing.rs", "#![no_std]\n")),
        outputs=(),
        keep="folder",
        first_time=f"building Rust's standard library for {triple}, once on this machine: a minute or two",
    )


def _built_library(target: Target, triple: str) -> tuple[Argument, ...]:
    """Flags that find the library that was built, and libc beside it."""
    built: tuple[Argument, ...] = (("-L", Produced("build-std", f"{triple}/release/deps")),)
    if triple != "wasm32-wasip1":
        return built
    start = "crt1-reactor.o" if target.kind == "library" else "crt1-command.o"
    exported = ("-Clink-arg=--export=_initialize",) if target.kind == "library" else ()
    return (
        *built,
        ("-Lnative=", ToolFile(RUST, _WASI_LIBC)),
        "-Clink-self-contained=no",
        ("-Clink-arg=", ToolFile(RUST, f"{_WASI_LIBC}/{start}")),
        *exported,
    )


def _reactor(target: Target, tool: Tool, triple: str) -> tuple[Argument, ...]:
    """What makes a reactor of a library for preview 1: rustc by itself leaves its start out."""
    path = f"lib/rustlib/{triple}/{_SELF_CONTAINED_REACTOR}"
    if target.kind != "library" or triple not in _PREVIEW1 or not (tool.root / path).exists():
        return ()
    return (("-Clink-arg=", ToolFile(tool.name, path)), "-Clink-arg=--export=_initialize")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])  # three numbers, by the pattern that found it

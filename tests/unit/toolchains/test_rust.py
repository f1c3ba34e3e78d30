from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.toolchains.making import tool, tree
from wasmbuild.build.action import CacheFolder, Output, Produced, ToolFile
from wasmbuild.errors import InvalidProject, ToolchainMissing
from wasmbuild.project import Target
from wasmbuild.toolchains.cargo import Source, lock_sources
from wasmbuild.toolchains.rust import RustToolchain
from wasmbuild.toolchains.rustc import tidy_triple

RUST = RustToolchain()
PACKAGE = '[package]\nname = "hello-x"\nversion = "0.1.0"\n'
LOCK = 'version = 4\n[[package]]\nname = "itoa"\nversion = "1.0.0"\nsource = "{}"\n'
CRATES_IO = "registry+https://github.com/rust-lang/" + "crates" + ".io-index"
RUSTUP = ("bin/cargo", "lib/rustlib/x86/bin/rust-lld", "lib/rustlib/wasm32-wasip1/lib/libstd-0.rlib")


def make(root: Path, texts: dict[str, str]):
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return tree(root)


def compiler(root: Path, *paths: str, version: str = "1.95.0"):
    make(root, dict.fromkeys(paths, ""))
    return {"rust": tool("rust", version, root), "zig": tool("zig")}


def detect(root: Path, texts: dict[str, str], target: Target = Target("hello")):
    found = RUST.detect(make(root, texts), target)
    assert found is not None
    return found


def compiled(root: Path, texts: dict[str, str], target: Target = Target("hello"), *paths: str, version: str = "1.95.0"):
    found = detect(root / "project", texts, target)
    return RUST.actions(target, found, compiler(root / "rust", *(paths or RUSTUP), version=version))


def test_one_file(tmp_path: Path) -> None:
    (action,) = compiled(tmp_path, {"src/main.rs": "", "src/more.rs": ""})
    assert action.argv[:4] == (ToolFile("rust", "bin/rustc"), "--target", "wasm32-wasip1", "--edition=2021")
    assert {"--crate-type=bin", "-Copt-level=s", "-Cstrip=symbols", "src/main.rs"} <= set(action.argv)
    assert Output("hello.wasm") in action.argv


def test_a_package(tmp_path: Path) -> None:
    (action,) = compiled(tmp_path, {"Cargo.toml": PACKAGE, "src/main.rs": "", "README.md": ""})
    assert action.argv == (
        *(ToolFile("rust", "bin/cargo"), "rustc", "--offline", "--release", "--target", "wasm32-wasip1"),
        *("--manifest-path", "Cargo.toml", "--bin", "hello-x", "--", ("--emit=link=", Output("hello.wasm"))),
    )
    env = dict(action.env)
    assert env["CARGO_PROFILE_RELEASE_OPT_LEVEL"] == "s"
    assert env["CARGO_TARGET_DIR"] == CacheFolder("cargo/target/hello-x")
    assert action.fresh
    assert "README.md" in action.inputs


def test_a_library_is_a_reactor(tmp_path: Path) -> None:
    crt = "lib/rustlib/wasm32-wasip1/lib/self-contained/crt1-reactor.o"
    texts = {"Cargo.toml": PACKAGE + '[lib]\nname = "other"\n', "src/lib.rs": ""}
    (action,) = compiled(tmp_path, texts, Target("hello", kind="library"), *RUSTUP, crt)
    assert action.argv[8:11] == ("--lib", "--crate-type", "cdylib")
    assert ToolFile("rust", crt) in dict(action.env)["CARGO_ENCODED_RUSTFLAGS"]


def test_dependencies_are_fetched_first(tmp_path: Path) -> None:
    texts = {"Cargo.toml": PACKAGE, "Cargo.lock": LOCK.format(CRATES_IO), "src/main.rs": "", "src/more.rs": ""}
    fetch, action = compiled(tmp_path, texts)
    assert (fetch.network, fetch.keep, fetch.inputs) == (True, "folder", ("Cargo.lock", "Cargo.toml"))
    assert fetch.files == (("src/main.rs", ""),)
    assert "--locked" in action.argv
    assert ('source.vendored.directory="', Produced("fetch", "vendor"), '"') in action.argv
    assert 'source."crates-io".replace-with="vendored"' in action.argv


def test_dependencies_without_a_lock(tmp_path: Path) -> None:
    texts = {"Cargo.toml": PACKAGE + '[dependencies]\nitoa = "1"\n', "src/main.rs": ""}
    with pytest.raises(InvalidProject, match=r"has dependencies, but no Cargo\.lock") as caught:
        detect(tmp_path, texts)
    assert caught.value.hint == "cargo generate-lockfile"
    own = {"Cargo.toml": PACKAGE + '[dependencies]\nown = { path = "own" }\n', "src/main.rs": ""}
    detect(tmp_path / "in", own)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("registry+https://example.com/index", (("registry", "https://example.com/index"),)),
        ("sparse+https://example.com/index/", (("registry", "sparse+https://example.com/index/"),)),
        ("git+https://example.com/x?tag=v1#abc", (("git", "https://example.com/x"), ("tag", "v1"))),
        ("git+https://example.com/x#abc", (("git", "https://example.com/x"),)),
    ],
)
def test_where_packages_come_from(name: str, keys: tuple[tuple[str, str], ...]) -> None:
    assert lock_sources(LOCK.format(name)) == (Source(name.partition("#")[0], keys),)


@given(st.text())
def test_any_lock_is_read_or_refused(text: str) -> None:
    try:
        lock_sources(text)
        lock_sources(LOCK.format(text.replace("\\", "").replace('"', "")))
    except InvalidProject:
        pass


def test_programs_of_a_package(tmp_path: Path) -> None:
    texts = {"Cargo.toml": PACKAGE, "src/bin/a.rs": "", "src/bin/b/main.rs": ""}
    with pytest.raises(InvalidProject, match="several programs") as caught:
        detect(tmp_path, texts)
    assert (caught.value.cause, caught.value.hint) == ("a, b", 'say which: entry = "src/bin/a.rs"')
    (action,) = compiled(tmp_path / "b", texts, Target("hello", entry="src/bin/b/main.rs"))
    assert action.argv[8:10] == ("--bin", "b")
    (action,) = compiled(tmp_path / "a", texts, Target("a"))
    assert action.argv[8:10] == ("--bin", "a")


def test_no_program_or_no_library(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="no program"):
        detect(tmp_path, {"Cargo.toml": PACKAGE, "src/lib.rs": ""})
    with pytest.raises(InvalidProject, match="has no library"):
        detect(tmp_path / "in", {"Cargo.toml": PACKAGE, "src/main.rs": ""}, Target("hello", kind="library"))


def test_packages_of_a_workspace(tmp_path: Path) -> None:
    texts = {
        "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n',
        "crates/hello/Cargo.toml": PACKAGE.replace("hello-x", "hello"),
        "crates/hello/src/main.rs": "",
        "crates/other/Cargo.toml": PACKAGE.replace("hello-x", "other"),
        "crates/other/src/main.rs": "",
        "crates/lib/Cargo.toml": PACKAGE,
        "crates/lib/src/lib.rs": "",
    }
    (action,) = compiled(tmp_path / "1", texts)
    assert action.argv[7] == "crates/hello/Cargo.toml"
    (action,) = compiled(tmp_path / "2", texts, Target("x", entry="crates/other/src/main.rs"))
    assert action.argv[7:10] == ("crates/other/Cargo.toml", "--bin", "other")
    (action,) = compiled(tmp_path / "3", texts, Target("x", kind="library"))
    assert action.argv[7] == "crates/lib/Cargo.toml"
    with pytest.raises(InvalidProject, match="which package of the Cargo workspace"):
        detect(tmp_path / "4", texts, Target("x"))


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="not valid TOML"):
        detect(tmp_path, {"Cargo.toml": "[package", "src/main.rs": ""})
    with pytest.raises(InvalidProject, match="no package in it"):
        detect(tmp_path, {"Cargo.toml": "package = 1", "src/main.rs": ""}, Target("x", language="rust"))


@pytest.mark.parametrize(
    ("wanted", "version", "named"),
    [
        (None, "1.95.0", "wasm32-wasip1"),
        (None, "1.63.0", "wasm32-wasi"),
        ("wasm32-wasip1", "1.77.2", "wasm32-wasi"),
        ("wasm32-wasi", "1.78.0", "wasm32-wasip1"),
        ("wasm32-wasip2", "1.95.0", "wasm32-wasip2"),
    ],
)
def test_the_name_of_the_platform(wanted: str | None, version: str, named: str) -> None:
    assert tidy_triple(wanted, version) == named


def test_debians_old_compiler_wants_its_own_linker(tmp_path: Path) -> None:
    library = ("lib/rustlib/wasm32-wasi/lib/libstd-0.rlib",)
    with pytest.raises(ToolchainMissing, match="no linker") as caught:
        compiled(tmp_path / "1", {"main.rs": ""}, Target("x"), *library, version="1.63.0")
    assert caught.value.hint == "apt install lld-14"
    (action,) = compiled(tmp_path / "2", {"main.rs": ""}, Target("x"), *library, "bin/wasm-ld-14", version="1.63.0")
    assert ("-Clinker=", ToolFile("rust", "bin/wasm-ld-14")) in action.argv


def test_a_library_is_built_from_source(tmp_path: Path) -> None:
    source = ("lib/rustlib/src/rust/library/vendor/x", "lib/wasm32-wasi/libc.a", "bin/cargo")
    linker, build, action = compiled(tmp_path, {"main.rs": ""}, Target("x"), *source, version="1.96.0")
    assert (linker.keep, build.keep, build.inputs) == ("folder", "folder", ())
    assert not build.network
    assert ("-L", Produced("build-std", "wasm32-wasip1/release/deps")) in action.argv
    assert ("-Clinker=", Produced("linker", "wasm-ld")) in action.argv
    assert ("-Clink-arg=", ToolFile("rust", "lib/wasm32-wasi/crt1-command.o")) in action.argv


@pytest.mark.parametrize(
    ("paths", "version", "triple", "hint"),
    [
        (("lib/rustlib/multirust-channel-manifest.toml",), "1.95.0", None, "rustup target add wasm32-wasip1"),
        (
            ("lib/rustlib/multirust-channel-manifest.toml",),
            "1.95.0",
            "wasm32-wasip2",
            "rustup target add wasm32-wasip2",
        ),
        ((), "1.63.0", None, "apt install libstd-rust-dev-wasm32 lld-14"),
        ((), "1.96.0", None, "apt install rust-web-src wasi-libc"),
    ],
)
def test_what_to_install(tmp_path: Path, paths: tuple[str, ...], version: str, triple: str | None, hint: str) -> None:
    with pytest.raises(ToolchainMissing) as caught:
        compiled(tmp_path, {"main.rs": ""}, Target("x", triple=triple), *paths, "bin/wasm-ld-14", version=version)
    assert hint in (caught.value.hint or "")


def test_cargo_may_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ToolchainMissing, match="has no cargo"):
        compiled(tmp_path, {"Cargo.toml": PACKAGE, "src/main.rs": ""}, Target("x"), *RUSTUP[1:])


def test_a_sysroot_is_a_tool_of_its_own(tmp_path: Path) -> None:
    target = Target("x", sysroot="/opt/std")
    own = RUST.needs(target)[-1]
    assert not isinstance(own, str)
    assert own.root == ("--sysroot=/opt/std", "--print", "sysroot")
    tools = compiler(tmp_path / "rust", "lib/rustlib/x86/bin/rust-lld")
    make(tmp_path / "std", {"lib/rustlib/wasm32-wasip1/lib/libstd-0.rlib": ""})
    found = detect(tmp_path / "project", {"main.rs": ""}, target)
    (action,) = RUST.actions(target, found, {**tools, own.name: tool(own.name, root=tmp_path / "std")})
    assert ("--sysroot=", ToolFile(own.name)) in action.argv
    with pytest.raises(InvalidProject, match="not an absolute path"):
        RUST.needs(Target("x", sysroot="std"))


@pytest.mark.parametrize(("version", "asked"), [("1.63.0", True), ("1.78.0", False)])
def test_an_old_cargo_clones_no_index(tmp_path: Path, version: str, asked: bool) -> None:
    texts = {"Cargo.toml": PACKAGE, "Cargo.lock": LOCK.format(CRATES_IO), "src/main.rs": ""}
    platform = "wasm32-wasi" if asked else "wasm32-wasip1"
    there = ("bin/cargo", "bin/wasm-ld-14", "lib/rustlib/x/bin/rust-lld", f"lib/rustlib/{platform}/lib/libstd-0.rlib")
    fetch = next(each for each in compiled(tmp_path, texts, Target("x"), *there, version=version) if each.network)
    assert ("CARGO_UNSTABLE_SPARSE_REGISTRY" in dict(fetch.env)) == asked

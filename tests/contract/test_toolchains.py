"""Our own adapters for compiled languages, held to the contract that other packages' adapters keep."""

from typing import ClassVar

from wasmbuild.toolchains.c import CppToolchain, CToolchain
from wasmbuild.toolchains.contract import ToolchainContract
from wasmbuild.toolchains.go import GoToolchain
from wasmbuild.toolchains.rust import RustToolchain
from wasmbuild.toolchains.zig import ZigToolchain

# As every lock of cargo has it.
PUBLIC_CRATES = "registry+https://github.com/rust-lang/" + "crates" + ".io-index"


class TestC(ToolchainContract):
    toolchain = CToolchain()
    files: ClassVar = {"src/main.c": "int main(void) { return 0; }", "src/main.h": "", "tests/data.txt": ""}


class TestCpp(ToolchainContract):
    toolchain = CppToolchain()
    files: ClassVar = {"main.cpp": "int main() {}", "helper.c": ""}


class TestZig(ToolchainContract):
    toolchain = ZigToolchain()
    files: ClassVar = {"src/main.zig": "pub fn main() void {}", "build.zig": ""}


class TestGo(ToolchainContract):
    toolchain = GoToolchain()
    files: ClassVar = {
        "go.mod": "module example.com/hello\n",
        "go.sum": "",
        "main.go": "package main\n\nfunc main() {}\n",
    }


class Rust(ToolchainContract):
    toolchain = RustToolchain()

    def toolbox(self, needs, folder):
        for path in ("bin/cargo", "lib/rustlib/wasm32-wasi/lib/libstd-0.rlib", "bin/wasm-ld-14"):
            (folder / "rust" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "rust" / path).touch()
        return super().toolbox(needs, folder)


class TestRust(Rust):
    files: ClassVar = {"src/main.rs": "fn main() {}", "src/lib.rs": ""}


class TestCargo(Rust):
    files: ClassVar = {
        "Cargo.toml": '[package]\nname = "hello"\nversion = "0.1.0"\n',
        "Cargo.lock": f'version = 3\n\n[[package]]\nname = "x"\nversion = "1.0.0"\nsource = "{PUBLIC_CRATES}"\n',
        "src/main.rs": "fn main() {}",
        "src/lib.rs": "",
    }

"""What each page of the documents takes for granted, where its commands are run, and what of it cannot be.

The only place for that. A page that is not here has commands that run in an empty folder, with nothing but the
registries that it names. ``python -m tests.docs.pages`` prints what is run nowhere, and why.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.docs.blocks import PAGES, blocks_of, commands_of

__all__ = [
    "BUILDS",
    "HOSTS",
    "INTEROP",
    "MAIN",
    "ONE_KEY",
    "PEERS",
    "TABLE",
    "Page",
    "authorities",
    "not_run",
    "page_of",
]

PEERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasmbuild-interop" / "bin"
"""Where ``scripts/peers.py`` puts the programs of others."""

HOSTS = (
    "127.0.0.1:5000",
    "127.0.0.1:5001",
    "127.0.0.1:8080",
    "localhost:5000",
    "ghcr.io",
    "registry.example.com",
    "registry.internal",
)
"""The names under which pages speak of registries and servers: each becomes one on loopback."""

MAIN, BUILDS, INTEROP = "main", "builds", "interop"
"""Where a page is played: in the main suite, in tests/e2e_build, which has compilers, or in tests/interop."""

MODULE = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\\10\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func (export "_start") (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))
"""
APP = """(module
  (import "wasi_snapshot_preview1" "args_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
"""
ADDER = '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'
ADDER_WIT = "package acme:adder;\nworld adder { export add: func(a: s32, b: s32) -> s32; }\n"

ONE_KEY = """version = 1
[authorities.release]
keys = ["release.pub"]
[[scope]]
repositories = ["*"]
signed-by = ["release"]
"""

Given = str | Callable[[Path], None]


def written(name: str, text: str) -> Given:
    """Puts a file into the folder; WebAssembly text becomes what it says."""

    def write(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".wasm":
            from wasmtime import wat2wasm

            path.write_bytes(wat2wasm(text))
        else:
            path.write_text(text)

    return write


def variable(name: str, file: str) -> Given:
    """Lets a variable have the text of a file."""

    def put(folder: Path) -> None:
        os.environ[name] = (folder / file).read_text()

    return put


def committed(folder: Path) -> None:
    """The project hello becomes a repository with a commit."""
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-qm", "A greeting"],
    ):
        subprocess.run(["git", *words], cwd=folder / "hello", check=True)


def changed(folder: Path) -> None:
    """The second version of the program of c-cli reads a variable."""
    source = folder / "hello" / "src" / "main.c"
    text = source.read_text()
    assert "main(" in text
    source.write_text("#include <stdlib.h>\n" + text.replace("{\n", '{\n  if (getenv("QUIET")) return 0;\n', 1))


def authorities(folder: Path) -> None:
    """Files of those whom a policy can trust without a key: a root of certificates, and one of sigstore's form."""
    from tests.certified import chain_of_three, pem
    from tests.keyless import World

    (folder / "acme-root.pem").write_bytes(pem(chain_of_three()[-1]))
    (folder / "trusted_root.json").write_bytes(World().trusted_root())


def handler(folder: Path) -> None:
    """A component that answers HTTP."""
    from tests.unit.run import http_guest

    (folder / "dist").mkdir()
    (folder / "dist" / "hello.wasm").write_bytes(http_guest.proxy())


WASM = written("hello.wasm", MODULE)
KEYS = "wasmbuild keys generate"
PUSHED = (WASM, KEYS, "wasmbuild push ghcr.io/acme/hello:1.0.0 hello.wasm --sign --key wasmbuild.key")
PROJECT = "wasmbuild new --template wat-cli hello"
PUSH_PROJECT = "wasmbuild push ghcr.io/acme/hello:1.0.0 --project hello --sign --key wasmbuild.key"
IN_PROJECT = (PROJECT, "cd hello")


@dataclass(frozen=True, slots=True)
class Page:
    """How one page is played; ``elsewhere`` are patterns of commands that are not run, each with the reason."""

    where: str = MAIN
    given: tuple[Given, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    """Names that its Python takes for granted."""
    holds: tuple[str, ...] = ()
    """What is true when its Python has run; a sample that only prints would be right with any outcome."""
    hosts: tuple[str, ...] = ()
    """Registries that ``given`` names and the page does not."""
    listens: Mapping[str, str] = field(default_factory=dict)
    """Variables that let a server of the page listen elsewhere, each with the address that the page shows."""
    compilers: bool = False
    """Whether one of the main suite compiles with more than the engine; the compilers are the user's own then."""

    def reason(self, command: str) -> str:
        """Why a command is not run here; empty for one that is."""
        return next((why for pattern, why in self.elsewhere.items() if re.search(pattern, command)), "")


MAKE = {r"^make ": "a stage of .ci/run, or a part of one"}
TABLE: Mapping[str, Page] = {
    "README.md": Page(
        given=(written("password.txt", "correct horse battery\n"),),
        elsewhere=MAKE | {r"--watch": "waits for changes until it is stopped; tests/unit/test_watch.py has them"},
        compilers=True,
    ),
    "CONTRIBUTING.md": Page(elsewhere=MAKE),
    "docs/admission.md": Page(
        INTEROP,
        (written("app.wasm", MODULE), "wasmbuild keys generate -o release"),
        {r"^ln -s": "is for a machine with containerd; tests/cli/test_verify_plugin.py calls the plugin"},
        {"is_daytime": lambda: True},
        ("open_admission(None).admit(None).allowed",),
    ),
    "docs/airgap.md": Page(
        given=(
            WASM,
            "wasmbuild keys generate -o release",
            "wasmbuild push ghcr.io/acme/hello:1.0.0 hello.wasm --sign --key release.key",
            written("trust.toml", ONE_KEY),
        )
    ),
    "docs/attestations.md": Page(INTEROP, (PROJECT, KEYS, PUSH_PROJECT, written("scan.json", '{"findings": []}\n'))),
    "docs/build-cache.md": Page(),
    "docs/cluster.md": Page(
        elsewhere={
            r"^dask |^wasmbuild build": "needs machines; tests/e2e_build/test_cluster.py runs a cluster",
            r"^pip install": "installs into whatever environment it is in",
        }
    ),
    "docs/compare.md": Page(
        BUILDS,
        (
            "wasmbuild new --template c-cli hello",
            "wasmbuild build hello",
            "cp hello/dist/hello.wasm old.wasm",
            changed,
            "wasmbuild build hello",
            "cp hello/dist/hello.wasm new.wasm",
            "wasmbuild push registry.example.com/acme/hello:1.2.0 old.wasm",
        ),
    ),
    "docs/components.md": Page(BUILDS, (WASM, written("adder.wasm", ADDER), written("wit/adder.wit", ADDER_WIT))),
    "docs/how-to/browse.md": Page(
        INTEROP,
        (
            PROJECT,
            KEYS,
            "wasmbuild push 127.0.0.1:5000/acme/hello:1.0.0 --project hello --sign --key wasmbuild.key",
            written("password.txt", "correct horse battery\n"),
        ),
        holds=("tag == '1.0.0'", "digest.startswith('sha256:ef622fbe70e9')"),
    ),
    "docs/how-to/deploy.md": Page(
        given=("mkdir deploy",),
        elsewhere={
            r"^make image": "builds an image; tests/interop/test_image.py does",
            r"^docker compose": "needs Docker; tests/e2e_cluster starts the same without",
        },
    ),
    "docs/how-to/from-buildx.md": Page(BUILDS, (written("hello/src/main.c", "int main(void) { return 0; }\n"),)),
    "docs/how-to/from-cosign.md": Page(
        INTEROP,
        (
            WASM,
            written("scan.json", '{"findings": []}\n'),
            "wasmbuild push ghcr.io/acme/hello:1.0.0 hello.wasm --sbom none --no-capabilities",
        ),
    ),
    "docs/how-to/from-oras.md": Page(INTEROP, (WASM,)),
    "docs/how-to/from-wkg.md": Page(given=(WASM, KEYS)),
    "docs/how-to/github.md": Page(given=IN_PROJECT),
    "docs/how-to/gitlab.md": Page(
        given=(*IN_PROJECT, WASM, "wasmbuild push registry.example.com/ci/python:3.12 hello.wasm")
    ),
    "docs/how-to/languages.md": Page(given=(written("existing/main.zig", "pub fn main() void {}\n"),)),
    "docs/how-to/replicas.md": Page(
        elsewhere={r"^docker compose": "needs Docker; tests/e2e_cluster does the same without"}
    ),
    "docs/how-to/verify-with-cosign.md": Page(INTEROP, (PROJECT, KEYS, "wasmbuild keys generate -o other")),
    "docs/images.md": Page(
        given=(WASM, KEYS),
        elsewhere={r"^podman run": "needs a crun with an engine; tests/interop/test_images.py has both where they are"},
    ),
    "docs/how-to/release-wasmbuild.md": Page(
        elsewhere=MAKE
        | {
            r"wasmbuild serve|^buildah": "is for an image; tests/interop/test_image.py builds it",
            r"^wasmbuild verify|^sha256sum": "needs a release of ours; tests/e2e_build/test_self_release.py has one",
        }
    ),
    "docs/index.md": Page(elsewhere={r"^python3 -m http.server": "serves the site until it is stopped"}),
    "docs/inspect.md": Page(
        BUILDS,
        (
            "wasmbuild new --template c-cli hello",
            "wasmbuild build hello",
            KEYS,
            "wasmbuild push localhost:5000/acme/hello:1.0.0 --project hello --sbom=none --provenance=none",
            "wasmbuild sign localhost:5000/acme/hello:1.0.0 --key wasmbuild.key --signature-format bundle",
            "cd hello",
        ),
    ),
    "docs/keyless.md": Page(
        elsewhere={r"--keyless|--certificate-identity": "needs an identity; tests/interop/test_keyless.py has one"}
    ),
    "docs/keys.md": Page(given=(*IN_PROJECT, KEYS, variable("COSIGN_PRIVATE_KEY", "wasmbuild.key"))),
    "docs/languages-scripting.md": Page(
        elsewhere={
            r"^uv pip compile": "asks a package index; tests/e2e_build/test_scripting.py installs what it names",
            r"app\.py": "is compiled with its bindings; tests/e2e_build/test_pages.py does so",
        }
    ),
    "docs/languages.md": Page(names={"GrainToolchain": object}),
    "docs/metadata.md": Page(given=(WASM,)),
    "docs/policy.md": Page(
        given=(
            authorities,
            PROJECT,
            "wasmbuild keys generate -o release",
            "wasmbuild push ghcr.io/acme/hello:1.0.0 --project hello --sign --key release.key",
        )
    ),
    "docs/provenance.md": Page(BUILDS, (PROJECT, committed, KEYS)),
    "docs/release.md": Page(given=(PROJECT, committed, "cd hello", KEYS)),
    "docs/run.md": Page(given=(written("app.wasm", APP), "mkdir data")),
    "docs/sbom.md": Page(BUILDS, (*IN_PROJECT, "wasmbuild build", *PUSHED)),
    "docs/serve-http.md": Page(
        given=(handler,),
        listens={"WASMBUILD_SERVE_HTTP_LISTEN": "127.0.0.1:8080"},
    ),
    "docs/server.md": Page(
        elsewhere={r"--database": "needs PostgreSQL and S3; tests/server/backup/test_backup.py has both"},
        listens={"WASMBUILD_SERVE_LISTEN": "127.0.0.1:5000"},
    ),
    "docs/signers.md": Page(INTEROP, (*PUSHED, "openssl genpkey -algorithm RSA -out release.pem")),
    "docs/signing.md": Page(INTEROP, (*IN_PROJECT, KEYS, "wasmbuild keys generate -o other")),
    "docs/templates.md": Page(
        given=(written("our-template/wasmbuild.toml", '[project]\nname = "{{name}}"\nversion = "0.1.0"\n'),),
        elsewhere={
            r"^wasmbuild new hello": "asks on a terminal; tests/docs/test_commands.py answers there",
            r"\.git": "fetches from a host that is an example; tests/unit/test_new.py fetches here",
        },
    ),
    "docs/toolchains.md": Page(
        given=IN_PROJECT,
        elsewhere={
            r"toolchain install": "fetches compilers; tests/e2e_build/test_provisioning.py does",
            r"pin_toolchain": "asks package indexes for new releases",
        },
    ),
    "docs/trust-api.md": Page(
        given=(
            WASM,
            "wasmbuild keys generate -o release",
            "wasmbuild push ghcr.io/acme/hello:1.0.0 hello.wasm --sign --key release.key",
            written("trust-policy.toml", ONE_KEY),
        ),
        holds=("evidence.outcome is Outcome.VERIFIED", "verdict.holds"),
    ),
    "docs/tutorial.md": Page(
        BUILDS,
        elsewhere={
            r"^python3 -m venv|/pip |^export PATH": "installs; tests/e2e_build/test_wheel.py installs the wheel"
        },
    ),
    "docs/verify.md": Page(
        BUILDS,
        (
            PROJECT,
            KEYS,
            "wasmbuild keys generate -o release",
            "wasmbuild keys generate -o other",
            PUSH_PROJECT,
            "wasmbuild sign ghcr.io/acme/hello:1.0.0 --key other.key -a stage=production",
            "cp hello/dist/hello.wasm hello.wasm",
        ),
    ),
}


def page_of(name: str) -> Page:
    return TABLE.get(name, Page())


def not_run() -> list[str]:
    """Each command, and each sample of Python, that is run nowhere, with the page and the reason."""
    found = []
    for name in PAGES:
        page = page_of(name)
        for block in blocks_of(name):
            lines = [block.title or "python"] if block.language == "python" else []
            if block.language in ("console", "sh") and not block.title:
                lines = [command.line for command in commands_of(block)]
            found += [f"{name}: {line.splitlines()[0]}: {page.reason(line)}" for line in lines if page.reason(line)]
    return found


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in not_run()))

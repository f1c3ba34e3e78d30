"""Container images and bundles of the same programs, and the runtimes that can start them here.

Images are made as they are anywhere: a gzipped tar of the files, a config, a manifest. A file system of Debian comes
from debootstrap, which needs root; documentation and the lists of packages are left out, as slim images do.
"""

import contextlib
import gzip
import io
import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from .workspace import MACHINE, Missing, cache, finished, found, required

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_NOT_SLIM = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
_SUITE = "bookworm"


def debian(*packages: str) -> Path:
    """The files of a small Debian with some packages, as a tar that is kept. Raises Missing."""
    name = "-".join((_SUITE, "minbase", *packages))
    kept = cache().with_name("wasmbuild-claims") / f"{name}.tar"
    if kept.exists():
        return kept
    if os.geteuid() != 0:
        raise Missing("an image with Debian's files: debootstrap needs root")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
        root = Path(temporary) / "root"
        include = [f"--include={','.join(packages)}"] if packages else []
        required([found("debootstrap"), "--variant=minbase", *include, _SUITE, root], seconds=1200)
        for below in _NOT_SLIM:
            shutil.rmtree(root / below, ignore_errors=True)
        made = Path(temporary) / "made.tar"
        required([found("tar"), "--numeric-owner", "--exclude=./dev/*", "-C", root, "-cf", made, "."])
        made.rename(kept)
    return kept


def filled(root: Path, native: tuple[str, ...], base: Path | None) -> Path:
    """A root file system: the native program as /program, in the files of ``base`` if it needs any."""
    root.mkdir(parents=True)
    if base is not None:
        required([found("tar"), "-C", root, "-xf", base])
    if base is None or not native[0].startswith("/usr/bin/"):
        shutil.copy(native[0], root / "program")
        (root / "program").chmod(0o755)
    return root


def image_bytes(native: tuple[str, ...], base: Path | None) -> int:
    """The bytes that a client pulls of an image with this program: manifest, config and layers."""
    layers = [] if base is None else [_compressed(base.read_bytes())]
    if base is None or not native[0].startswith("/usr/bin/"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(native[0], "program")
        layers.append(_compressed(packed.getvalue()))
    described = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + "0" * 64}
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(MACHINE, MACHINE),
            "os": "linux",
            "config": {"Entrypoint": ["/program"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64 for _ in layers]},
        }
    )
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {**described, "size": len(config)},
            "layers": [{**described, "size": size} for size in layers],
        }
    )
    return len(manifest) + len(config) + sum(layers)


def _compressed(data: bytes) -> int:
    return len(gzip.compress(data, compresslevel=9, mtime=0))


def bundle(folder: Path, words: tuple[str, ...]) -> Path:
    """Make a folder that has ``rootfs`` an OCI bundle that runs some words there. Raises Missing."""
    required([found("runc"), "spec"], folder=folder)
    path = folder / "config.json"
    described = json.loads(path.read_bytes())
    described["process"]["terminal"] = False
    described["process"]["args"] = list(words)
    path.write_text(json.dumps(described))
    return folder


def able(rootfs: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The commands that run ``/program`` of a prepared folder in a container here, and why others cannot."""
    prepared = rootfs.parent
    commands: dict[str, list[str]] = {}
    reasons: list[str] = []
    podman = ["podman", "run", "--rm", "--network", "none"]
    wanted = {
        "runc run": ["runc", "run", "--bundle", str(prepared), "claims-start"],
        "crun run": ["crun", "run", "--bundle", str(prepared), "claims-start"],
        "podman run": [*podman, "--rootfs", str(rootfs), "/program"],
        "podman run, by runc": [*podman, "--runtime", "runc", "--rootfs", str(rootfs), "/program"],
    }
    for name, command in wanted.items():
        try:
            command[0] = found(command[0])
            if "--bundle" in command and not (prepared / "config.json").exists():
                bundle(prepared, ("/program",))
            required(command, seconds=60)
            commands[name] = command
        except Missing as missing:
            reasons.append(f"{name}: {str(missing).removeprefix(name.split()[0] + ': ')}")
    if "podman run" in commands:
        commands.pop("podman run, by runc", None)
    return commands, reasons


def remove(runtime: str, name: str) -> None:
    """End a container that we started, and forget it."""
    with contextlib.suppress(Missing):
        finished([runtime, "kill", name, "KILL"], seconds=20)
        for _ in range(5):
            if finished([runtime, "delete", "--force", name], seconds=20).returncode == 0:
                return

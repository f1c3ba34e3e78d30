"""The image of the Dockerfile, built by buildah and run by podman, on a base that debootstrap makes.

It runs as in ``deploy/``: a read-only root, no capability, no new privileges, a user without a name.
"""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
import wasmtime
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts.debian import base
from scripts.image import CHECKOUT, Sources, command_of
from scripts.peers import Unavailable
from tests.interop.peers import Commands

PARTS = ("LICENSE", "README.md", "pyproject.toml", "registry", "requirements-build.lock", "requirements-image.lock",
         "scripts", "templates", "wasmbuild", "Dockerfile", ".dockerignore", "docs")  # fmt: skip
EPOCH = "1700000000"
SMALL = 300 * 1024 * 1024
"""Bytes that wasmbuild and all that it needs may add to a base."""

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("image")]


def cannot(why: str) -> None:
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


@pytest.fixture(scope="module")
def places() -> Iterator[list[str]]:
    """Storage of these tests alone, as options of buildah and podman."""
    for program in ("buildah", "podman", "unshare"):
        if shutil.which(program) is None:
            cannot(f"{program} is not installed here")
    with tempfile.TemporaryDirectory(prefix="img", ignore_cleanup_errors=True) as folder:
        driver = "overlay" if overlays(Path(folder)) else "vfs"
        yield ["--root", f"{folder}/storage", "--runroot", f"{folder}/run", "--storage-driver", driver]


def overlays(folder: Path) -> bool:
    """Whether layers can be mounted over each other there; without that each of them is a copy, which takes minutes."""
    lower, upper, work, mounted = (folder / name for name in ("lower", "upper", "work", "mounted"))
    for each in (lower, upper, work, mounted):
        each.mkdir()
    command = ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o"]
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    return subprocess.run([*command, options, str(mounted)], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as they are now, which nobody changes between two builds."""
    folder = tmp_path_factory.mktemp("image") / "source"
    folder.mkdir()
    for name in PARTS:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".cache"))
        else:
            shutil.copy(CHECKOUT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def build(places: list[str], source: Path) -> Callable[..., str]:
    """Builds the image under a name, with more options of buildah: its id."""
    try:
        root = base()
    except Unavailable as error:
        cannot(str(error))
    output("podman", *places, "import", str(root), "localhost/base")
    sources = Sources(source, EPOCH, "0" * 40)
    options = [*places, "--isolation", "chroot", "--network", "host", *as_here(source.parent)]

    def make(name: str, *more: str) -> str:
        output(*command_of("buildah", sources, tag=name, base="localhost/base", options=[*options, *more]))
        return output("podman", *places, "image", "inspect", "--format", "{{.Id}}", name).strip()

    return make


@pytest.fixture(scope="module")
def images(build: Callable[..., str]) -> tuple[str, str]:
    """The ids of two images of the same sources, in Docker's form and in OCI's; made at once, to save time."""
    with ThreadPoolExecutor() as pool:
        docker = pool.submit(build, "localhost/wasmbuild:test")
        oci = pool.submit(build, "localhost/wasmbuild:again", "--format", "oci")
        return docker.result(), oci.result()


@pytest.fixture(scope="module")
def image(images: tuple[str, str]) -> str:
    """The image: its id."""
    return images[0]


@pytest.fixture
def content(image: str, places: list[str]) -> Iterator[Path]:
    """The files of the image, to look at."""
    yield Path(output("podman", *places, "image", "mount", image).strip())
    output("podman", *places, "image", "umount", image)


def output(*command: str) -> str:
    """What a program prints; it must succeed."""
    finished = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


def as_here(folder: Path) -> list[str]:
    """Options with which pip in a build reaches the index that it reaches here; nothing of it stays in the image."""
    authorities = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile or ""
    lines = ["[global]"]
    lines += [f"cert = {authorities}"] if authorities else []
    found = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = os.environ.get("PIP_INDEX_URL") or found.stdout.strip()
    lines += [f"index-url = {index}"] if index else []
    (folder / "pip.conf").write_text("\n".join(lines) + "\n")
    mounts = [f"{folder / 'pip.conf'}:/etc/pip.conf:ro", *([f"{authorities}:{authorities}:ro"] if authorities else [])]
    return [each for mount in mounts for each in ("--volume", mount)]


@pytest.fixture
def contained(image: str, places: list[str]) -> Callable[..., list[str]]:
    """The command that runs the image. Its file systems are hidden where crun of Debian 12 stumbles over them."""

    def call(*arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        podman = ["podman", *places, "--cgroup-manager", "cgroupfs", "run", "--rm", "--no-healthcheck"]
        podman += ["--cgroups=disabled", "--network", "host", "--timeout", "200"]
        podman += ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
        podman += ["--read-only", "--tmpfs", "/tmp:rw,mode=1777", "--cap-drop", "all"]
        podman += ["--security-opt", "no-new-privileges", *options, image, *arguments]
        script = 'umount /sys/fs/cgroup/unified 2> /dev/null; exec "$@"'
        # The tests' environment names a folder of credentials that is not there.
        return [
            "env",
            "-u",
            "DOCKER_CONFIG",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
            *podman,
        ]

    return call


def test_the_same_sources_make_the_same_layers_in_either_form(images: tuple[str, str], places: list[str]) -> None:
    """Docker's form has a field for whatever container built it, so its id is another each time."""
    first, second = (json.loads(output("podman", *places, "image", "inspect", each))[0] for each in images)
    assert first["Id"] != second["Id"]
    assert first["RootFS"] == second["RootFS"]
    assert first["Created"] == second["Created"]
    assert first["Config"] == second["Config"]
    assert ("Healthcheck" in first, "Healthcheck" in second) == (True, False)
    assert second["Annotations"]["org.opencontainers.image.created"] == "2023-11-14T22:13:20Z"


def test_what_the_image_says_of_itself(image: str, places: list[str]) -> None:
    found = json.loads(output("podman", *places, "image", "inspect", image))[0]
    said = found["Config"]
    assert (said["User"], said["Entrypoint"], said["Cmd"]) == ("10001:10001", ["wasmbuild"], ["--help"])
    assert found["Healthcheck"]["Test"][:4] == ["CMD", "wasmbuild", "registry", "health"]
    assert (said["Volumes"], said["ExposedPorts"]) == ({"/data": {}}, {"5000/tcp": {}})
    labels = {name.rpartition(".")[2]: text for name, text in said["Labels"].items() if "opencontainers" in name}
    assert labels.items() >= {"title": "wasmbuild", "licenses": "Apache-2.0", "created": "2023-11-14T22:13:20Z"}.items()


def test_its_sbom_names_every_package_that_is_in_it(content: Path) -> None:
    written = (content / "opt/wasmbuild/sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    document = json.loads(written)
    listed = {unquote(each["purl"]).partition("?")[0] for each in document["components"]}
    (packages,) = content.glob("opt/wasmbuild/lib/python3*/site-packages")
    installed = {each.name.removesuffix(".dist-info").rpartition("-") for each in packages.glob("*.dist-info")}
    named = {f"pkg:pypi/{re.sub('[-_.]+', '-', name).lower()}@{version}" for name, _, version in installed}
    assert named - {document["metadata"]["component"]["purl"]} == {each for each in listed if "pypi" in each}
    debian = re.findall(r"^Package: (.*)$", (content / "var/lib/dpkg/status").read_text(), re.MULTILINE)
    assert {each.split("/")[2].partition("@")[0] for each in listed if "pkg:deb/" in each} == set(debian)


def test_it_is_small_and_has_nothing_to_build_with(content: Path) -> None:
    ours = content / "opt/wasmbuild"
    files = [path for path in ours.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < SMALL
    assert not any((content / place).exists() for place in ("source", "wheels", "build", "usr/bin/gcc", "root/.cache"))
    assert not [path for path in files if path.stat().st_mode & 0o022], "somebody else may change it"
    assert (content / "etc/pip.conf").read_bytes() == b"" if (content / "etc/pip.conf").exists() else True


def test_its_root_cannot_be_written(contained: Callable[..., list[str]]) -> None:
    script = "id -u; cd /work; touch /opt/x x /usr/x 2>/dev/null; touch /tmp/x /data/x && echo written; ls /opt /work"
    out = output(*contained("-c", script, options=("--entrypoint", "sh")))
    assert out.split() == ["10001", "written", "/opt:", "wasmbuild", "/work:"]


@contextmanager
def serving(command: list[str]) -> Iterator[str]:
    """A server that runs until the block ends, and then ends with 0: its address."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, process.communicate(timeout=30)[1]
        yield address
    finally:
        process.terminate()
        _, said = process.communicate(timeout=150)
    assert process.returncode == 0, said


def test_it_serves_what_is_pushed_and_pulled(
    contained: Callable[..., list[str]], run: Commands, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    data = tmp_path / "data"
    data.mkdir()
    shutil.chown(data, 10001, 10001)
    tmp_path.chmod(0o755)
    file = tmp_path / "app.wasm"
    file.write_bytes(wasmtime.wat2wasm('(module (memory 1) (data (i32.const 0) "served by a container"))'))
    here = ("--env", f"WASMBUILD_SERVE_LISTEN={listen}")
    health = contained("registry", "health", "--retry-for", "0", options=here)
    assert subprocess.run(health, capture_output=True, check=False, timeout=150).returncode != 0
    with serving(contained("serve", options=(*here, "--volume", f"{data}:/data"))) as address:
        assert address == listen
        pinned = run.text("wasmbuild", "push", f"{address}/team/app:1", file)
        run.text("wasmbuild", "pull", pinned, "-o", tmp_path / "back.wasm")
        assert subprocess.run(health, capture_output=True, check=False, timeout=150).stdout == b"ready\n"
    assert (tmp_path / "back.wasm").read_bytes() == file.read_bytes()
    assert (data / "registry.db").stat().st_uid == 10001


def test_the_command_line_runs_as_any_user(contained: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "app.wasm").write_bytes(wasmtime.wat2wasm("(module)"))
    tmp_path.chmod(0o777)
    command = ("sbom", "app.wasm", "-o", "app.cdx.json")
    output(*contained(*command, options=("--user", "12345:12345", "--volume", f"{tmp_path}:/work")))
    assert (tmp_path / "app.cdx.json").stat().st_uid == 12345


def test_it_does_not_serve_everybody_who_comes(contained: Callable[..., list[str]]) -> None:
    """As it is, without users, on all addresses."""
    refused = subprocess.run(contained("serve"), capture_output=True, text=True, check=False, timeout=150)
    assert refused.returncode not in (0, 125, 126, 127), "that is podman's"
    assert (refused.stdout, "error[WB" in refused.stderr) == ("", True)

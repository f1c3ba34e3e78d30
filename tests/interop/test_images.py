"""Images that ``push --image`` and ``--also-image`` write, with what others take images with.

No image comes from anywhere else. A container is started where a ``crun`` has an engine for WebAssembly (``crun-wasm``,
as distributions call it); containerd only unpacks, as none of its shims is a package.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.making import fresh, sha256
from tests.interop.peers import Commands, find
from tests.interop.test_container_tools import require, stored, tools

__all__ = ["tools"]

MODULE = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "hello from an image\\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 8))
    (i32.store (i32.const 4) (i32.const 20))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40)))))
"""
SAYS = "hello from an image"
FORMS = {"compat": ("image", "wasi"), "shim": ("shim", "wasip1")}
START_SECONDS = 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A command that says something."""
    import wasmtime

    path = tmp_path / "hello.wasm"
    path.write_bytes(bytes(wasmtime.wat2wasm(MODULE)))
    return path


@pytest.fixture
def pushed(run: Commands, keys: None, ours: str, file: Path) -> tuple[str, dict[str, Any]]:
    """A repository with an artifact tagged v1 and both images beside it, signed; and what the push said."""
    place = fresh(ours)
    both = ("--also-image", "--image-form", "compat", "--image-form", "shim")
    return place, run.ours("push", f"{place}:v1", file, *both, "--sign", "--key", "release.key")


@pytest.mark.parametrize("form", FORMS)
def test_skopeo_knows_the_platform_and_keeps_the_digest(pushed: Any, tools: Any, tmp_path: Path, form: str) -> None:
    require("skopeo")
    (place, said), (end, system) = pushed, FORMS[form]
    image = f"docker://{place}:v1-{end}"
    found = json.loads(tools("skopeo", "inspect", "--no-tags", "--tls-verify=false", image))
    assert (found["Architecture"], found["Os"]) == ("wasm", system)
    assert [found["Digest"]] == [each["descriptor"]["digest"] for each in said["images"] if each["form"] == form]
    both = ["--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests"]
    tools("skopeo", "copy", *both, image, f"docker://{place}-copy:v1")
    assert stored(f"{place}-copy", "v1") == stored(place, f"v1-{end}")
    tools("skopeo", "copy", "--src-tls-verify=false", image, f"oci:{tmp_path}/layout:v1")


def test_crane_finds_the_image_whole(pushed: Any, crane: Commands, file: Path) -> None:
    place, _ = pushed
    image = f"{place}:v1-image"
    crane.text("crane", "validate", "--insecure", "--remote", image)
    assert crane.json("crane", "manifest", "--insecure", image)["subject"]["digest"] == crane.text(
        "crane", "digest", "--insecure", f"{place}:v1"
    )
    exported = crane.data("crane", "export", "--insecure", image, "-")
    assert file.read_bytes() in exported
    assert b"plugin.wasm" in exported
    crane.text("crane", "validate", "--insecure", "--remote", f"{place}:v1-shim")


def test_podman_gives_its_runtime_what_crun_asks_for(pushed: Any, tools: Any) -> None:
    """The annotation of the image, or the one that a person gives, is what crun chooses its engine by."""
    require("podman")
    place, said = pushed
    name = tools("podman", "pull", "--quiet", "--tls-verify=false", f"{place}:v1-image")
    found = json.loads(tools("podman", "image", "inspect", name))[0]
    assert (found["Architecture"], found["Os"], found["Config"]["Entrypoint"]) == ("wasm", "wasi", ["/plugin.wasm"])
    assert found["Digest"] == said["images"][0]["descriptor"]["digest"]
    made = tools("podman", "create", "--annotation", "run.oci.handler=wasm", name, "an argument").splitlines()[-1]
    container = json.loads(tools("podman", "inspect", made))[0]
    annotations = container["Config"]["Annotations"]
    assert (annotations["module.wasm.image/variant"], annotations["run.oci.handler"]) == ("compat", "wasm")
    assert (container["Path"], container["Args"]) == ("/plugin.wasm", ["an argument"])
    tools("podman", "rm", made)


@pytest.mark.parametrize(("tag", "code"), [("v1", 125), ("v1-shim", 1)])
def test_podman_and_buildah_take_nothing_without_a_file_system(pushed: Any, tools: Any, tag: str, code: int) -> None:
    """The artifact and the form for shims: documented, and to be noticed should it ever change."""
    require("podman", "buildah")
    tools("podman", "pull", "--quiet", "--tls-verify=false", f"{pushed[0]}:{tag}", code=125)
    tools("buildah", "from", "--tls-verify=false", f"{pushed[0]}:{tag}", code=code)


def test_buildah_builds_on_it(pushed: Any, tools: Any, file: Path) -> None:
    require("buildah")
    working = tools("buildah", "from", "--tls-verify=false", f"{pushed[0]}:v1-image").splitlines()[-1]
    if os.geteuid() == 0:
        mounted = Path(tools("buildah", "mount", working))
        assert (mounted / "plugin.wasm").read_bytes() == file.read_bytes()
        assert os.access(mounted / "plugin.wasm", os.X_OK)
    tools("buildah", "rm", working)


def test_we_run_what_buildah_builds(run: Commands, ours: str, tools: Any, file: Path) -> None:
    """The recipe in crun's documentation: a file, a command, and the variant."""
    require("buildah")
    place = fresh(ours)
    working = tools("buildah", "from", "scratch")
    tools("buildah", "copy", working, file, "/bin/hello.wasm")
    tools("buildah", "config", "--os", "wasi", "--arch", "wasm", "--cmd", "/bin/hello.wasm", working)
    tools("buildah", "config", "--annotation", "module.wasm.image/variant=compat", working)
    tools("buildah", "commit", working, "made")
    for kind in ("oci", "v2s2"):
        tools("buildah", "push", "--tls-verify=false", "--format", kind, "made", f"docker://{place}:{kind}")
        assert run.text("wasmbuild", "run", f"{place}:{kind}") == SAYS
        assert run.ours("pull", f"{place}:{kind}", "-o", f"{kind}.wasm")["layer"]["digest"] == sha256(file.read_bytes())


@pytest.mark.parametrize("end", ["image", "shim"])
def test_cosign_verifies_the_image(pushed: Any, cosign: Commands, end: str) -> None:
    flags = ("--insecure-ignore-tlog=true", "--allow-http-registry")
    cosign.text("cosign", "verify", *flags, "--key", "release.pub", f"{pushed[0]}:v1-{end}")
    cosign.said("cosign", "verify", *flags, "--key", "other.pub", f"{pushed[0]}:v1-{end}", code=1)


@pytest.mark.parametrize("end", ["image", "shim"])
def test_we_run_and_verify_them(pushed: Any, run: Commands, end: str) -> None:
    image = f"{pushed[0]}:v1-{end}"
    assert run.text("wasmbuild", "run", "--key", "release.pub", image) == SAYS
    assert run.ours("verify", image, "--key", "release.pub")["outcome"] == "verified"
    assert run.ours("inspect", image)["artifact"]["subject"]["digest"] == pushed[1]["descriptor"]["digest"]


@pytest.mark.parametrize("form", FORMS)
def test_an_image_in_place_of_the_artifact(run: Commands, ours: str, tools: Any, file: Path, form: str) -> None:
    require("skopeo")
    place = fresh(ours)
    first = run.ours("push", f"{place}:v1", file, "--image", "--image-form", form)
    assert run.ours("push", f"{place}:v1", file, "--image", "--image-form", form)["copied"]["contents"] == 0
    found = json.loads(tools("skopeo", "inspect", "--no-tags", "--tls-verify=false", f"docker://{place}:v1"))
    assert (found["Digest"], found["Os"]) == (first["descriptor"]["digest"], FORMS[form][1])
    assert run.text("wasmbuild", "run", f"{place}:v1") == SAYS


@pytest.fixture
def containerd(tmp_path: Path) -> Iterator[list[str]]:
    """How to call ``ctr`` with a containerd of this test, which needs to be root; it has no runtime for WebAssembly."""
    require("containerd", "ctr")
    if os.geteuid() != 0:
        pytest.skip("containerd is started by root alone")
    address = tmp_path / "c.sock"
    settings = tmp_path / "containerd.toml"
    settings.write_text(f"""
version = 2
root = "{tmp_path}/root"
state = "{tmp_path}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{address}"
[ttrpc]
address = "{address}.ttrpc"
""")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([find("containerd"), "-c", str(settings)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while b"successfully booted" not in (tmp_path / "log").read_bytes():
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.05)
        yield ["ctr", "--address", str(address), "images"]
    finally:
        process.terminate()
        process.wait(15)


def test_containerd_pulls_imports_and_unpacks(
    pushed: Any, run: Commands, containerd: list[str], tools: Any, file: Path, tmp_path: Path
) -> None:
    require("skopeo")
    place, _ = pushed
    image = f"{place}:v1-image"
    run.text(*containerd, "pull", "--plain-http", "--snapshotter", "native", "--platform", "wasi/wasm", image)
    assert "wasi/wasm" in run.text(*containerd, "list")
    where = tmp_path / "mounted"
    where.mkdir()
    run.text(*containerd, "mount", "--snapshotter", "native", "--platform", "wasi/wasm", image, where)
    try:
        assert (where / "plugin.wasm").read_bytes() == file.read_bytes()
    finally:
        run.text(*containerd, "unmount", where)
    archive = tmp_path / "image.tar"
    tools("skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"oci-archive:{archive}:v1")
    run.text(*containerd, "import", "--digests", "--snapshotter", "native", "--base-name", "imported", archive)
    assert "imported@sha256:" in run.text(*containerd, "list", "--quiet")


def test_containerd_keeps_the_form_for_shims_and_the_artifact(
    pushed: Any, run: Commands, containerd: list[str]
) -> None:
    """All of it is fetched; to unpack it, containerd has to be new enough to pass over what is no file system."""
    run.text(*containerd, "pull", "--plain-http", "--snapshotter", "native", f"{pushed[0]}:v1", code=_unpacks(run))
    image = f"{pushed[0]}:v1-shim"
    run.text(*containerd, "pull", "--plain-http", "--snapshotter", "native", image, code=_unpacks(run))
    assert "wasip1/wasm" in run.text(*containerd, "list")


def _unpacks(run: Commands) -> int:
    """0 where containerd unpacks it (2.0, 1.7.7 and 1.6.25 are the first that do), else how ``ctr`` ends."""
    numbers = re.search(r"(\d+)\.(\d+)\.(\d+)", run.text("containerd", "--version"))
    assert numbers is not None
    major, minor, patch = map(int, numbers.groups())
    return int((major, minor) < (2, 0) and patch < {6: 25, 7: 7}.get(minor, 0))


@pytest.fixture
def crun() -> str:
    """A crun with an engine for WebAssembly compiled in."""
    for name in ("crun-wasm", "crun"):
        found = shutil.which(name)
        if (
            found
            and "+WASM" in subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        ):
            return found
    pytest.skip("no crun here has an engine for WebAssembly: Debian's has none, Fedora's crun-wasm has")


@pytest.mark.parametrize("annotation", [(), ("--annotation", "run.oci.handler=wasm")], ids=["image's", "person's"])
def test_podman_runs_the_image_with_a_crun_that_has_an_engine(
    pushed: Any, crun: str, tools: Any, tmp_path: Path, annotation: tuple[str, ...]
) -> None:
    require("podman", "unshare")
    if os.geteuid() != 0:
        pytest.skip("what follows mounts, as root alone may")
    runtime = tmp_path / "runtime.sh"
    runtime.write_text(_ALONE.format(crun=crun))
    runtime.chmod(0o755)
    (tmp_path / "containers.conf").write_text(f"""
[containers]
default_ulimits = []
[engine]
runtime = "crun"
[engine.runtimes]
crun = ["{runtime}"]
""")
    few = ("--network", "none", "--cgroups", "disabled", "--ulimit", "host", "--security-opt", "seccomp=unconfined")
    ran = ("run", "--rm", "--quiet", "--tls-verify=false", "--log-driver", "k8s-file", *few, *annotation)
    assert tools("podman", *ran, f"{pushed[0]}:v1-image") == SAYS


_ALONE = """#!/bin/sh
exec unshare --mount sh -c 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec {crun} "$@"' sh "$@"
"""
"""crun takes control groups of one version alone; which of them a machine has is not what is tested."""

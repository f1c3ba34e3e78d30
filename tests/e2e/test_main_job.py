"""The commands as processes, with the real compiler and a server over a real socket."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.model import MAX_MANIFEST
from registry.stores.layout import LayoutStore

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")


def wasmbuild(*arguments, expect=0, **settings):
    finished = subprocess.run(
        [WASMBUILD, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        stdin=subprocess.DEVNULL,
        **settings,
    )
    assert finished.returncode == expect, finished.stderr
    assert "Traceback" not in finished.stderr
    return finished.stdout


@pytest.fixture
def project(tmp_path):
    wasmbuild("new", "--template", "c-cli", tmp_path / "hello")
    return tmp_path / "hello"


def test_the_same_source_in_two_folders_is_the_same_artifact(tmp_path, project):
    other = tmp_path / "elsewhere" / "deep" / "hello"
    shutil.copytree(project, other)
    here, there = wasmbuild("build", cwd=project), wasmbuild("build", cwd=other, umask=0o077)
    assert here.startswith("oci:dist/oci@sha256:")
    assert here == there
    assert (project / "dist/hello.wasm").read_bytes() == (other / "dist/hello.wasm").read_bytes()


def test_the_epoch_is_in_the_artifact(project):
    def build(epoch):
        return wasmbuild("build", cwd=project, env=os.environ | {"SOURCE_DATE_EPOCH": epoch})

    first = build("0")
    assert first == wasmbuild("build", cwd=project)
    assert first != build("1700000000")
    layout = LayoutStore(project / "dist/oci")
    manifest = json.loads(layout.path_of(layout.resolve("0.1.0").digest).read_bytes())
    config = json.loads((project / "dist/oci/blobs/sha256" / manifest["config"]["digest"][7:]).read_bytes())
    assert config["created"] == "2023-11-14T22:13:20Z"


def test_the_artifact_is_the_layout_of_the_cncf(project):
    wasmbuild("build", cwd=project)
    layout = LayoutStore(project / "dist/oci")
    manifest = json.loads(layout.path_of(layout.resolve("0.1.0").digest).read_bytes())
    assert list(manifest) == ["schemaVersion", "mediaType", "config", "layers", "annotations"]
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/wasm"
    assert layer["annotations"] == {"org.opencontainers.image.title": "hello.wasm"}
    config = json.loads((project / "dist/oci/blobs/sha256" / manifest["config"]["digest"][7:]).read_bytes())
    module = config.pop("module")
    assert "_start" in module["exports"]
    assert all(name.startswith("wasi_snapshot_preview1::") for name in module["imports"])
    assert config == {
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip1",
        "layerDigests": [layer["digest"]],
    }


class Serving:
    def __init__(self, data):
        self.process = subprocess.Popen(
            [WASMBUILD, "serve", "--data", data, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().strip()

    def stop(self, number):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_one_line_and_ends_well(tmp_path, number):
    serving = Serving(tmp_path / "data")
    assert serving.address.startswith("127.0.0.1:")
    assert int(serving.address.rpartition(":")[2]) > 0
    code, out, err = serving.stop(number)
    assert (code, out) == (0, "")
    assert "Traceback" not in err


def test_what_was_pushed_survives_the_death_of_the_server(tmp_path, project, private_cache):
    first = Serving(tmp_path / "data")
    pinned = wasmbuild("push", f"{first.address}/a/hello:1", "--project", project).strip()
    first.stop(signal.SIGKILL)
    second = Serving(tmp_path / "data")
    try:
        again = pinned.replace(first.address, second.address)
        wasmbuild("pull", again, "-o", tmp_path / "hello.wasm")
        assert (tmp_path / "hello.wasm").read_bytes() == (project / "dist/hello.wasm").read_bytes()
    finally:
        second.stop(signal.SIGTERM)


def test_a_damaged_cache_is_not_believed(tmp_path, project, private_cache, registry_address, repository_name):
    pinned = wasmbuild("push", f"{registry_address}/{repository_name}:1", "--project", project).strip()
    wasmbuild("run", pinned)
    layer = json.loads(wasmbuild("pull", pinned, "-o", tmp_path / "hello.wasm", "--format", "json"))["layer"]
    kept = private_cache / "content" / "blobs" / "sha256" / layer["digest"].removeprefix("sha256:")
    kept.write_bytes(b"!" * layer["size"])
    wasmbuild("pull", pinned, "-o", tmp_path / "again.wasm")
    assert (tmp_path / "again.wasm").read_bytes() == (project / "dist/hello.wasm").read_bytes()
    assert wasmbuild("run", pinned, "--", "Ada") == "Hello, Ada, from WebAssembly!\n"


def test_a_refused_pull_leaves_the_old_file(tmp_path, project, private_cache, registry_address, repository_name):
    tagged = f"{registry_address}/{repository_name}:1"
    environment = os.environ | {"WASMBUILD_KEY_PASSWORD": ""}
    wasmbuild("keys", "generate", "-o", tmp_path / "k", env=environment)
    wasmbuild("push", tagged, "--project", project)
    (tmp_path / "out.wasm").write_text("precious")
    wasmbuild("pull", tagged, "-o", tmp_path / "out.wasm", "--key", tmp_path / "k.pub", expect=4)
    assert (tmp_path / "out.wasm").read_text() == "precious"
    wasmbuild("pull", tagged, "-o", tmp_path / "missing" / "out.wasm", expect=1)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["k.key", "k.pub", "out.wasm"]


def test_an_interrupted_build_leaves_no_process_and_no_partial_file(tmp_path, project):
    """A compiler that takes long: a C file of many functions, in a cache of its own."""
    body = "".join(
        f"int f{number}(int x) {{ return x * {number} + f{number - 1}(x); }}\n" for number in range(1, 20_000)
    )
    (project / "src" / "main.c").write_text(
        f"int f0(int x) {{ return x; }}\n{body}int main(void) {{ return f19999(1); }}\n"
    )
    command = [WASMBUILD, "build", "--no-cache"]  # it may have been compiled to its end before
    process = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (compiling := [pid for pid, name in _below(process.pid) if name == "zig"]):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert not [path for path in (project / "dist").rglob("*") if path.is_file()]
    assert not [pid for pid in compiling if Path(f"/proc/{pid}").exists()]


def _below(ancestor):
    """The processes that a process has begun, and those that they have: number and name."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            before, _, after = status.read_text().rpartition(")")
            parents[int(status.parent.name)] = (int(after.split()[1]), before.partition("(")[2])
    found = {ancestor}
    while more := {pid for pid, (parent, _) in parents.items() if parent in found} - found:
        found |= more
    return [(pid, parents[pid][1]) for pid in found if pid != ancestor]


def test_output_into_a_closed_pipe():
    finished = subprocess.run(
        ["sh", "-c", f"{WASMBUILD} --help | head -c 1"], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in finished.stderr
    assert finished.stderr == ""


def test_no_toolchain_and_no_network(tmp_path, project):
    environment = os.environ | {
        "WASMBUILD_CACHE_DIR": str(tmp_path / "empty-cache"),
        "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
        "PIP_CACHE_DIR": str(tmp_path / "pip"),
        "PIP_RETRIES": "0",
    }
    finished = subprocess.run(
        [WASMBUILD, "build"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 7
    assert "error[WB501]" in finished.stderr
    assert "hint:" in finished.stderr
    kept = tmp_path / "empty-cache" / "tools"
    assert not [path for path in kept.glob("*") if path.is_dir()]


def test_a_large_file_is_streamed(tmp_path, private_cache, registry_address, repository_name):
    """Larger than any bound on documents, so that nothing on the way takes it for one."""
    size = MAX_MANIFEST * 3
    name = b"\x03pad"
    content = name + bytes(size)
    length, left = b"", len(content)
    while left:
        left, seven = left >> 7, left & 0x7F
        length += bytes([seven | (0x80 if left else 0)])
    (tmp_path / "large.wasm").write_bytes(b"\0asm\1\0\0\0\0" + length + content)
    pinned = wasmbuild("push", f"{registry_address}/{repository_name}:1", tmp_path / "large.wasm").strip()
    wasmbuild("pull", pinned, "-o", tmp_path / "back.wasm")
    assert (tmp_path / "back.wasm").read_bytes() == (tmp_path / "large.wasm").read_bytes()

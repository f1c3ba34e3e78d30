"""Skopeo, podman and buildah with our registry: images of OCI and of Docker schema 2, there and back.

No image comes from anywhere else, and no container is started.
"""

import gzip
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.model import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.interop.making import fresh, sha256
from tests.interop.peers import Commands

FORMATS = {"oci": OCI_MANIFEST, "v2s2": DOCKER_MANIFEST}
BUILDAH = {"oci": "oci", "v2s2": "docker"}
CONTENT = b"a file of an image\n"


def require(*programs: str) -> None:
    """Skip the test where they are not installed: distributions have them, and nobody else."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed here")


@pytest.fixture
def tools(run: Commands, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs one of them, with storage of its own, and returns what it prints."""
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    logins, settings = tmp_path / "auth.json", tmp_path / "containers.conf"
    logins.write_text("{}")
    settings.write_text("")
    private = {
        "XDG_RUNTIME_DIR": str(tmp_path / "runtime"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "share"),
        "REGISTRY_AUTH_FILE": str(logins),
        "CONTAINERS_CONF": str(settings),
        "BUILDAH_ISOLATION": "chroot",
        "STORAGE_DRIVER": "vfs",
    }
    (tmp_path / "runtime").mkdir(mode=0o700)
    with tempfile.TemporaryDirectory(prefix="run", ignore_cleanup_errors=True) as short:  # 50 characters at most
        places = ["--root", str(tmp_path / "storage"), "--runroot", short, "--storage-driver", "vfs"]
        before = {"skopeo": ["--policy", str(policy)], "buildah": places, "podman": places}

        def call(program: str, *arguments: str | Path, **options: Any) -> str:
            return run.text(program, *before[program], *arguments, **private, **options)

        yield call


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An OCI layout with one image of one layer, tagged v1."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("hello.txt")
        entry.size = len(CONTENT)
        archive.addfile(entry, io.BytesIO(CONTENT))
    plain = file.getvalue()
    layer = gzip.compress(plain, mtime=0)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"org.example.made": "here"}},
        "rootfs": {"type": "layers", "diff_ids": [sha256(plain)]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "a test"}],
    }
    folder = tmp_path / "image"
    (folder / "blobs" / "sha256").mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def put(data: bytes, media_type: str) -> dict[str, Any]:
        (folder / "blobs" / "sha256" / sha256(data)[7:]).write_bytes(data)
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [put(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    entry = put(json.dumps(document).encode(), OCI_MANIFEST)
    index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": {"org.opencontainers.image.ref.name": "v1"}}]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def stored(place: str, tag: str) -> tuple[str, bytes]:
    """The media type and the bytes of a manifest that our registry has."""
    address, _, name = place.partition("/")
    kinds = f"{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"
    answer = requests.get(f"http://{address}/v2/{name}/manifests/{tag}", headers={"Accept": kinds}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Docker-Content-Digest"] == sha256(answer.content)
    return answer.headers["Content-Type"], answer.content


def layers_of(folder: Path) -> list[bytes]:
    """What is in the layers of a layout's image."""
    blobs = folder / "blobs" / "sha256"
    listed = json.loads((folder / "index.json").read_bytes())["manifests"]
    document = json.loads((blobs / listed[0]["digest"][7:]).read_bytes())
    found = []
    for layer in document["layers"]:
        data = (blobs / layer["digest"][7:]).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            found += [archive.extractfile(entry).read() for entry in archive if entry.isfile()]  # type: ignore[union-attr]
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_skopeo_copies_there_and_back(ours: str, tools: Any, image: Path, tmp_path: Path, kind: str) -> None:
    require("skopeo")
    place = fresh(ours)
    tools("skopeo", "copy", "--format", kind, "--dest-tls-verify=false", f"oci:{image}:v1", f"docker://{place}:v1")
    media_type, content = stored(place, "v1")
    assert media_type == FORMATS[kind]
    raw = tools("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{place}:v1")
    assert raw.encode() == content.strip()
    found = json.loads(tools("skopeo", "inspect", "--tls-verify=false", f"docker://{place}:v1"))
    assert (found["Digest"], found["RepoTags"]) == (sha256(content), ["v1"])
    assert found["Labels"] == {"org.example.made": "here"}
    tools("skopeo", "copy", "--src-tls-verify=false", f"docker://{place}@{sha256(content)}", f"oci:{tmp_path}/back:v1")
    assert layers_of(tmp_path / "back") == [CONTENT]


def test_skopeo_copies_between_repositories_and_deletes(ours: str, tools: Any, image: Path) -> None:
    """Within one registry it mounts; and it deletes by digest."""
    require("skopeo")
    place, other = fresh(ours), fresh(ours)
    tools("skopeo", "copy", "--dest-tls-verify=false", f"oci:{image}:v1", f"docker://{place}:v1")
    both = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    tools("skopeo", "copy", *both, f"docker://{place}:v1", f"docker://{other}:v2")
    assert stored(other, "v2") == stored(place, "v1")
    assert json.loads(tools("skopeo", "list-tags", "--tls-verify=false", f"docker://{other}"))["Tags"] == ["v2"]
    tools("skopeo", "delete", "--tls-verify=false", f"docker://{place}:v1")
    address, _, name = place.partition("/")
    assert requests.get(f"http://{address}/v2/{name}/manifests/v1", timeout=30).status_code == 404
    assert stored(other, "v2")[0] == OCI_MANIFEST


@pytest.mark.parametrize("kind", FORMATS)
def test_buildah_pushes_what_it_makes(ours: str, tools: Any, tmp_path: Path, kind: str) -> None:
    require("buildah")
    place = fresh(ours)
    (tmp_path / "hello.txt").write_bytes(CONTENT)
    working = tools("buildah", "from", "scratch")
    tools("buildah", "copy", working, tmp_path / "hello.txt", "/hello.txt")
    tools("buildah", "config", "--label", "org.example.made=here", working)
    made = tools("buildah", "commit", "--format", BUILDAH[kind], working, "made").splitlines()[-1]
    tools("buildah", "push", "--tls-verify=false", "--format", kind, "made", f"docker://{place}:v1")
    assert stored(place, "v1")[0] == FORMATS[kind]
    tools("buildah", "rm", working)
    tools("buildah", "rmi", "--force", made)
    assert tools("buildah", "images", "--quiet") == ""
    tools("buildah", "pull", "--tls-verify=false", f"docker://{place}:v1")
    again = tools("buildah", "from", "--pull-never", f"{place}:v1")
    mounted = Path(tools("buildah", "mount", again)) if os.geteuid() == 0 else None
    if mounted is not None:
        assert (mounted / "hello.txt").read_bytes() == CONTENT
    tools("buildah", "rm", again)


@pytest.mark.parametrize("kind", FORMATS)
def test_podman_pulls_tags_and_pushes(ours: str, tools: Any, image: Path, kind: str) -> None:
    require("podman", "skopeo")
    place, other = fresh(ours), fresh(ours)
    tools("skopeo", "copy", "--format", kind, "--dest-tls-verify=false", f"oci:{image}:v1", f"docker://{place}:v1")
    name = tools("podman", "pull", "--quiet", "--tls-verify=false", f"{place}:v1")
    found = json.loads(tools("podman", "image", "inspect", name))[0]
    assert found["Digest"] == sha256(stored(place, "v1")[1])
    tools("podman", "tag", name, f"{other}:v2")
    tools("podman", "push", "--tls-verify=false", "--format", kind, f"{other}:v2")
    media_type, content = stored(other, "v2")
    assert media_type == FORMATS[kind]
    assert json.loads(content)["config"]["digest"] == f"sha256:{name}"


@pytest.mark.parametrize("kind", FORMATS)
def test_lists_of_images(ours: str, tools: Any, image: Path, kind: str) -> None:
    """An index of OCI, and a manifest list of Docker."""
    require("buildah", "skopeo")
    place = fresh(ours)
    tools("skopeo", "copy", "--format", kind, "--dest-tls-verify=false", f"oci:{image}:v1", f"docker://{place}:amd64")
    tools("buildah", "manifest", "create", "many")
    tools("buildah", "manifest", "add", "--tls-verify=false", "many", f"docker://{place}:amd64")
    pushing = ["manifest", "push", "--all", "--tls-verify=false", "--format", kind]
    tools("buildah", *pushing, "many", f"docker://{place}:many")
    media_type, content = stored(place, "many")
    assert media_type == {"oci": OCI_INDEX, "v2s2": DOCKER_LIST}[kind]
    listed = json.loads(content)["manifests"]
    assert [entry["digest"] for entry in listed] == [sha256(stored(place, "amd64")[1])]
    tools("skopeo", "copy", "--all", "--src-tls-verify=false", f"docker://{place}:many", f"dir:{image}-back")
    assert any(path.name == "manifest.json" for path in Path(f"{image}-back").iterdir())

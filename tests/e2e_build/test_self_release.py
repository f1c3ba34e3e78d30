"""``make self-release``: ourselves, released by our own commands to a real registry; the image is one of the demo's."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.dist import copied
from scripts.release_self_files import BUNDLE_END, TYPE
from wasmbuild import __version__

WASMBUILD = Path(sys.executable).parent / "wasmbuild"

pytestmark = [pytest.mark.timeout(500), pytest.mark.usefixtures("private_cache")]


def wasmbuild(*arguments, code=0, cwd=None):
    ran = subprocess.run([WASMBUILD, *map(str, arguments)], check=False, capture_output=True, text=True, cwd=cwd)
    assert ran.returncode == code, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of the checkout, which stays as it is while this goes on."""
    folder = copied(tmp_path_factory.mktemp("checkout"))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "open sesame")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    wasmbuild("keys", "generate", "-o", tmp_path / "release")
    return tmp_path


@pytest.fixture
def image(room, registry_address, repository_name):
    """A small image in a layout, which takes the place of the one that buildah makes of the Dockerfile."""
    pushed = f"{registry_address}/{repository_name}/any:1"
    wasmbuild("new", "--template", "wat-cli", room / "any")
    wasmbuild("push", pushed, "--project", room / "any", "--image")
    wasmbuild("copy", pushed, f"oci:{room / 'layout'}:1")
    return f"oci:{room / 'layout'}:1"


def release(sources, room, to, *options):
    command = [
        sys.executable,
        "-m",
        "scripts.release_self",
        to,
        "--key",
        room / "release.key",
        "--files",
        room / "files",
    ]
    environment = os.environ | {"TMPDIR": str(room)}
    return subprocess.run(
        [*command, *options], cwd=sources, env=environment, check=False, capture_output=True, text=True
    )


def test_ourselves(sources, room, image, registry_address, repository_name):
    to = f"{registry_address}/{repository_name}"
    first = release(sources, room, to, "--image", image)
    assert first.returncode == 0, first.stderr
    assert "open sesame" not in first.stdout + first.stderr
    references = first.stdout.splitlines()[-5:]
    places = [
        "wasmbuild-python",
        "wasmbuild",
        *(f"wasmbuild-demo/{name}" for name in ("c-cli", "c-library", "wat-cli")),
    ]
    for place, reference in zip(places, references, strict=True):
        assert wasmbuild("resolve", f"{to}/{place}:{__version__}").strip() == reference
        wasmbuild("verify", reference, "--key", room / "release.pub")
    assert wasmbuild("run", references[-1], "--key", room / "release.pub") is not None

    files = {path.name: path for path in (room / "files").iterdir()}
    beside = {name for name in files if name.endswith(BUNDLE_END)}
    assert {f"{name}{BUNDLE_END}" for name in {*files} - beside} == beside
    assert len(beside) == 4
    sums, bundle = files["SHA256SUMS"], files[f"SHA256SUMS{BUNDLE_END}"]
    listed = {line.split("  ")[1]: line.split("  ")[0] for line in sums.read_text().splitlines()}
    assert {*listed} == {*files} - beside - {"SHA256SUMS"}
    for name, digest in listed.items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest
    wasmbuild("verify-file", sums, "--bundle", bundle, "--key", room / "release.pub")
    sums.write_text(sums.read_text().replace("0", "1"))
    wasmbuild("verify-file", sums, "--bundle", bundle, "--key", room / "release.pub", code=4)

    manifest = json.loads(wasmbuild("manifest", "get", references[0]))
    assert manifest["artifactType"] == TYPE
    titles = {layer["annotations"]["org.opencontainers.image.title"]: layer["digest"] for layer in manifest["layers"]}
    assert {*titles} == {*files} - beside

    again = release(sources, room, to, "--image", image)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-5:] == references, "the same again, byte for byte"


def test_a_version_that_is_something_else_is_left_as_it_is(sources, room, registry_address, repository_name):
    to = f"{registry_address}/{repository_name}"
    taken = f"{to}/wasmbuild-python:{__version__}"
    wasmbuild("new", "--template", "wat-cli", room / "any")
    wasmbuild("push", taken, "--project", room / "any")
    before = wasmbuild("resolve", taken)
    refused = release(sources, room, to)
    assert refused.returncode == 1
    assert f"wasmbuild-python has {__version__} already" in refused.stderr
    assert wasmbuild("resolve", taken) == before
    wasmbuild("tags", f"{to}/wasmbuild-demo/c-cli", code=6)


def test_without_a_key_that_opens_nothing_is_built(sources, room, registry_address, repository_name, monkeypatch):
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "another")
    refused = release(sources, room, f"{registry_address}/{repository_name}")
    assert refused.returncode == 1
    assert "not released" in refused.stderr
    assert "another" not in refused.stdout + refused.stderr
    assert not (room / "files").exists()


@pytest.mark.parametrize("options", [[], ["--identity", "https://example.com/x"], ["--key", "k", "--identity", "i"]])
def test_who_signs_has_to_be_said(sources, options):
    command = [sys.executable, "-m", "scripts.release_self", "ghcr.io/acme", *options]
    asked = subprocess.run(command, cwd=sources, check=False, capture_output=True, text=True)
    assert asked.returncode == 2
    assert asked.stdout == ""

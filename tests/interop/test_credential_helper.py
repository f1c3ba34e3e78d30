"""``docker-credential-wasmbuild`` with the programs that ask it: a job's identity is all that they log in with."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.workloads import AUDIENCE, Place, Service, serving, trusting
from tests.interop.peers import Commands, find
from tests.interop.test_server_logins import image

__all__ = ["image"]

PROGRAM = f"#!{sys.executable}\nfrom wasmbuild.cli.credential_helper import main\nmain()\n"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Service]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def place(issuer: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with trusting(issuer, tmp_path_factory.mktemp("trusting")) as found:
        yield found


@pytest.fixture
def job(run: Commands, place: Place, issuer: Service, tmp_path: Path) -> Commands:
    """Commands in a job of GitHub Actions whose Docker configuration names our helper, and has no login."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "docker-credential-wasmbuild"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / "config.toml").write_text(f'[registry.hosts."{place.address}"]\naudience = "{AUDIENCE}"\n')
    helpers = {"credHelpers": {place.address: "wasmbuild"}}
    (tmp_path / "home" / "config.json").write_text(json.dumps(helpers))
    mine = {
        **issuer.github(),
        "WASMBUILD_CONFIG": str(tmp_path / "config.toml"),
        "REGISTRY_AUTH_FILE": str(tmp_path / "home" / "config.json"),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    return Commands(run.folder, {**run.environment, **mine})


def nobody(commands: Commands) -> Commands:
    """The same without the identity."""
    return Commands(commands.folder, {**commands.environment, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""})


def claims(place: Place, repository: str) -> Any:
    return place.audited("tag", repository=repository)[0]["claims"]


def test_oras(job: Commands, place: Place, tmp_path: Path) -> None:
    find("oras")
    (tmp_path / "file").write_text("content")
    push = ("oras", "push", "--plain-http", f"{place.address}/acme/oras:v1", "file")
    nobody(job).data(*push, code=1)
    job.data(*push)
    job.data("oras", "pull", "--plain-http", "-o", "pulled", f"{place.address}/acme/oras:v1")
    assert (tmp_path / "pulled" / "file").read_text() == "content"
    job.data("oras", "push", "--plain-http", f"{place.address}/other/oras:v1", "file", code=1)
    assert claims(place, "acme/oras")["run_id"] == "77"


def test_crane(job: Commands, place: Place, image: str) -> None:
    find("crane")
    push = ("crane", "push", "image", f"{place.address}/acme/crane:v1")
    nobody(job).data(*push, code=1)
    job.data(*push)
    assert job.text("crane", "digest", f"{place.address}/acme/crane:v1") == image
    assert claims(place, "acme/crane")["run_id"] == "77"


def test_skopeo(job: Commands, place: Place, image: str) -> None:
    find("skopeo")
    copy = ("skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "oci:image:v1")
    target = f"docker://{place.address}/acme/skopeo:v1"
    nobody(job).data(*copy, target, code=1)
    job.data(*copy, target)
    found = job.json("skopeo", "inspect", "--tls-verify=false", target)
    assert found["RepoTags"] == ["v1"]
    assert claims(place, "acme/skopeo")["run_id"] == "77"

"""Our registry with users, and the clients of others: logins, tokens, public pulls, trusted publishing."""

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.server.config import ServerConfig
from registry.server.config.access import AccessConfig, IssuerConfig, PublisherConfig, RuleConfig
from registry.server.testing import running_server
from tests.interop.making import wasm_file
from tests.interop.peers import HTPASSWD, PASSWORD, USER, Commands, find
from tests.server.access.issuer import AUDIENCE, Issuer, serving_issuer

LOGIN = ("--username", USER, "--password-stdin")


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with serving_issuer() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[str]:
    """A registry whose one user may do everything in ``team``, and where everyone may pull what is public."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "htpasswd").write_text(HTPASSWD)
    access = AccessConfig(
        htpasswd=folder / "htpasswd",
        rules=(
            RuleConfig("team/**", f"user:{USER}", ("pull", "push", "overwrite", "delete")),
            RuleConfig("public/**", f"user:{USER}", ("pull", "push")),
            RuleConfig("public/**", "everyone", ("pull",)),
        ),
        issuers=(IssuerConfig(issuer.url, AUDIENCE),),
        publishers=(PublisherConfig("ci", issuer.url, {"sub": "ci"}, "team/ci", ("pull", "push")),),
        egress_allow=("127.0.0.0/8",),
        fail_delay=0.0,
    )
    with running_server(folder / "data", ServerConfig(folder / "data", access=access)) as address:
        yield address


@pytest.fixture
def image(tmp_path: Path) -> str:
    """A small image as a layout, as skopeo and crane take it."""
    layer = b"a layer"
    config = json.dumps(
        {"architecture": "wasm", "os": "wasip1", "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]}}
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _described(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [_described(layer, "application/vnd.oci.image.layer.v1.tar")],
        }
    ).encode()
    entry = _described(manifest, "application/vnd.oci.image.manifest.v1+json")
    blobs = tmp_path / "image" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for content in (layer, config, manifest):
        (blobs / _digest(content).partition(":")[2]).write_bytes(content)
    (tmp_path / "image" / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    entry["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    (tmp_path / "image" / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return str(entry["digest"])


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _described(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def test_our_own_client(run: Commands, server: str, tmp_path: Path) -> None:
    path, name = wasm_file(tmp_path), f"{server}/team/ours"
    run.data("wasmbuild", "push", f"{name}:v1", path, code=5)
    run.data("wasmbuild", "login", server, *LOGIN, stdin=b"wrong", code=5)
    run.data("wasmbuild", "login", server, *LOGIN, stdin=PASSWORD.encode())
    run.ours("push", f"{name}:v1", path)
    run.ours("pull", f"{name}:v1", "-o", "pulled.wasm")
    assert (tmp_path / "pulled.wasm").read_bytes() == path.read_bytes()
    run.data("wasmbuild", "push", f"{server}/other:v1", path, code=5)


def test_oras(oras: Commands, server: str, tmp_path: Path) -> None:
    plain, name = "--plain-http", f"{server}/team/oras"
    (tmp_path / "file").write_text("content")
    push = ("oras", "push", plain, f"{name}:v1", "file")
    oras.data(*push, code=1)
    oras.data("oras", "login", plain, server, *LOGIN, stdin=b"wrong", code=1)
    oras.data("oras", "login", plain, server, *LOGIN, stdin=PASSWORD.encode())
    oras.data(*push)
    oras.data("oras", "attach", plain, "--artifact-type", "application/x-note", f"{name}:v1", "file:text/plain")
    assert "application/x-note" in oras.text("oras", "discover", plain, f"{name}:v1")
    assert oras.text("oras", "repo", "tags", plain, name) == "v1"
    assert "team/oras" in oras.text("oras", "repo", "ls", plain, server)
    oras.data("oras", "copy", "--from-plain-http", "--to-plain-http", f"{name}:v1", f"{server}/team/copied:v1")
    oras.data("oras", "pull", plain, "-o", "pulled", f"{server}/team/copied:v1")
    assert (tmp_path / "pulled" / "file").read_text() == "content"
    (tmp_path / "file").write_text("other content")
    oras.data(*push)
    oras.data("oras", "manifest", "delete", plain, "--force", f"{name}:v1")
    oras.data("oras", "push", plain, f"{server}/other/oras:v1", "file", code=1)


def test_public_pulls_need_no_login(oras: Commands, server: str, tmp_path: Path) -> None:
    plain, name = "--plain-http", f"{server}/public/oras:v1"
    (tmp_path / "file").write_text("content")
    oras.data("oras", "login", plain, server, *LOGIN, stdin=PASSWORD.encode())
    oras.data("oras", "push", plain, name, "file")
    oras.data("oras", "logout", server)
    oras.data("oras", "pull", plain, "-o", "pulled", name)
    assert (tmp_path / "pulled" / "file").read_text() == "content"
    oras.data("oras", "push", plain, name, "file", code=1)
    oras.data("wasmbuild", "tags", f"{server}/public/oras")


def test_crane(crane: Commands, server: str, image: str) -> None:
    name = f"{server}/team/crane"
    crane.data("crane", "push", "image", f"{name}:v1", code=1)
    crane.data("crane", "auth", "login", server, "-u", USER, "--password-stdin", stdin=PASSWORD.encode())
    crane.data("crane", "push", "image", f"{name}:v1")
    assert crane.text("crane", "digest", f"{name}:v1") == image
    crane.data("crane", "copy", f"{name}:v1", f"{server}/team/crane-copy:v1")
    crane.data("crane", "tag", f"{name}:v1", "v2")
    assert crane.text("crane", "ls", name).split() == ["v1", "v2"]
    assert "team/crane-copy" in crane.text("crane", "catalog", server)
    crane.data("crane", "delete", f"{name}@{image}")
    crane.data("crane", "digest", f"{name}:v1", code=1)


def test_skopeo(run: Commands, server: str, image: str, tmp_path: Path) -> None:
    find("skopeo")
    authfile = ("--authfile", str(tmp_path / "auth.json"))
    insecure, name = "--tls-verify=false", f"docker://{server}/team/skopeo:v1"
    run.data("skopeo", "login", *authfile, insecure, *LOGIN, server, stdin=b"wrong", code=1)
    run.data("skopeo", "login", *authfile, insecure, *LOGIN, server, stdin=PASSWORD.encode())
    copy = ("skopeo", "--insecure-policy", "copy", *authfile)
    run.data(*copy, "--dest-tls-verify=false", "oci:image:v1", name)
    run.data(*copy, "--src-tls-verify=false", name, "oci:back:v1")
    twice = ("--src-tls-verify=false", "--dest-tls-verify=false")
    run.data(*copy, *twice, name, f"docker://{server}/team/skopeo-copy:v1")
    found = run.json("skopeo", "inspect", *authfile, insecure, name)
    assert found["RepoTags"] == ["v1"]
    run.data("skopeo", "delete", *authfile, insecure, name)
    run.data("skopeo", "inspect", *authfile, insecure, name, code=1)


@pytest.mark.parametrize("program", ["podman", "buildah"])
def test_logins_of_container_tools(run: Commands, server: str, tmp_path: Path, program: str) -> None:
    find(program)
    options = ("--authfile", str(tmp_path / "auth.json"), "--tls-verify=false", *LOGIN, server)
    run.data(program, "login", *options, stdin=b"wrong", code=125)
    run.data(program, "login", *options, stdin=PASSWORD.encode())
    assert server in json.loads((tmp_path / "auth.json").read_text())["auths"]


def test_a_workload_logs_in_with_its_token_as_the_password(
    oras: Commands, server: str, issuer: Issuer, tmp_path: Path
) -> None:
    plain, token = "--plain-http", issuer.token(sub="ci")
    (tmp_path / "file").write_text("content")
    oras.data("oras", "login", plain, server, "-u", "oidc", "--password-stdin", stdin=token.encode())
    oras.data("oras", "push", plain, f"{server}/team/ci:v1", "file")
    oras.data("oras", "pull", plain, "-o", "pulled", f"{server}/team/ci:v1")
    oras.data("oras", "push", plain, f"{server}/team/other:v1", "file", code=1)
    ended = issuer.token(sub="ci", exp=int(time.time()) - 100)
    oras.data("oras", "login", plain, server, "-u", "oidc", "--password-stdin", stdin=ended.encode(), code=1)


def test_our_client_as_a_workload(run: Commands, server: str, issuer: Issuer, tmp_path: Path) -> None:
    token = issuer.token(sub="ci")
    run.data("wasmbuild", "login", server, "--username", "oidc", "--password-stdin", stdin=token.encode())
    run.ours("push", f"{server}/team/ci:v2", wasm_file(tmp_path))
    run.data("wasmbuild", "push", f"{server}/team/ours:v2", wasm_file(tmp_path), code=5)


def test_a_plain_program_with_basic(server: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (USER, PASSWORD)
        assert session.post(f"http://{server}/v2/team/x/blobs/uploads/", timeout=10).status_code == 202

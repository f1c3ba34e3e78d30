"""Other people's clients at a registry of ours that takes tags only for what is signed."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from registry.admission import ENTRY_POINTS
from registry.server.admission import asking
from registry.server.config import AdmissionConfig, ServerConfig
from registry.server.config.values import encode
from registry.server.testing import running_server
from scripts.postgres import find_postgres, running_postgres
from tests.interop.making import fresh, wasm_file

KEYED = ("--insecure-ignore-tlog=true", "--allow-http-registry")
SIGN = ("--tlog-upload=false", "--use-signing-config=false", "-y", "--allow-http-registry")


@pytest.fixture
def strict(keys, tmp_path, monkeypatch):
    """Its address."""
    entry = EntryPoint("wasmbuild", "wasmbuild.workflows.admission:open_admission", ENTRY_POINTS)
    monkeypatch.setattr(asking, "entry_points", lambda group: [entry])
    (tmp_path / "admission.toml").write_text('keys = ["release.pub"]\n')
    admission = AdmissionConfig("wasmbuild", tmp_path / "admission.toml")
    with running_server(tmp_path / "strict", ServerConfig(tmp_path, admission=admission)) as address:
        yield address


def test_oras_pushes_by_tag_and_is_told_why_not(oras, strict, tmp_path):
    wasm_file(tmp_path)
    with pytest.raises(AssertionError, match=r"is not signed; push by digest, sign that, and set the tag"):
        oras.data("oras", "push", "--plain-http", f"{strict}/a/b:v1", "module.wasm:application/wasm")


def test_oras_pushes_by_digest_and_cosign_signs(oras, cosign, strict, tmp_path):
    wasm_file(tmp_path)
    made = oras.data(
        "oras", "push", "--plain-http", "--format", "json", f"{strict}/a/b", "module.wasm:application/wasm"
    )
    reference = json.loads(made)["reference"]
    for more in ((), ("--new-bundle-format=false",)):
        cosign.data("cosign", "sign", "--key", "release.key", *SIGN, *more, reference)
    oras.data("oras", "tag", "--plain-http", reference, "v1")
    cosign.data("cosign", "verify", "--key", "release.pub", *KEYED, f"{strict}/a/b:v1")


def test_cosign_attests_and_ours_signs(cosign, strict, tmp_path):
    name = fresh(strict)
    cosign.ours("push", f"{name}:v1", wasm_file(tmp_path), "--sign", "--key", "release.key")
    (tmp_path / "note.json").write_text("{}")
    attest = ("attest", "--predicate", "note.json", "--type", "https://example.com/note", "--key", "release.key")
    for more in ((), ("--new-bundle-format=false",)):
        cosign.data("cosign", *attest, *SIGN, *more, f"{name}:v1")


PROGRAM = """
import json, sys
from registry.server.config import ServerConfig
from registry.server.config.values import decode
from registry.server.runtime import serve
serve(decode(ServerConfig, json.loads(sys.argv[1]), ""), lambda address: print(address, flush=True), lambda _: None)
"""


@pytest.fixture
def installed(tmp_path):
    """A folder in which a package offers our admission, for processes of their own."""
    about = tmp_path / "installed" / "offering-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1\n")
    place = "wasmbuild.workflows.admission:open_admission"
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nwasmbuild = {place}\n")
    return about.parent


def test_each_of_several_workers_asks(run, keys, installed, tmp_path):
    if find_postgres() is None:
        pytest.skip("no PostgreSQL is installed here")
    (tmp_path / "admission.toml").write_text('keys = ["release.pub"]\n')
    admission = AdmissionConfig("wasmbuild", tmp_path / "admission.toml")
    environment = {**os.environ, "PYTHONPATH": f"{installed}:{Path(__file__).parents[2]}"}
    with running_postgres() as postgres:
        database = postgres.create("admission")
        config = ServerConfig(tmp_path / "data", port=0, database=database, workers=2, admission=admission)
        command = [sys.executable, "-c", PROGRAM, json.dumps(encode(config))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            try:
                address = process.stdout.readline().strip()
                for number in range(6):  # each on connections of its own, so that both workers get some
                    file = wasm_file(tmp_path)
                    run.data("wasmbuild", "push", f"{address}/a/b:v{number}", file, "--sbom", "none", code=5)
                run.ours("push", f"{address}/a/b:v1", file, "--sign", "--key", "release.key")
            finally:
                process.terminate()

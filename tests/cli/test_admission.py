"""Our admission on a real server: what our own commands and plain HTTP can and cannot put under a tag there."""

import json
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import requests
import wasmtime

from registry.admission import ENTRY_POINTS
from registry.client.registries import Registries
from registry.client.repository import Repository
from registry.copying import copy
from registry.errors import AuthenticationFailed, Failure, InvalidConfiguration
from registry.model import OCI_MANIFEST, Descriptor
from registry.reference import Reference
from registry.server.admission import asking
from registry.server.config import AdmissionConfig, ServerConfig
from registry.server.testing import running_server
from wasmbuild.artifact import pack
from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.trust.companion import add_layer
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import sign_payload
from wasmbuild.trust.simplesigning import Payload
from wasmbuild.workflows.admission import open_admission
from wasmbuild.workflows.sign import sign_remote

TARGET = "wasmbuild.workflows.admission:open_admission"


POLICY = """
version = 1
[authorities.release]
keys = ["release.pub"]
[authorities.other]
keys = ["other.pub"]
[[scope]]
repositories = ["registry.example.com/a/*"]
signed-by = ["release", "other"]
threshold = 2
"""


KEYS = {name: PrivateKey.generate() for name in ("release", "other")}


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name, key in KEYS.items():
        (folder / f"{name}.pub").write_bytes(key.public.pem)
    (folder / "admission.toml").write_text('keys = ["release.pub"]\n')
    (folder / "policy.toml").write_text('trust-policy = "trust.toml"\nregistry = "registry.example.com"\n')
    (folder / "trust.toml").write_text(POLICY)
    (folder / "tags.toml").write_text('trust-policy = "named.toml"\nregistry = "registry.example.com"\n')
    (folder / "named.toml").write_text(POLICY.replace("threshold = 2", 'signed-name = "tag"'))
    (folder / "hello.wasm").write_bytes(bytes(wasmtime.wat2wasm("(module)")))
    return folder


@pytest.fixture
def asked(request, tmp_path, keys, monkeypatch):
    """A server that asks us, and our commands in a folder with keys."""
    entry = EntryPoint("wasmbuild", TARGET, ENTRY_POINTS)
    monkeypatch.setattr(asking, "entry_points", lambda group: [entry])
    monkeypatch.chdir(keys)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    admission = AdmissionConfig("wasmbuild", keys / getattr(request, "param", "admission.toml"))
    with running_server(tmp_path / "data", ServerConfig(tmp_path, admission=admission)) as address:
        yield address


def ours(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    ended = run([*arguments, "--progress", "plain"])
    said = capsys.readouterr()
    assert ended == code, said.err
    return said.out, said.err


def put(address: str, tag: str, body: bytes, media_type: str = OCI_MANIFEST) -> requests.Response:
    url = f"http://{address}/v2/a/b/manifests/{tag}"
    return requests.put(url, data=body, headers={"Content-Type": media_type}, timeout=30)


def get(address: str, reference: str) -> requests.Response:
    headers = {"Accept": OCI_MANIFEST}
    return requests.get(f"http://{address}/v2/a/b/manifests/{reference}", headers=headers, timeout=30)


def bring(place: str, *signers: str, tags: tuple[str, ...] = ()) -> Descriptor:
    """Push by digest, sign by each, and then set the tags."""
    packed, reference = pack(bytes(wasmtime.wat2wasm("(module)")), "hello"), Reference.parse(place)
    repository = Registries().repository(reference)
    copy(packed, repository, packed.manifest)
    sign(place, packed.manifest, *signers)
    if reference.tag:
        repository.tag_all(packed.manifest, (reference.tag, *tags))
    return packed.manifest


def sign(place: str, manifest: Descriptor, *signers: str) -> None:
    reference = Reference.parse(place).pinned(manifest.digest)
    for name in signers:
        sign_remote(reference, KEYS[name], registries=Registries(), sink=ignore, environment={})


def test_our_push_passes_in_one_go(asked, keys, capsys):
    (keys / "release.key").write_bytes(KEYS["release"].encrypt(b""))
    out, _ = ours(capsys, "push", f"{asked}/a/b:v1", "hello.wasm", "--sign", "--key", "release.key", "--tag", "latest")
    ours(capsys, "verify", f"{asked}/a/b:latest", "--key", "release.pub")
    ours(capsys, "tag", out.strip(), "v1.0")


def test_what_is_not_signed_is_refused_with_what_to_do(asked, capsys):
    _, err = ours(capsys, "push", f"{asked}/a/b:v1", "hello.wasm", "--sbom", "none", code=5)
    said = " ".join(err.split())
    assert re.search(r"403 DENIED: not admitted: .* is not signed; push by digest, sign that", said)
    assert "hint:" not in said  # least of all one about credentials
    assert get(asked, "v1").status_code == 404


def test_several_tags_at_once(asked):
    bring(f"{asked}/a/b:v1", "release", tags=("latest", "v1.0"))
    assert get(asked, "latest").status_code == 200
    with pytest.raises(AuthenticationFailed):
        bring(f"{asked}/c/d:v1", tags=("latest",))


def test_the_signature_of_somebody_else_is_refused(asked):
    with pytest.raises(AuthenticationFailed) as caught:
        bring(f"{asked}/a/b:v1", "other")
    assert "it was made with another key" in str(caught.value)
    assert "sign it with a key that this registry trusts" in str(caught.value)
    assert "push --sign" not in str(caught.value)  # which may be what was done
    assert caught.value.hint is None


def test_a_tag_does_not_move_to_what_is_not_signed(asked):
    bring(f"{asked}/a/b:v1", "release")
    before = get(asked, "v1")
    changed = json.dumps({**before.json(), "annotations": {"a": "b"}}).encode()
    assert put(asked, "v1", changed).status_code == 403
    assert get(asked, "v1").content == before.content
    assert put(asked, "v2", before.content).status_code == 201


def test_what_is_there_by_digest_is_signed_and_then_tagged(asked):
    manifest = bring(f"{asked}/a/b")
    repository = Registries().repository(Reference.parse(f"{asked}/a/b"))
    with pytest.raises(AuthenticationFailed):
        repository.tag(manifest, "v1")
    sign(f"{asked}/a/b", manifest, "release")
    repository.tag(manifest, "v1")
    assert get(asked, "v1").headers["Docker-Content-Digest"] == str(manifest.digest)


@pytest.mark.parametrize("asked", ["policy.toml"], indirect=True)
def test_a_policy_decides(asked):
    with pytest.raises(AuthenticationFailed, match=r"does not fulfil the policy of this registry: .*1 of 2") as caught:
        bring(f"{asked}/a/b:v1", "release")
    assert "toml" not in str(caught.value)
    assert "push --sign" not in str(caught.value)  # which is not what every policy asks for
    bring(f"{asked}/a/b:v1", "other")
    with pytest.raises(AuthenticationFailed, match=r"no scope is for registry\.example\.com/elsewhere/b"):
        bring(f"{asked}/elsewhere/b:v1", "release")


@pytest.mark.parametrize("asked", ["tags.toml"], indirect=True)
def test_each_tag_of_a_push_is_decided_about(asked):
    manifest = bring(f"{asked}/a/b")
    repository = Registries().repository(Reference.parse(f"{asked}/a/b"))
    sign_payload_for(repository, manifest, "registry.example.com/a/b:v1")
    for tags in (("v1", "v2"), ("v2", "v1"), ("v2",)):
        with pytest.raises(AuthenticationFailed, match=r"signed as registry\.example\.com/a/b:v2"):
            repository.tag_all(manifest, tags)
    assert get(asked, "v1").status_code == 404
    repository.tag_all(manifest, ("v1",))
    assert get(asked, "v1").status_code == 200


def sign_payload_for(repository: Repository, manifest: Descriptor, name: str) -> None:
    add_layer(repository, manifest.digest, *sign_payload(Payload(manifest.digest, name), KEYS["release"]))


def test_nothing_else_gets_in_under_the_name_of_a_companion(asked):
    bring(f"{asked}/a/b:v1", "release")
    body = get(asked, "v1").content
    for suffix in (".sig", ".att", ""):
        answer = put(asked, f"sha256-{'0' * 64}{suffix}", body)
        assert answer.status_code == 403
        assert "is a name for what is beside an artifact" in answer.json()["errors"][0]["message"]


def test_what_settings_of_ours_must_say(tmp_path, keys):
    with pytest.raises(UsageFailed, match="whose signatures count"):
        open_admission(None)
    with pytest.raises(UsageFailed, match="no file"):
        open_admission(tmp_path / "none.toml")
    for text in (
        "",
        "keys = []",
        'keys = [""]',
        'key = ["release.pub"]',
        'keys = "release.pub"',
        'keys = ["none.pub"]',
    ):
        (tmp_path / "admission.toml").write_text(text)
        with pytest.raises(Failure):
            open_admission(tmp_path / "admission.toml")
    assert open_admission(keys / "admission.toml")
    policy = 'trust-policy = "trust.toml"\n'
    for text in (policy, f'{policy}registry = ""', f'{policy}registry = "a/b"', f'{policy}registry = "acme"'):
        (tmp_path / "admission.toml").write_text(text)
        (tmp_path / "trust.toml").write_text(POLICY)
        for name, key in KEYS.items():
            (tmp_path / f"{name}.pub").write_bytes(key.public.pem)
        with pytest.raises(InvalidProject, match="registry"):
            open_admission(tmp_path / "admission.toml")
    (tmp_path / "admission.toml").write_text(f'{policy}registry = "registry.example.com"')
    assert open_admission(tmp_path / "admission.toml")
    for rule in ("no-rollback = true", "pin-tags = true"):
        (tmp_path / "trust.toml").write_text(f"{POLICY}{rule}\n")
        with pytest.raises(InvalidProject, match="is not kept here"):
            open_admission(tmp_path / "admission.toml")


def test_accepting_anything_is_said_in_the_log(keys, tmp_path, caplog):
    (tmp_path / "policy.toml").write_text('trust-policy = "trust.toml"\nregistry = "registry.example.com"\n')
    scope = '[[scope]]\nrepositories = ["registry.example.com/play/*"]\nunsafe-accept-anything = true\n'
    (tmp_path / "trust.toml").write_text(f"version = 1\n{scope}")
    open_admission(tmp_path / "policy.toml")
    assert "registry.example.com/play/* are set on anything" in caplog.text
    caplog.clear()
    open_admission(keys / "policy.toml")
    assert caplog.text == ""


def test_a_server_with_settings_of_no_use_does_not_start(tmp_path, monkeypatch):
    entry = EntryPoint("wasmbuild", TARGET, ENTRY_POINTS)
    monkeypatch.setattr(asking, "entry_points", lambda group: [entry])
    settings = ServerConfig(tmp_path, admission=AdmissionConfig("wasmbuild", tmp_path / "none.toml"))
    with (
        pytest.raises(InvalidConfiguration, match="cannot decide about tags") as caught,
        running_server(tmp_path, settings),
    ):
        pass
    assert "no file" in str(caught.value)


def test_the_package_offers_it():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["entry-points"][ENTRY_POINTS] == {"wasmbuild": TARGET}
    assert EntryPoint("wasmbuild", TARGET, ENTRY_POINTS).load() is open_admission

"""An archive with whom to trust: the same each time, verified without a network, and believed by nobody."""

import io
import json
import os
import socket
import tarfile
from dataclasses import replace

import pytest
import wasmtime

from registry.client.registries import Registries
from registry.errors import ContentTooLarge, InvalidDocument
from registry.model import EMPTY, OCI_MANIFEST, TITLE, Manifest, describe
from registry.reference import Reference
from registry.stores.archive import ArchiveStore
from registry.stores.archiving import archive_for_writing
from tests.client.oldregistry import OldRegistry
from tests.client.scripted import scripted
from tests.contract.making import blob, push_manifest
from wasmbuild.artifact import pack
from wasmbuild.cli.main import run
from wasmbuild.errors import TargetExists
from wasmbuild.events import ignore
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.predicates import CYCLONEDX
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import sign_statement
from wasmbuild.trust.statement import Statement, Subject
from wasmbuild.workflows import offline
from wasmbuild.workflows.airgap import KINDS, MAX_FILE, TRUST, trust_in, unpack_trust
from wasmbuild.workflows.push import Destination, push

POLICY = """
version = 1
[authorities.release]
keys = ["release.pub"]
[[scope]]
repositories = ["ghcr.io/acme/*"]
signed-by = ["release"]
"""


def bring(repository, tag, text, key=None):
    packed = pack(bytes(wasmtime.wat2wasm(text)), "hello")
    place = Destination.open(Reference.parse(f"{repository}:{tag}"), (), Registries())
    pushed = push(packed, place, key=key, sink=ignore, environment={})
    if key is not None:
        said = Statement((Subject({"sha256": packed.manifest.digest.encoded}),), CYCLONEDX, {"components": []})
        attached = attach(sign_statement(said, key), packed.manifest, CYCLONEDX, "2026-01-01T00:00:00Z")
        attached.push_to(pushed.remote.repository)


@pytest.fixture(scope="session")
def made(tmp_path_factory, registry_address):
    """A folder with keys and a policy, and a repository with one signed artifact and one that is not."""
    folder = tmp_path_factory.mktemp("airgap")
    release, other = PrivateKey.generate(), PrivateKey.generate()
    for name, key in (("release", release), ("other", other)):
        (folder / f"{name}.pub").write_bytes(key.public.pem)
    (folder / "release.key").write_bytes(release.pkcs8(None))
    (folder / "policy.toml").write_text(POLICY)
    (folder / "hello.wasm").write_bytes(b"\0asm")
    repository = f"{registry_address}/airgap/hello"
    bring(repository, "v1", "(module)", release)
    bring(repository, "bare", '(module (func (export "x")))')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("WASMBUILD_CONFIG", os.devnull)
        assert run(["save", f"{repository}:v1", "-o", "saved.tar", *TRUSTED]) == 0
    return folder, repository


TRUSTED = ["--with-trust", "--key", "release.pub", "--policy", "policy.toml"]


@pytest.fixture
def here(made, monkeypatch, capsys):
    monkeypatch.chdir(made[0])
    capsys.readouterr()

    def call(*arguments, code=0):
        ended = run([*map(str, arguments), "--progress", "plain"])
        said = capsys.readouterr()
        assert ended == code if code is not None else ended != 0, said.err
        return said.out.strip(), said.err

    return call


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was used")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)


def test_the_same_content_gives_the_same_bytes(here, made, tmp_path):
    for name in ("one.tar", "two.tar"):
        here(
            "save",
            f"{made[1]}:v1",
            "-o",
            tmp_path / name,
            "--with-trust",
            "--policy",
            "policy.toml",
            "--key",
            "release.pub",
        )
    assert (tmp_path / "one.tar").read_bytes() == (made[0] / "saved.tar").read_bytes()
    assert (tmp_path / "two.tar").read_bytes() == (tmp_path / "one.tar").read_bytes()


def test_it_is_verified_without_a_network(here, made, no_network):
    out, err = here("verify", "--offline", "saved.tar", "--key", "release.pub")
    assert "a bundle signature by SHA256:" in err
    (reference,) = out.splitlines()
    assert reference.startswith("oci-archive:saved.tar@sha256:")
    document = json.loads(
        here("verify", "--offline", "oci-archive:saved.tar:v1", "--key", "release.pub", "--format", "json")[0]
    )
    (artifact,) = document["artifacts"]
    assert (artifact["tags"], artifact["outcome"]) == (["v1"], "verified")
    assert {each["kind"] for each in artifact["signatures"]} == {"bundle", "legacy"}


def test_what_is_inside_is_not_believed(here, made, no_network):
    here("verify", "--offline", "saved.tar", code=2)
    _, err = here("verify", "--offline", "saved.tar", "--key", "other.pub", code=4)
    assert "it was made with another key" in err.replace("\n", " ")


def test_a_policy_is_told_what_it_is_called(here, made, no_network):
    here("verify", "--offline", "saved.tar", "--policy", "policy.toml", "--as", "ghcr.io/acme/hello")
    here("verify", "--offline", "saved.tar", "--policy", "policy.toml", "--as", "ghcr.io/evil/hello", code=4)
    here("verify", "--offline", "saved.tar", "--policy", "policy.toml", code=4)
    here("verify", "--offline", "saved.tar", "--policy", "policy.toml", "--as", f"a.b/c@sha256:{'0' * 64}", code=2)
    here("verify", made[1], "--key", "release.pub", "--as", "ghcr.io/acme/hello", code=2)


def test_a_policy_is_asked_about_a_bounded_number_of_tags(here, made, tmp_path, no_network, monkeypatch):
    (tmp_path / "x.tar").write_bytes((made[0] / "saved.tar").read_bytes())
    with archive_for_writing(tmp_path / "x.tar") as staging:
        staging.tag(staging.resolve("v1"), "v2")
    command = ("verify", "--offline", tmp_path / "x.tar", "--policy", "policy.toml", "--as")
    here(*command, "ghcr.io/acme/hello")
    monkeypatch.setattr(offline, "MAX_TAGS", 1)
    _, err = here(*command, "ghcr.io/acme/hello", code=None)
    assert "--as ghcr.io/acme/hello:v1" in " ".join(err.split())
    here(*command, "ghcr.io/acme/hello:v1")


def test_identities_need_a_root_that_is_here(here, made, no_network):
    said = ["--certificate-identity", "a@example.com", "--certificate-oidc-issuer", "https://example.com"]
    _, err = here("verify", "--offline", "saved.tar", *said, code=2)
    assert "--trusted-root" in err
    here("verify", "--offline", "saved.tar", "--key", "release.pub", "--explain", code=2)


def test_attestations_of_an_archive(here, made, no_network):
    here("verify", "--offline", "saved.tar", "--key", "release.pub", "--type", "cyclonedx")
    here("verify", "--offline", "saved.tar", "--key", "release.pub", "--type", "slsaprovenance1", code=4)


def test_one_artifact_that_is_not_signed_is_enough_to_refuse(here, made, tmp_path):
    here("save", made[1], "-o", tmp_path / "all.tar", "--with-trust")
    here("verify", "--offline", tmp_path / "all.tar", "--key", "release.pub", code=4)
    here("verify", "--offline", f"oci-archive:{tmp_path}/all.tar:v1", "--key", "release.pub")
    for nowhere in (f"{tmp_path}/none.tar", f"oci-archive:{tmp_path}/none.tar:v1", f"oci:{tmp_path}/none"):
        _, err = here("verify", "--offline", nowhere, "--key", "release.pub", code=2)
        assert "cannot be read" in " ".join(err.split())
    _, err = here("verify", "--offline", made[0], "--key", "release.pub", code=2)
    assert "wasmbuild verify --offline oci:" in " ".join(err.split())


def test_hints_are_for_an_archive(here, made, tmp_path):
    _, err = here("verify", "--offline", "saved.tar", code=2)
    assert "wasmbuild verify --offline saved.tar --key" in err
    _, err = here("verify", "--offline", "saved.tar", "--policy", "policy.toml", code=4)
    assert "--as HOST/REPOSITORY" in err
    _, err = here("verify", "--offline", "saved.tar", "--policy", "policy.toml", "--as", "ghcr.io/evil/x", code=4)
    assert "hint:" not in err  # no registry can be asked
    here("save", f"{made[1]}:bare", "-o", tmp_path / "bare.tar")
    _, err = here("verify", "--offline", tmp_path / "bare.tar", "--key", "release.pub", code=4)
    assert "wasmbuild sign HOST/REPOSITORY@sha256:" in " ".join(err.split())


def test_a_changed_byte(here, made, tmp_path):
    data = bytearray((made[0] / "saved.tar").read_bytes())
    data[data.index(b'"docker-manifest-digest"') + 2] ^= 1
    (tmp_path / "changed.tar").write_bytes(data)
    here("verify", "--offline", tmp_path / "changed.tar", "--key", "release.pub", code=4)


def test_a_changed_byte_of_the_program(here, made, tmp_path):
    data = bytearray((made[0] / "saved.tar").read_bytes())
    data[data.index(b"\0asm") + 4] ^= 1
    (tmp_path / "changed.tar").write_bytes(data)
    _, err = here("verify", "--offline", tmp_path / "changed.tar", "--key", "release.pub", code=4)
    assert "WB202" in err


def test_a_program_that_is_not_there(here, made, tmp_path):
    with tarfile.open(made[0] / "saved.tar") as saved, tarfile.open(tmp_path / "without.tar", "w") as without:
        for member in saved:
            content = saved.extractfile(member)
            if content is None or content.read(4) != b"\0asm":
                without.addfile(member, saved.extractfile(member) if content else None)
    _, err = here("verify", "--offline", tmp_path / "without.tar", "--key", "release.pub", code=1)
    assert "WB204" in err


def test_something_unsigned_under_the_name_of_a_signature(here, made, tmp_path):
    (tmp_path / "x.tar").write_bytes((made[0] / "saved.tar").read_bytes())
    with archive_for_writing(tmp_path / "x.tar") as staging:
        staging.tag(push_manifest(staging, blob(b"wasm"), subject=None), f"sha256-{'0' * 64}.sig")
    here("verify", "--offline", tmp_path / "x.tar", "--key", "release.pub", code=4)


TAG, OTHER = "org.opencontainers.image.ref.name", "io.containerd.image.name"


@pytest.mark.parametrize(
    ("subject", "listed"),
    [
        pytest.param(None, {"artifact_type": TRUST}, id="called files to trust in the list alone"),
        pytest.param(None, {"annotations": {TAG: ""}}, id="an empty tag"),
        pytest.param(None, {"annotations": {TAG: "v1\u200b"}}, id="a tag that nobody sees whole"),
        pytest.param("artifact", {"annotations": {OTHER: "ghcr.io/acme/hello:v1"}}, id="a name for other tools"),
        pytest.param("blob", {}, id="refers to what is no document"),
        pytest.param("unlisted", {}, id="refers to what nothing brings along"),
    ],
)
def test_nothing_in_an_archive_escapes(here, made, tmp_path, subject, listed):
    """What other tools would take out of it is verified, too, however it is listed."""
    (tmp_path / "x.tar").write_bytes((made[0] / "saved.tar").read_bytes())
    with archive_for_writing(tmp_path / "x.tar") as staging:
        layer = blob(b"\0asm evil")
        subjects = {
            None: None,
            "artifact": staging.resolve("v1"),
            "blob": replace(layer.descriptor, media_type=OCI_MANIFEST),
            "unlisted": push_manifest(staging, blob(b"unlisted")),
        }
        evil = push_manifest(staging, layer, subject=subjects[subject])
        kept = [each for each in staging.entries() if each.digest != evil.digest]
        staging.replace_entries([*kept, replace(evil, **listed)])
    _, err = here("verify", "--offline", tmp_path / "x.tar", "--key", "release.pub", code=None)
    assert "is not signed" in err or "a tag that is none" in err


def test_a_tag_that_means_two_things_is_refused_when_it_is_named(here, made, registry_address, tmp_path):
    (tmp_path / "x.tar").write_bytes((made[0] / "saved.tar").read_bytes())
    with archive_for_writing(tmp_path / "x.tar") as staging:
        evil = push_manifest(staging, blob(b"evil"))
        kept = [each for each in staging.entries() if each.digest != evil.digest]
        staging.replace_entries([*kept, replace(evil, annotations={TAG: "v1"})])
    here("verify", "--offline", f"oci-archive:{tmp_path}/x.tar:v1", "--key", "release.pub", code=1)
    here("load", tmp_path / "x.tar", f"{registry_address}/airgap/twice", "--tag", "v1", code=1)


def test_what_a_policy_names_and_will_not_find_is_said(here, made, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "release.pub").write_bytes((made[0] / "release.pub").read_bytes())
    (tmp_path / "far.toml").write_text(POLICY.replace('"release.pub"', '"sub/release.pub"', 1))
    command = ("save", f"{made[1]}:v1", "-o", tmp_path / "x.tar", "--with-trust", "--policy")
    for policy, more, missing in (
        ("policy.toml", ("--key", "release.pub"), None),
        ("policy.toml", (), "policy.toml names release.pub"),
        (tmp_path / "far.toml", ("--key", "release.pub"), "far.toml names sub/release.pub"),
    ):
        _, err = here(*command, policy, *more)
        said = " ".join(err.split())
        assert (missing in said) if missing else ("no such file" not in said)


def test_load_brings_signatures_and_no_trust(here, made, registry_address):
    there = f"{registry_address}/airgap/loaded"
    here("load", "saved.tar", there)
    repository = Registries().repository(Reference.parse(there))
    digest = repository.resolve("v1").digest
    assert repository.tags() == [f"sha256-{digest.encoded}.sig", "v1"]
    out, _ = here("verify", f"{there}:v1", "--key", "release.pub", "--format", "json")
    assert {each["kind"] for each in json.loads(out)["signatures"]} == {"bundle", "legacy"}
    with ArchiveStore(made[0] / "saved.tar") as archive:
        (trust,) = [entry for entry in archive.entries() if entry.artifact_type == TRUST]
    assert not repository.exists(trust)


def test_signatures_are_there_before_the_tag_that_they_are_about(here, registry_address, tmp_path):
    place = f"{registry_address}/airgap/ordered"
    bring(place, "1", "(module)", PrivateKey.generate())
    here("save", f"{place}:1", "-o", tmp_path / "x.tar", "--with-trust")
    _, err = here("load", tmp_path / "x.tar", f"{place}-there")
    tagged = [line.split()[1].rpartition(":")[2] for line in err.splitlines() if line.startswith("tag ")]
    assert [name.rpartition(".")[2] for name in tagged] == ["sig", "1"]


def test_load_on_a_registry_without_referrers_and_back(here, made, tmp_path):
    with scripted(OldRegistry()) as server:
        there = f"{server.address}/a/b"
        here("load", "saved.tar", there, "--tag", "v1")
        out, _ = here("verify", f"{there}:v1", "--key", "release.pub", "--format", "json")
        assert {each["kind"] for each in json.loads(out)["signatures"]} == {"bundle", "legacy"}
        here("save", f"{there}:v1", "-o", tmp_path / "again.tar", *TRUSTED)
    assert (tmp_path / "again.tar").read_bytes() == (made[0] / "saved.tar").read_bytes()


def test_what_is_carried_is_written_to_a_folder(here, made, tmp_path):
    out, err = here("load", "saved.tar", "--trust-to", tmp_path / "trust")
    assert out.splitlines() == [str(tmp_path / "trust" / name) for name in ("release.pub", "policy.toml")]
    assert "compare them with what you know" in err
    assert "SHA256:" in err
    for name in ("release.pub", "policy.toml"):
        assert (tmp_path / "trust" / name).read_bytes() == (made[0] / name).read_bytes()
    here("load", "saved.tar", "--trust-to", tmp_path / "trust", code=2)
    here("load", "saved.tar", code=2)
    here("load", "saved.tar", "--trust-to", tmp_path / "other", "--tag", "v1", code=2)


@pytest.mark.parametrize(
    "more",
    [
        ["--key", "release.pub"],
        ["--with-trust", "--key", "release.key"],
        ["--with-trust", "--key", "hello.wasm"],
        ["--with-trust", "--key", "policy.toml"],
        ["--with-trust", "--policy", "release.pub"],
        ["--with-trust", "--trusted-root", "policy.toml"],
        ["--with-trust", "--certificate-authority", "release.pub"],
        ["--with-trust", "--key", "release.pub", "--key", "./release.pub"],
    ],
)
def test_only_what_it_is_said_to_be_is_carried(here, made, tmp_path, more):
    _, err = here("save", f"{made[1]}:v1", "-o", tmp_path / "x.tar", *more, code=2)
    assert more[-1].removeprefix("./") in err
    assert not (tmp_path / "x.tar").exists()


def test_no_private_key_is_carried_in_anything(here, made, tmp_path):
    (tmp_path / "noted.toml").write_text(POLICY + "# -----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    (tmp_path / "release.pub").write_bytes((made[0] / "release.pub").read_bytes())
    flags = ["--with-trust", "--policy", tmp_path / "noted.toml"]
    _, err = here("save", f"{made[1]}:v1", "-o", tmp_path / "x.tar", *flags, code=2)
    assert "has a private key in it" in " ".join(err.split())
    assert not (tmp_path / "x.tar").exists()


def carrying(path, *named, media_type=KINDS["key"]):
    """An archive with such files to trust, whatever their names."""
    with archive_for_writing(path) as staging:
        layers = []
        for name, content in named:
            layer = describe(media_type, content)
            staging.push(layer, lambda content=content: io.BytesIO(content))
            layers.append(type(layer)(layer.media_type, layer.digest, layer.size, {TITLE: name}))
        staging.push(EMPTY, lambda: io.BytesIO(b"{}"))
        data = Manifest(config=EMPTY, layers=tuple(layers), artifact_type=TRUST).encode()
        made = describe("application/vnd.oci.image.manifest.v1+json", data)
        staging.push(made, lambda: io.BytesIO(data))
        staging.replace_entries([type(made)(made.media_type, made.digest, made.size, {}, TRUST)])
    return ArchiveStore(path)


@pytest.mark.parametrize(
    "names", [["../x.pub"], ["/x.pub"], [".x"], [""], ["a\0b"], ["a/b"], ["x.pub", "x.pub"], ["é"], ["x" * 101]]
)
def test_names_that_no_file_may_have(tmp_path, names):
    files = [(name, str(count).encode()) for count, name in enumerate(names)]
    with carrying(tmp_path / "x.tar", *files) as archive, pytest.raises(InvalidDocument):
        unpack_trust(archive, tmp_path / "out", ignore)
    assert not (tmp_path / "out").exists()


def test_bounds(tmp_path):
    with carrying(tmp_path / "x.tar", ("x.pub", bytes(MAX_FILE + 1))) as archive, pytest.raises(ContentTooLarge):
        trust_in(archive)
    many = [(f"{number}.pub", str(number).encode()) for number in range(101)]
    with carrying(tmp_path / "y.tar", *many) as archive, pytest.raises(InvalidDocument):
        trust_in(archive)


def test_what_is_no_key_is_said_to_be_none(tmp_path):
    said = []
    with carrying(tmp_path / "x.tar", ("x.pub", b"rubbish")) as archive:
        unpack_trust(archive, tmp_path / "new", said.append)
    assert "which is no key" in said[0].text


def test_nothing_is_written_beside_files_of_ours(tmp_path):
    """Whoever made the archive chose the name: it could be one that a tool reads, or run."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "ours.txt").write_text("")
    with carrying(tmp_path / "x.tar", ("conftest.py", b"import evil")) as archive, pytest.raises(TargetExists):
        unpack_trust(archive, tmp_path / "project", ignore)
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["ours.txt"]


def test_what_is_not_known_is_left_alone(tmp_path):
    with carrying(tmp_path / "x.tar", ("x.sh", b"rm"), media_type="application/x-sh") as archive:
        assert trust_in(archive) == ()


def test_other_tools_see_a_layout(made):
    with tarfile.open(made[0] / "saved.tar") as tar:
        index = json.load(tar.extractfile("index.json"))
        assert {member.mtime for member in tar} == {0}
    assert [entry.get("artifactType") for entry in index["manifests"]].count(TRUST) == 1

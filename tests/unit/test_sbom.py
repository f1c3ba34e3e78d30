"""``sbom``: of a file, of an artifact in a real registry, and attached to it."""

import json
import re
import time
from functools import cache
from pathlib import Path

import pytest

from registry.client.registries import Registries
from registry.digest import Digest
from registry.model import OCI_INDEX, Index, describe
from registry.reference import Reference
from tests.client.oldregistry import OldRegistry
from tests.client.scripted import scripted
from tests.unit.sbom.files import WHOLE
from tests.unit.wasm.sections import MODULE
from wasmbuild.artifact import pack
from wasmbuild.build.chain import described
from wasmbuild.build.kept import KeptFolders
from wasmbuild.build.statcache import digest_inputs
from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidWasm, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.sbom import cyclonedx
from wasmbuild.sbom.gathering import Known
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.predicates import CYCLONEDX
from wasmbuild.trust.statement import Predicate
from wasmbuild.workflows.companions import Companion, Document
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.planning import plan
from wasmbuild.workflows.sbom import Subject, make_sbom, open_subject
from wasmbuild.workflows.sbom_project import project_packages
from wasmbuild.workflows.unsigned import attach_documents


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    path = tmp_path / "greeter.wasm"
    path.write_bytes(WHOLE)
    return path


@pytest.fixture
def reference(registry_address, repository_name):
    name = f"{registry_address}/{repository_name}"
    repository = Registries().repository(Reference.parse(name))
    packed = pack(WHOLE, "hello")
    packed.push_to(repository)
    repository.tag(packed.manifest, "1")
    return f"{name}@{packed.manifest.digest}"


def told(capsys, *arguments, code=0):
    assert run(["sbom", *map(str, arguments)]) == code
    return capsys.readouterr()


def test_of_a_file_it_is_cyclonedx_on_stdout(file, capsys):
    document = json.loads(told(capsys, file).out)
    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["timestamp"] == "1970-01-01T00:00:00+00:00"
    assert document["metadata"]["component"]["hashes"][0]["content"] == Digest.of(WHOLE).encoded
    assert told(capsys, file, "--format", "cyclonedx").out == told(capsys, file).out


def test_spdx_at_the_time_that_was_asked_for(file, capsys, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    document = json.loads(told(capsys, file, "--format", "spdx").out)
    assert document["creationInfo"]["created"] == "2023-11-14T22:13:20Z"


def test_a_document_of_ours_around_it(file, capsys):
    document = json.loads(told(capsys, file, "--format", "json").out)
    assert document["schemaVersion"] == 1
    assert document["digest"] == str(Digest.of(WHOLE))
    assert document["mediaType"] == "application/vnd.cyclonedx+json"
    assert document["components"] == len(document["sbom"]["components"])


def test_to_a_file(file, capsys):
    said = told(capsys, file).out
    assert told(capsys, file, "-o", "out.json").out == "out.json\n"
    assert (file.parent / "out.json").read_text() == said
    document = json.loads(told(capsys, file, "-o", "out.json", "--format", "json").out)
    assert (document["file"], "sbom" in document) == ("out.json", False)


def test_the_file_that_is_read_is_not_written(file, capsys):
    assert "is the file that is read" in told(capsys, file, "-o", file, code=2).err
    assert file.read_bytes() == WHOLE


def test_what_is_no_wasm_has_none(file):
    file.write_bytes(b"{}")
    with pytest.raises(InvalidWasm):
        make_sbom(Subject(file, "greeter.wasm", Known("greeter")), "spdx", {})
    with pytest.raises(UsageFailed, match="there is no file"):
        open_subject("gone.wasm", environment={}, caches=Caches.of_user, registries=Registries, sink=ignore)


@pytest.mark.usefixtures("private_cache")
def test_of_an_artifact_it_names_that_by_digest(file, reference, capsys):
    name, _, digest = reference.partition("@")
    document = json.loads(told(capsys, f"{name}:1").out)
    root = document["metadata"]["component"]
    last = name.rpartition("/")[2].lower()
    assert root["purl"] == f"pkg:oci/{last}@{digest}?repository_url={name.lower()}"
    of_file = json.loads(told(capsys, file).out)
    assert root["bom-ref"] == of_file["metadata"]["component"]["bom-ref"]
    assert document["components"] == of_file["components"]


@pytest.mark.usefixtures("private_cache")
@pytest.mark.parametrize(
    ("form", "media_type", "words"),
    [
        ("cyclonedx", "application/vnd.cyclonedx+json", "CycloneDX"),
        ("spdx", "application/spdx+json", "SPDX"),
    ],
)
def test_attached_it_is_discovered(file, reference, capsys, form, media_type, words):
    told(capsys, reference, "--format", form, "-o", "sbom.json")
    for _ in range(2):
        assert run(["attach", reference, f"sbom.json:{media_type}", "--artifact-type", media_type]) == 0
    assert run(["discover", reference, "--artifact-type", media_type]) == 0
    out = capsys.readouterr().out
    assert out.count("sha256:") >= 2
    assert words in out.splitlines()[-1]


def test_ten_megabytes_take_no_time(tmp_path):
    from tests.unit.wasm.sections import custom, nest

    path = tmp_path / "big.wasm"
    path.write_bytes(WHOLE + nest(WHOLE + custom("debris", bytes(10_000_000))))
    start = time.process_time()
    make_sbom(Subject(path, "big.wasm", Known("big")), "cyclonedx", {})
    assert time.process_time() - start < 1


CARGO = """
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["serde"]

[[package]]
name = "serde"
version = "1.0.9"
source = "registry+https://github.com/rust-lang/crates.io-index"
"""
PROJECT = '[project]\nname = "app"\nversion = "0.1.0"\n\n[build]\nlanguage = "rust"\n'


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "app.wasm").write_bytes(MODULE)
    (tmp_path / "wasmbuild.toml").write_text(PROJECT)
    (tmp_path / "Cargo.lock").write_text(CARGO)
    (tmp_path / "package-lock.json").write_text("{")
    return tmp_path


def test_of_a_project_its_locks_are_in_it(project, capsys):
    document = json.loads(told(capsys, ".").out)
    assert document["metadata"]["component"]["name"] == "app"
    assert [(each["name"], each["scope"]) for each in document["components"]] == [
        ("serde", "optional"),
        ("app", "optional"),
    ]
    assert document["components"][0]["evidence"] == {"occurrences": [{"location": "Cargo.lock"}]}
    assert told(capsys, project).out == told(capsys, project, "--target", "app").out
    assert json.loads(told(capsys, "dist/app.wasm").out)["components"] == []


def test_a_lock_that_is_malformed_is_an_error_with_its_line(project, capsys):
    (project / "Cargo.lock").write_text(CARGO.replace('"1.0.9"', "1"))
    err = told(capsys, ".", code=2).err
    assert "error[WB112]: Cargo.lock, line 9, column 1: [package] version must be a string" in err


def test_a_push_goes_on_without_a_lock_that_is_malformed(project, monkeypatch):
    notes = []
    assert len(project_packages(project, "rust", notes.append)) == 2
    assert project_packages(project, "javascript", notes.append) == ()
    assert "the lock files are left out of the SBOM: package-lock.json is not JSON" in str(notes)
    (project / "package-lock.json").unlink()
    monkeypatch.setattr("wasmbuild.workflows.sbom_project._MOST", 2)
    assert project_packages(project, "rust", notes.append) == ()
    assert "they name too much" in str(notes[-1])


def test_a_project_that_is_not_built_and_a_target_of_none(project, capsys):
    (project / "dist" / "app.wasm").unlink()
    assert "app is not built yet" in told(capsys, ".", code=2).err
    assert "--target is one of a project" in told(capsys, "a.wasm", "--target", "b", code=2).err
    (project / "wasmbuild.toml").write_text('[project]\nname = "app"\nversion = "0.1.0"\n[target.one]\n[target.two]\n')
    assert "an SBOM is of one target" in told(capsys, ".", code=2).err
    assert "two is not built yet" in told(capsys, ".", "--target", "two", code=2).err


SIX = f"six==1.17.0 --hash=sha256:{'a' * 64}\n"


def test_licenses_of_what_a_python_build_fetched(project, private_cache, capsys):
    (project / "wasmbuild.toml").write_text(PROJECT.replace("rust", "python"))
    (project / "src").mkdir()
    (project / "src" / "app.py").write_text("")
    (project / "requirements.txt").write_text(SIX)
    assert "licenses" not in component(told(capsys, ".").out, "six")
    caches = Caches(private_cache)
    made = plan(project, BuildOptions(offline=True), caches=caches, environment={}, sink=ignore, looking=True)
    (planned,) = made.planned
    key = described(planned.chain, digest_inputs(project, planned.chain.inputs, made.digests))["fetch"].key
    with KeptFolders(caches).folder("fetch", key, installed, ignore):
        six = component(told(capsys, ".").out, "six")
    assert six["licenses"] == [{"license": {"acknowledgement": "declared", "id": "MIT"}}]
    assert six["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]


def component(text, name):
    (found,) = [each for each in json.loads(text)["components"] if each["name"] == name]
    return found


def installed(folder):
    about = folder / "site-packages" / "six-1.17.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Name: six\nVersion: 1.17.0\nLicense: MIT\n")


@pytest.fixture
def keys(file, monkeypatch):
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    for name in ("ours", "theirs"):
        private, public = pair(name)
        (file.parent / f"{name}.key").write_bytes(private)
        (file.parent / f"{name}.pub").write_bytes(public)


@cache
def pair(name):  # sealing one takes long
    key = PrivateKey.generate()
    return key.encrypt(b""), key.public.pem


def attach(reference, file, form):
    media_type = f"application/{'vnd.cyclonedx' if form == 'cyclonedx' else form}+json"
    assert run(["attach", reference, f"{file}:{media_type}", "--artifact-type", media_type]) == 0


@pytest.mark.usefixtures("private_cache", "file")
@pytest.mark.parametrize("form", ["cyclonedx", "spdx"])
def test_the_attached_one_is_given(reference, capsys, form):
    assert "no SBOM in the form of" in told(capsys, reference, "--attached", "--format", form, code=4).err
    made = told(capsys, reference, "--format", form, "-o", "sbom.json").out
    attach(reference, "sbom.json", form)
    capsys.readouterr()
    given = told(capsys, reference, "--attached", "--format", form)
    assert given.out == (Path(made.strip())).read_text()
    assert "nobody was asked to vouch for this SBOM" in given.err
    Path("other.json").write_text('{"name": "\\u202e other"}')
    attach(reference, "other.json", form)
    refused = told(capsys, reference, "--attached", "--format", form, code=2).err
    assert "2 different SBOMs" in refused
    command = re.search(r"hint: +wasmbuild sbom (.*)", " ".join(refused.split()).replace(" docs:", "\n"))
    assert command is not None
    chosen = told(capsys, *command[1].split()).out
    assert chosen in {given.out, '{\n  "name": "\\u202e other"\n}\n'}
    absent = told(capsys, *command[1].split()[:-1], f"sha256:{'0' * 64}", code=4).err
    assert "is attached to" in absent


@pytest.mark.usefixtures("private_cache", "keys")
def test_one_document_in_two_orders_is_one(reference, capsys):
    """cosign writes the names of fields in an order of its own."""
    told(capsys, reference, "-o", "sbom.json")
    made = json.loads(Path("sbom.json").read_text())
    Path("turned.json").write_text(json.dumps(dict(reversed(made.items()))))
    for name, file in (("ours", "sbom.json"), ("theirs", "turned.json")):
        key = f"{name}.key"
        assert run(["attest", reference, "--predicate", file, "--type", "cyclonedx", "--key", key]) == 0
    capsys.readouterr()
    given = told(capsys, reference, "--attached", "--key", "ours.pub", "--key", "theirs.pub").out
    assert json.loads(given) == made


@pytest.mark.usefixtures("private_cache", "keys")
def test_the_attested_one_is_given_when_somebody_trusted_said_it(reference, capsys):
    told(capsys, reference, "-o", "sbom.json")
    assert run(["attest", reference, "--predicate", "sbom.json", "--type", "cyclonedx", "--key", "ours.key"]) == 0
    Path("lie.json").write_text("{}")
    assert run(["attest", reference, "--predicate", "lie.json", "--type", "cyclonedx", "--key", "theirs.key"]) == 0
    attach(reference, "lie.json", "cyclonedx")
    capsys.readouterr()
    given = told(capsys, reference, "--attached", "--key", "ours.pub", "--format", "json")
    document = json.loads(given.out)
    assert (document["verified"], document["sbom"]) == (True, json.loads(Path("sbom.json").read_text()))
    assert "nobody" not in given.err
    assert "WB406" in told(capsys, reference, "--attached", "--key", "ours.pub", "--format", "spdx", code=4).err
    both = ("--attached", "--key", "ours.pub", "--key", "theirs.pub")
    refused = told(capsys, reference, *both, code=2).err
    assert "2 different" in refused
    said = {told(capsys, reference, *both, "--manifest", each).out for each in re.findall(r"in (sha256:\w+)", refused)}
    assert said == {Path("sbom.json").read_text(), "{}\n"}
    assert told(capsys, reference, "--attached", "--key", "ours.pub", "-o", "it.json").out == "it.json\n"
    assert Path("it.json").read_text() == Path("sbom.json").read_text()
    Path("policy.toml").write_text(POLICY)
    by_policy = told(capsys, reference, "--attached", "--policy", "policy.toml", "--format", "json")
    assert (json.loads(by_policy.out)["verified"], json.loads(by_policy.out)["sbom"]) == (True, document["sbom"])
    assert run(["sign", reference, "--key", "theirs.key"]) == 0
    capsys.readouterr()
    assert told(capsys, reference, "--attached", "--policy", "policy.toml", "--key", "theirs.pub").out == "{}\n"


POLICY = """version = 1
[authorities.ours]
keys = ["ours.pub"]
[[scope]]
repositories = ["*"]
[[scope.attestation]]
type = "cyclonedx"
by = ["ours"]
"""


@pytest.mark.usefixtures("private_cache", "keys")
def test_a_policy_is_enforced_for_an_attached_one_and_refused_for_another(reference, capsys, monkeypatch):
    Path("policy.toml").write_text(POLICY)
    Path("lie.json").write_text("{}")
    attach(reference, "lie.json", "cyclonedx")
    assert run(["attest", reference, "--predicate", "lie.json", "--type", "cyclonedx", "--key", "theirs.key"]) == 0
    told(capsys, reference, "--attached", "-o", "out.json")
    denied = ("--attached", "-o", "denied.json")
    for trusted in ([], ["--key", "theirs.pub"]):  # whom a person trusts besides does not make up for the policy
        refused = told(capsys, reference, *denied, "--trust-policy", "policy.toml", *trusted, code=4)
        assert "WB405" in refused.err
    assert "there is no trust policy" in told(capsys, reference, *denied, "--policy", "no.toml", code=2).err
    Path("config.toml").write_text("")
    Path("trust-policy.toml").write_text(POLICY)
    monkeypatch.setenv("WASMBUILD_CONFIG", str(Path("config.toml").absolute()))
    assert "WB405" in told(capsys, reference, *denied, code=4).err
    assert not Path("denied.json").exists()
    told(capsys, reference, "--attached", "--no-trust-policy")
    for flags in (["--key", "ours.pub"], ["--policy", "policy.toml"], ["--manifest", "sha256:0"]):
        assert "go with --attached alone" in told(capsys, "greeter.wasm", *flags, code=2).err


def test_an_sbom_of_another_artifact_is_not_taken_for_one_of_this(capsys):
    """Whoever writes the list that stands in for the referrers API may put anything on it."""
    ours, theirs = pack(WHOLE, "hello"), pack(MODULE, "other")
    with scripted(OldRegistry()) as server:
        repository = Registries().repository(Reference.parse(f"{server.address}/a"))
        ours.push_to(repository)
        theirs.push_to(repository)
        document = Document(cyclonedx.MEDIA_TYPE, b"{}", {})
        about = Companion("SBOM", Predicate(CYCLONEDX, {}), document)
        attach_documents(repository, theirs.manifest, [about], "1970-01-01T00:00:00Z", ignore, signed=False)
        listed = Index(manifests=tuple(repository.referrers(theirs.manifest))).encode()
        assert len(repository.referrers(theirs.manifest)) == 1
        repository.put(describe(OCI_INDEX, listed), listed, f"sha256-{ours.manifest.digest.encoded}")
        told(capsys, f"{server.address}/a@{theirs.manifest.digest}", "--attached")
        said = told(capsys, f"{server.address}/a@{ours.manifest.digest}", "--attached", code=4)
    assert "no SBOM in the form of CycloneDX is attached" in said.err

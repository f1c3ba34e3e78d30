"""``sbom``: of a file, of an artifact in a real registry, and attached to it."""

import json
import time

import pytest

from registry.client.registries import Registries
from registry.digest import Digest
from registry.reference import Reference
from tests.unit.sbom.files import WHOLE
from wasmbuild.artifact import pack
from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidWasm, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.sbom.gathering import Known
from wasmbuild.workflows.sbom import Subject, make_sbom, open_subject


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
        open_subject("gone.wasm", caches=Caches.of_user, registries=Registries, sink=ignore)


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

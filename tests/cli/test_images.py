"""``wasmbuild push --image`` and ``--also-image``: what is attested of an image is held against the file in it."""

import json

import pytest

from registry.client.registries import Registries
from registry.digest import Digest
from registry.reference import Reference
from wasmbuild.cli.main import run
from wasmbuild.image.names import IMAGE_LAYER
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import sign_statement
from wasmbuild.trust.statement import Statement, Subject
from wasmbuild.workflows.capability_claim import capability_predicate

MODULE = b"\0asm\1\0\0\0"
IMPORTING = MODULE + b"\1\4\1\x60\0\0\2\7\1\1a\1b\0\0"  # imports the function b of a
KEY = PrivateKey.generate()
SIGNED = ("--sign", "--key", "ours.key")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, private_cache):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    (tmp_path / "a.wasm").write_bytes(MODULE)
    (tmp_path / "ours.key").write_bytes(KEY.encrypt(b""))
    (tmp_path / "ours.pub").write_bytes(KEY.public.pem)
    return tmp_path


@pytest.fixture
def name(registry_address, repository_name):
    return f"{registry_address}/{repository_name}:1"


@pytest.fixture
def said(capsys):
    """Runs a command with ``--format json``: its document, once it has ended with a code."""

    def call(*command, code=0):
        capsys.readouterr()
        assert run([*command, "--format", "json"]) == code
        return json.loads(capsys.readouterr().out)

    return call


@pytest.mark.parametrize("form", ["compat", "shim"])
def test_what_is_attached_to_an_image_is_about_it_and_about_the_file_in_it(name, said, form):
    pushed = said("push", name, "a.wasm", "--image", "--image-form", form, *SIGNED)
    assert {each["predicateType"] for each in pushed["attestations"]} == {
        "https://cyclonedx.org/bom",
        "https://wasmbuild.dev/capabilities/v1",
    }
    assert said("verify", name, "--key", "ours.pub", "--type", "capabilities")["outcome"] == "verified"
    assert said("verify-file", "a.wasm", "--against", name, "--key", "ours.pub")["outcome"] == "verified"
    again = said("push", name, "a.wasm", "--image", "--image-form", form, *SIGNED)
    assert (again["reference"], again["copied"]["contents"], again["referrers"]) == (pushed["reference"], 0, [])


def test_what_the_file_in_an_image_contradicts_is_refused(name, said):
    said("push", name, "a.wasm", "--image", "--sbom", "none")
    repository = Registries().repository(Reference.parse(name))
    subject, predicate = repository.resolve("1"), capability_predicate(IMPORTING)
    statement = Statement((Subject({"sha256": subject.digest.encoded}),), predicate.type, predicate.content)
    attach(sign_statement(statement, KEY), subject, predicate.type, "1970-01-01T00:00:00Z").push_to(repository)
    refused = said("verify", name, "--key", "ours.pub", "--type", "capabilities", code=4)
    assert refused["error"]["code"] == "WB406"
    assert "not true of the file" in refused["rejected"][0]


def test_a_rehearsal_has_the_images_and_pushes_nothing(name, said, monkeypatch):
    monkeypatch.setenv("WASMBUILD_PUSH_ALSO_IMAGE", "true")
    monkeypatch.setenv("WASMBUILD_PUSH_IMAGE_FORM", "compat shim")
    rehearsed = said("push", name, "a.wasm", "--dry-run", *SIGNED)
    assert [(each["form"], each["tags"], each["signs"]) for each in rehearsed["images"]] == [
        ("compat", ["1-image"], True),
        ("shim", ["1-shim"], True),
    ]
    said("resolve", name, code=6)
    pushed = said("push", name, "a.wasm", *SIGNED)
    assert [each["descriptor"] for each in pushed["images"]] == [each["descriptor"] for each in rehearsed["images"]]


def test_stdout_has_the_artifact_alone(name, capsys):
    assert run(["push", name, "a.wasm", "--also-image", "--sbom", "none"]) == 0
    printed, told = capsys.readouterr()
    assert len(printed.split()) == 1
    assert "the image is " in told


def test_what_is_fetched_of_an_image_anyway_is_said_of_it(name, capsys):
    assert run(["push", name, "a.wasm", "--also-image", "--sbom", "none"]) == 0
    capsys.readouterr()
    assert run(["inspect", f"{name}-image"]) == 0
    page = capsys.readouterr().out
    assert f"layer         {IMAGE_LAYER}\n" in page
    assert "--deep" not in page
    assert run(["inspect", name]) == 0
    page = capsys.readouterr().out
    assert "layer         application/wasm\n" in page
    assert "with --deep, which fetches the file" in page


def test_other_commands_read_the_file_of_an_image(name, said, place):
    said("push", name, "a.wasm", "--also-image", "--sbom", "none")
    found = said("inspect", f"{name}-image")
    assert (found["kind"], found["size"], found["digest"]) == ("module", len(MODULE), str(Digest.of(MODULE)))
    assert found["artifact"]["layer"]["mediaType"] == IMAGE_LAYER
    deep = said("inspect", f"{name}-image", "--deep")
    assert (deep["kind"], deep["size"], deep["artifact"]["config"]["doubts"]) == ("module", len(MODULE), [])
    assert said("diff", name, f"{name}-image")["command"] == "diff"
    (place / "b.wasm").write_bytes(IMPORTING)
    said("verify-file", "b.wasm", "--against", f"{name}-image", "--key", "ours.pub", code=4)

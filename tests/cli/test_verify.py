"""``wasmbuild verify`` and ``verify-file``, and failures as documents, in this process."""

import base64
import hashlib
import json

import pytest

from registry.client.registries import Registries
from registry.model import describe
from registry.reference import Reference
from wasmbuild.cli.main import run
from wasmbuild.errors import UsageFailed
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.predicates import CYCLONEDX, PROVENANCE
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import sign, sign_statement
from wasmbuild.trust.statement import Statement, Subject
from wasmbuild.ui.console import Console
from wasmbuild.workflows import verify_file
from wasmbuild.workflows.capability_claim import capability_predicate

MODULE = b"\0asm\1\0\0\0"
KEY, OTHER_KEY = PrivateKey.generate(), PrivateKey.generate()
SEALED = KEY.encrypt(b"")
TYPE = "https://example.com/reviewed"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    (tmp_path / "a.wasm").write_bytes(MODULE)
    (tmp_path / "ours.key").write_bytes(SEALED)
    (tmp_path / "ours.pub").write_bytes(KEY.public.pem)
    (tmp_path / "theirs.pub").write_bytes(OTHER_KEY.public.pem)
    return tmp_path


@pytest.fixture
def pushed(registry_address, repository_name, place, private_cache):
    name = f"{registry_address}/{repository_name}:1"
    assert run(["push", name, "a.wasm", "--sbom", "none"]) == 0
    return name


@pytest.fixture
def said(capsys):
    """Runs a command with ``--format json``: its document, once it has ended with a code."""

    def call(*command, code=0):
        capsys.readouterr()
        assert run([*command, "--format", "json"]) == code
        return json.loads(capsys.readouterr().out)

    return call


def attested(name, predicate_type=TYPE, key=KEY, content=None):
    reference = Reference.parse(name)
    repository = Registries().repository(reference)
    subject = repository.resolve("1")
    statement = Statement((Subject({"sha256": subject.digest.encoded}),), predicate_type, content or {})
    attach(sign_statement(statement, key), subject, predicate_type, "1970-01-01T00:00:00Z").push_to(repository)


def test_a_failure_is_a_document_that_says_what_was_found(pushed, said):
    unsigned = said("verify", pushed, "--key", "ours.pub", code=4)
    assert (unsigned["command"], unsigned["outcome"], unsigned["signatures"]) == ("verify", "unsigned", [])
    assert unsigned["error"]["code"] == "WB401"
    assert run(["sign", pushed, "--key", "ours.key"]) == 0
    invalid = said("verify", pushed, "--key", "theirs.pub", code=4)
    assert (invalid["schemaVersion"], invalid["outcome"], invalid["error"]["code"]) == (1, "invalid", "WB402")
    assert {each["kind"]: each["holds"] for each in invalid["signatures"]} == {"bundle": False, "legacy": False}
    assert "another key" in invalid["signatures"][0]["reason"]
    assert invalid["lookedAt"]
    both = said("verify", pushed, "--key", "theirs.pub", "--key", "ours.pub")
    assert both["outcome"] == "verified"
    assert both["trusted"] == [OTHER_KEY.public.fingerprint, KEY.public.fingerprint]


def test_a_registry_that_does_not_answer_is_neither(place, said):
    failed = said("verify", "127.0.0.1:1/a/b:1", "--key", "ours.pub", "--retry-for", "0", code=6)
    assert (failed["outcome"], failed["error"]["code"]) == ("failed", "WB301")


def test_what_has_a_result_gets_no_document_beside_it(pushed, capsys):
    """A document more, behind a result or behind bytes, would be read as part of it."""
    capsys.readouterr()
    console = Console(format="json", command="a verb")
    failure = UsageFailed("it failed")
    console.fail(failure)
    assert json.loads(capsys.readouterr().out)["error"]["what"] == "it failed"
    console.fail(failure)
    assert capsys.readouterr().out == ""
    console = Console(format="json")
    console.result("a verb", "", {"outcome": "as good as it gets"})
    console.fail(failure)
    assert json.loads(capsys.readouterr().out)["outcome"] == "as good as it gets"
    console = Console(format="json")
    console.hand_over()
    console.fail(failure)
    assert capsys.readouterr().out == ""
    assert run(["tags", f"{pushed.rpartition(':')[0]}-nowhere"]) != 0
    assert capsys.readouterr().out == ""  # without --format json


def test_signed_annotations_are_demanded(pushed, said, capsys):
    assert run(["sign", pushed, "--key", "ours.key", "-a", "stage=test", "-a", "by=ada"]) == 0
    for wanted in (["stage=test"], ["stage=test", "by=ada"]):
        flags = [word for each in wanted for word in ("-a", each)]
        assert said("verify", pushed, "--key", "ours.pub", *flags)["outcome"] == "verified"
    refused = said("verify", pushed, "--key", "ours.pub", "-a", "stage=test", "-a", "by=bob", code=4)
    assert refused["outcome"] == "invalid"
    assert all("it does not say by=bob" in each["reason"] for each in refused["signatures"])
    assert run(["verify", pushed, "--key", "ours.pub", "-a", "stage"]) == 2


def test_a_signature_that_is_there_often_is_told_once_and_counts_once(pushed, said, capsys):
    """Anybody who may push can copy it, and write (r, n - s) for (r, s): as many as they like, by one signer."""
    reference = Reference.parse(pushed)
    repository = Registries().repository(reference)
    subject = repository.resolve("1")
    for second in range(3):
        sign(subject, reference.name, KEY, f"1970-01-01T00:00:0{second}Z").push_to(repository)
    document = said("verify", pushed, "--key", "ours.pub")
    assert [each["holds"] for each in document["signatures"]] == [True] * 3
    assert run(["verify", pushed, "--key", "ours.pub"]) == 0
    assert capsys.readouterr().err.count("a bundle signature by") == 1


def test_an_attestation_of_a_type_is_demanded(pushed, said):
    assert run(["sign", pushed, "--key", "ours.key"]) == 0
    none = said("verify", pushed, "--key", "ours.pub", "--type", TYPE, code=4)
    assert (none["outcome"], none["error"]["code"]) == ("unsigned", "WB406")
    attested(pushed, "https://example.com/other")
    others = said("verify", pushed, "--key", "ours.pub", "--type", TYPE, code=4)
    assert others["error"]["cause"] == "there is one of https://example.com/other"
    attested(pushed, key=OTHER_KEY)
    invalid = said("verify", pushed, "--key", "ours.pub", "--type", TYPE, code=4)
    assert (invalid["outcome"], invalid["error"]["code"]) == ("invalid", "WB406")
    attested(pushed)
    good = said("verify", pushed, "--key", "ours.pub", "--type", TYPE, "--type", "https://example.com/other")
    assert good["outcome"] == "verified"
    assert sorted(each["holds"] for each in good["attestations"]) == [False, True, True]


def test_an_attestation_does_not_pass_for_another_type_whatever_its_manifest_says(pushed, said):
    reference = Reference.parse(pushed)
    repository = Registries().repository(reference)
    subject = repository.resolve("1")
    statement = Statement((Subject({"sha256": subject.digest.encoded}),), "https://example.com/other")
    attach(sign_statement(statement, KEY), subject, TYPE, "1970-01-01T00:00:00Z").push_to(repository)
    assert said("verify", pushed, "--key", "ours.pub", "--type", TYPE, code=4)["outcome"] == "unsigned"


def test_a_signature_is_explained(pushed, capsys):
    assert run(["sign", pushed, "--key", "ours.key", "-a", "a=\x1b[1m"]) == 0
    capsys.readouterr()
    for key, holds in (("ours.pub", True), ("theirs.pub", False)):
        assert run(["verify", pushed, "--key", key, "--explain"]) == (0 if holds else 4)
        out = capsys.readouterr().out
        assert out.count(": holds" if holds else ": does not hold") == 2
        assert "the referrers API" in out
        assert "\x1b" not in out
        assert ("signer" in out) is holds
        assert ("\n   reason      it was made with another key\n" in out) is not holds


def test_a_file_is_the_one_of_a_signed_artifact(pushed, place, said, capsys):
    command = ("verify-file", "a.wasm", "--against", pushed, "--key", "ours.pub")
    assert said(*command, code=4)["error"]["code"] == "WB401"
    assert run(["sign", pushed, "--key", "ours.key"]) == 0
    verified = said(*command)
    assert run([*command]) == 0
    assert "a bundle signature by SHA256:" in capsys.readouterr().err
    assert (verified["outcome"], verified["file"]) == ("verified", "a.wasm")
    assert verified["digest"] == f"sha256:{hashlib.sha256(MODULE).hexdigest()}"
    (place / "a.wasm").write_bytes(MODULE + b"\0\3\1a\0")
    differs = said(*command, code=4)
    assert (differs["outcome"], differs["error"]["code"]) == ("failed", "WB202")
    assert run(["verify-file", "nowhere.wasm", "--against", pushed, "--key", "ours.pub"]) == 2


def bundle_of(file, key=KEY):
    return {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.public.hint}},
        "messageSignature": {
            "messageDigest": {
                "algorithm": "SHA2_256",
                "digest": base64.b64encode(hashlib.sha256(file).digest()).decode(),
            },
            "signature": base64.b64encode(key.sign(file)).decode(),
        },
    }


def test_a_bundle_vouches_for_a_file(place, said, capsys, monkeypatch):
    command = ("verify-file", "a.wasm", "--bundle", "a.json", "--key", "ours.pub")
    (place / "a.json").write_text(json.dumps(bundle_of(MODULE)))
    assert run([*command]) == 0
    assert capsys.readouterr().out == f"sha256:{hashlib.sha256(MODULE).hexdigest()}\n"
    (place / "a.json").write_text(json.dumps(bundle_of(b"another")))
    refused = said(*command, code=4)
    assert (refused["outcome"], refused["error"]["code"]) == ("invalid", "WB402")
    assert "another file" in refused["signatures"][0]["reason"]
    monkeypatch.setattr(verify_file, "MAX_FILE", len(MODULE) - 1)
    assert said(*command, code=1)["error"]["what"] == f"a.wasm has more than {len(MODULE) - 1} bytes"


def test_a_policy_of_the_environment_is_not_in_the_way_of_keys(place, pushed, capsys, monkeypatch):
    (place / "a.json").write_text(json.dumps(bundle_of(MODULE)))
    (place / "policy.toml").write_text(POLICY.replace("REPOSITORY", "*"))
    monkeypatch.setenv("WASMBUILD_TRUST_POLICY", "policy.toml")
    command = ["verify-file", "a.wasm", "--bundle", "a.json"]
    assert run([*command, "--key", "ours.pub"]) == 0
    assert run([*command, "--key", "theirs.pub"]) == 4
    assert run([*command, "--key", "ours.pub", "--policy", "policy.toml"]) == 2
    capsys.readouterr()
    for refused in (command, ["verify", pushed, "--key", "ours.pub", "-a", "a=b"]):
        assert run(refused) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "WASMBUILD_TRUST_POLICY names a policy" in said
        assert "--no-trust-policy" in said
    assert run(["sign", pushed, "--key", "ours.key", "-a", "a=b"]) == 0
    assert run([*refused, "--no-trust-policy"]) == 0


def test_an_attestation_beside_a_file_is_no_signature_of_it(place, said):
    command = ("verify-file", "a.wasm", "--bundle", "a.json", "--key", "ours.pub")
    statement = Statement((Subject({"sha256": describe("t", MODULE).digest.encoded}),), TYPE)
    (place / "a.json").write_bytes(sign_statement(statement, KEY))
    assert TYPE in said(*command, code=4)["error"]["cause"]
    assert said(*command, "--type", TYPE)["outcome"] == "verified"
    assert said(*command, "--type", "https://example.com/other", code=4)["error"]["code"] == "WB406"


def test_what_is_attested_of_a_file_beside_it_is_held_against_its_bytes(place, said):
    command = ("verify-file", "a.wasm", "--bundle", "a.json", "--key", "ours.pub", "--type", "capabilities")
    subject = Subject({"sha256": describe("t", MODULE).digest.encoded})
    true, importing = MODULE, MODULE + b"\1\4\1\x60\0\0\2\7\1\1a\1b\0\0"  # imports the function b of a
    for about, code in ((true, 0), (importing, 4)):
        predicate = capability_predicate(about)
        (place / "a.json").write_bytes(sign_statement(Statement((subject,), predicate.type, predicate.content), KEY))
        document = said(*command, code=code)
    assert "not true of the file" in document["error"]["what"]


@pytest.mark.parametrize(
    "flags",
    [
        ("--key", "ours.pub"),
        ("--against", "127.0.0.1:1/a", "--bundle", "a.json", "--key", "ours.pub"),
        ("--bundle", "a.json"),
        ("--against", "127.0.0.1:1/a", "--type", TYPE, "--key", "ours.pub"),
        ("--bundle", "nowhere.json", "--key", "ours.pub"),
    ],
)
def test_what_verify_file_needs(flags, capsys):
    assert run(["verify-file", "a.wasm", *flags]) == 2
    assert "WB110" in capsys.readouterr().err


def test_who_else_accepts_it(pushed, said, capsys):
    assert run(["sign", pushed, "--key", "ours.key"]) == 0
    document = said("interop", pushed, "--key", "ours.pub")
    accepts = {each["verifier"]: each["accepts"] for each in document["verifiers"]}
    assert (document["checked"], document["referrers"]) == (True, "API")
    assert (accepts["cosign 2.6"], accepts["cosign 3"], accepts["notation 1"]) == (True, True, False)
    document = said("interop", pushed, "--key", "theirs.pub")
    assert not any(each["accepts"] for each in document["verifiers"])
    assert run(["interop", pushed]) == 0
    printed = capsys.readouterr()
    assert "no signature was verified" in printed.err
    assert "by a bundle" in printed.out
    assert run(["interop", pushed, "--trust-policy", "a.toml"]) == 2


POLICY = """version = 1
[authorities.ours]
keys = ["ours.pub"]
[authorities.theirs]
keys = ["theirs.pub"]
[[scope]]
repositories = ["REPOSITORY"]
signed-by = ["ours", "theirs"]
threshold = 2
"""


def test_what_a_policy_denies_is_never_called_verified(pushed, place, said, capsys):
    policy = POLICY.replace("REPOSITORY", pushed.rpartition(":")[0])
    (place / "policy.toml").write_text(policy)
    command = ("verify", pushed, "--policy", "policy.toml")
    assert said(*command, code=4)["outcome"] == "denied"
    assert run(["sign", pushed, "--key", "ours.key"]) == 0
    denied = said(*command, code=4)
    assert (denied["outcome"], denied["error"]["code"]) == ("denied", "WB405")
    assert denied["rejected"] == denied["error"]["cause"].splitlines()
    assert any(each["holds"] for each in denied["signatures"])  # one of two is not enough
    assert not denied["policy"]["holds"]
    assert run([*command, "--explain"]) == 4
    assert "\ndenies " in capsys.readouterr().out
    (place / "policy.toml").write_text(policy.replace("threshold = 2", "threshold = 1"))
    assert said(*command)["outcome"] == "verified"
    assert run([*command, "-a", "a=b"]) == 2


FIELDS = {"reference", "descriptor", "outcome", "trusted", "rejected", "signatures", "attestations", "error"}


REFUSED = [
    (["verify", "REF", "--key", "theirs.pub"], "invalid"),
    (["verify", "REF", "--key", "theirs.pub", "--type", TYPE], "invalid"),
    (["verify", "REF", "--key", "ours.pub", "--type", "spdx"], "unsigned"),
    (["verify", "REF", "--policy", "policy.toml"], "denied"),
    (["verify", "REF", "--policy", "elsewhere.toml"], "denied"),
    (["verify", "--offline", "it.tar", "--key", "theirs.pub"], "invalid"),
    (["verify", "--offline", "it.tar", "--policy", "policy.toml", "--as", "REF"], "denied"),
    (["verify-file", "a.wasm", "--against", "REF", "--policy", "policy.toml"], "denied"),
    (["pull", "REF", "-o", "b.wasm", "--key", "theirs.pub"], "invalid"),
    (["pull", "REF", "-o", "b.wasm", "--policy", "policy.toml"], "denied"),
    (["copy", "REF", "oci:out:1", "--trust-policy", "policy.toml"], "denied"),
    (["attestations", "REF", "--key", "theirs.pub", "--type", TYPE, "-o", "b.json"], "invalid"),
    (["attestations", "REF", "--key", "ours.pub", "--type", "spdx", "-o", "b.json"], "unsigned"),
    (["sbom", "REF", "--attached", "--key", "theirs.pub"], "invalid"),
    (["sbom", "REF", "--attached"], "unsigned"),
    (["sbom", "REF", "--attached", "--policy", "policy.toml"], "denied"),
    (["rebuild", "REF", "--key", "theirs.pub"], "invalid"),
    (["rebuild", "REF", "--key", "ours.pub"], "invalid"),
    (["rebuild", "REF"], "invalid"),
    (["rebuild", "REF", "--policy", "policy.toml"], "denied"),
]


def test_every_demand_that_is_not_fulfilled_is_told_alike(pushed, place, said):
    assert run(["sign", pushed, "--key", "ours.key"]) == 0
    for predicate_type in (TYPE, CYCLONEDX, PROVENANCE):
        attested(pushed, predicate_type)
    (place / "policy.toml").write_text(POLICY.replace("REPOSITORY", pushed.rpartition(":")[0]))
    (place / "elsewhere.toml").write_text(POLICY.replace("REPOSITORY", "example.com/a"))
    assert run(["save", pushed, "-o", "it.tar", "--with-trust"]) == 0
    for command, outcome in REFUSED:
        document = said(*(word.replace("REF", pushed) for word in command), code=4)
        assert (document["outcome"], document.keys() & FIELDS) == (outcome, FIELDS), command
        assert bool(document["rejected"]) == (outcome != "unsigned"), command
        assert ("policy" in document) == (outcome == "denied"), command


def test_rebuild_calls_an_artifact_without_provenance_unsigned(pushed, said):
    for trusted in ([], ["--key", "ours.pub"]):
        assert said("rebuild", pushed, *trusted, code=4)["outcome"] == "unsigned"


def test_what_the_bytes_contradict_matters_to_those_who_ask_for_it(pushed, said, capsys):
    importing = MODULE + b"\1\4\1\x60\0\0\2\7\1\1a\1b\0\0"  # imports the function b of a
    predicate = capability_predicate(importing)
    attested(pushed, predicate.type, content=predicate.content)
    attested(pushed)
    asked = said("verify", pushed, "--key", "ours.pub", "--type", TYPE)
    assert (asked["outcome"], [each["predicateType"] for each in asked["attestations"]]) == ("verified", [TYPE])
    untrue = said("verify", pushed, "--key", "ours.pub", "--type", "capabilities", code=4)
    assert (untrue["outcome"], untrue["error"]["code"]) == ("invalid", "WB406")
    assert "not true of the file" in untrue["rejected"][0]

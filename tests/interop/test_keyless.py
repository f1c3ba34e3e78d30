"""Signed with the real services of sigstore and the extra, verified by the base install, offline.

The certificate-transparency log is a fake; ``keyless_services`` says how.
"""

import base64
import copy
import json
import shlex
import time

import pytest

from registry.digest import Digest
from registry.model import OCI_MANIFEST, Descriptor
from tests.interop.keyless_services import EMAIL, services
from tests.interop.making import fresh, wasm_file
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.sigstore.authority import Expected, IdentityAuthority
from wasmbuild.trust.sigstore.trusted_root import TrustedRoot
from wasmbuild.trust.statement import Statement
from wasmbuild.trust.verifier import Outcome, Verifier

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("sigstore")]


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory):
    """All of the services."""
    with services(tmp_path_factory.mktemp("sigstore")) as running:
        yield running


@pytest.fixture
def told(run, sigstore, tmp_path):
    """The files that a client is given, in the folder of this test."""
    (tmp_path / "config.json").write_text(json.dumps(sigstore.configuration()))
    (tmp_path / "trusted_root.json").write_text(json.dumps(sigstore.trusted_root))
    (tmp_path / "token").write_text(sigstore.token())
    return run


@pytest.fixture
def artifact(told, ours, tmp_path):
    """An artifact by digest, not signed."""
    return told.ours("push", f"{fresh(ours)}:v1", wasm_file(tmp_path))["reference"]


SIGN = ("--identity-token", "token", "--trust-config", "config.json")


def asked(sigstore, identity=EMAIL, issuer=None):
    named = ("--certificate-identity", identity, "--certificate-oidc-issuer", issuer or sigstore.issuer)
    return (*named, "--trusted-root", "trusted_root.json")


def test_we_sign_with_an_identity_and_verify_offline(told, sigstore, artifact):
    told.data("wasmbuild", "verify", artifact, *asked(sigstore), code=4)
    signed = told.ours("sign", artifact, *SIGN, "-a", "stage=prod")
    assert signed["added"]
    verified = told.ours("verify", artifact, *asked(sigstore))
    (signature,) = [each for each in verified["signatures"] if each["holds"]]
    assert (signature["signer"]["identity"], signature["signer"]["issuer"]) == (EMAIL, sigstore.issuer)
    assert signature["annotations"] == {"stage": "prod"}
    assert signature["signer"]["signedAt"].startswith(time.strftime("%Y-", time.gmtime()))


def test_somebody_else_is_not_the_one(told, sigstore, artifact):
    told.ours("sign", artifact, *SIGN)
    for wrong in (asked(sigstore, "bob@example.com"), asked(sigstore, issuer="https://example.com")):
        assert "it was made by" in told.said("wasmbuild", "verify", artifact, *wrong, code=4)


def test_what_is_signed_already_is_not_signed_again(told, artifact):
    assert told.ours("sign", artifact, *SIGN)["added"]
    assert not told.ours("sign", artifact, *SIGN)["added"]
    assert told.ours("sign", artifact, *SIGN, "-a", "stage=prod")["added"]


def test_we_attest_with_an_identity_and_cosign_verifies(told, cosign, sigstore, artifact, tmp_path):
    (tmp_path / "scan.json").write_text('{"found": 0}')
    wanted = ("--type", "https://example.com/scan/v1")
    attest = ("attest", artifact, "--predicate", "scan.json", *wanted, *SIGN)
    assert told.ours(*attest)["added"]
    assert not told.ours(*attest)["added"]
    told.data("wasmbuild", "verify", artifact, *asked(sigstore), code=4)
    told.ours("verify", artifact, *asked(sigstore), *wanted)
    told.data("wasmbuild", "verify", artifact, *asked(sigstore, "bob@example.com"), *wanted, code=4)
    options = ("--allow-http-registry", "--use-signed-timestamps", *wanted)
    cosign.data("cosign", "verify-attestation", *options, *asked(sigstore), artifact)


def test_a_token_may_be_in_a_variable_and_is_in_no_message(told, sigstore, artifact):
    token = sigstore.token()
    variable = ("--identity-token", "env://TOKEN", "--trust-config", "config.json")
    assert told.ours("sign", artifact, *variable, TOKEN=token)["added"]
    refused = sigstore.token(audience="sigstore", email="not an address")
    said = told.said("wasmbuild", "sign", artifact, *variable, "--debug", TOKEN=refused, code=1)
    assert "WB408" in said
    assert refused not in said
    said = told.said("wasmbuild", "sign", artifact, *variable, TOKEN=sigstore.token(minutes=-5), code=1)
    assert "identity token cannot be used" in said


def test_a_job_of_gitlab_has_an_identity_of_its_own(told, sigstore, artifact):
    job = {"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": sigstore.token()}
    assert told.ours("sign", artifact, "--keyless", "--trust-config", "config.json", **job)["added"]
    told.ours("verify", artifact, *asked(sigstore))


def test_a_release_is_signed_and_attested_with_an_identity(told, cosign, sigstore, ours, tmp_path):
    told.ours("new", "--template", "wat-cli", "hello")
    with (tmp_path / "hello" / "wasmbuild.toml").open("a") as file:
        file.write(f'\n[registry]\nrepository = "{fresh(ours)}"\n')
    released = told.ours("release", "hello", "--no-check-reproducibility", *SIGN)
    (target,) = released["targets"]
    kinds = {each["kind"] for each in target["attached"]}
    assert {"attestation slsaprovenance1 (bundle)", "signature (bundle)"} <= kinds
    command = shlex.split(target["verify"])
    assert command[:2] == ["wasmbuild", "verify"]
    told.ours(*command[1:], "--trusted-root", "trusted_root.json")
    told.ours(*command[1:], "--type", "slsaprovenance1", "--trusted-root", "trusted_root.json")
    again = told.ours("release", "hello", *SIGN)
    assert again["nothingToDo"]
    assert again["targets"][0]["made"] == "published", "its provenance is our own"
    (tmp_path / "token").write_text(sigstore.token(email="somebody@example.org"))
    other = told.ours("release", "hello", "--no-check-reproducibility", *SIGN)
    assert other["targets"][0]["made"] == "unchanged", "nobody signs on the word of another identity"


def test_cosign_verifies_what_we_sign_with_an_identity(told, cosign, sigstore, artifact):
    told.ours("sign", artifact, *SIGN)
    options = ("--allow-http-registry", "--use-signed-timestamps")
    cosign.data("cosign", "verify", *options, *asked(sigstore), artifact)
    cosign.data("cosign", "verify", *options, *asked(sigstore, "bob@example.com"), artifact, code=1)


def test_we_verify_what_cosign_signs_with_an_identity(told, cosign, sigstore, artifact, tmp_path):
    (tmp_path / "signing.json").write_text(json.dumps(sigstore.configuration()["signingConfig"]))
    given = ("--identity-token", "token", "--signing-config", "signing.json")
    root = ("--trusted-root", "trusted_root.json")
    cosign.data("cosign", "sign", *given, *root, "--allow-http-registry", "-y", artifact)
    verified = told.ours("verify", artifact, *asked(sigstore))
    assert [each["signer"]["identity"] for each in verified["signatures"] if each["holds"]] == [EMAIL]


SUBJECT = Descriptor(OCI_MANIFEST, Digest.parse(f"sha256:{'ab' * 32}"), 2)
MATERIAL = ("verificationMaterial",)
ENTRY = (*MATERIAL, "tlogEntries", 0)
PLACES = [
    ("dsseEnvelope", "payload"),
    ("dsseEnvelope", "signatures", 0, "sig"),
    (*MATERIAL, "certificate", "rawBytes"),
    (*MATERIAL, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"),
    (*ENTRY, "canonicalizedBody"),
    (*ENTRY, "inclusionProof", "rootHash"),
    (*ENTRY, "inclusionProof", "checkpoint", "envelope"),
]


@pytest.fixture(scope="module")
def bundle(sigstore, tmp_path_factory):
    """A bundle of the services, as an object."""
    from wasmbuild.workflows.identity_signer import open_identity  # the extra

    folder = tmp_path_factory.mktemp("bundle")
    (folder / "token").write_text(sigstore.token())
    (folder / "config.json").write_text(json.dumps(sigstore.configuration()))
    signer = open_identity(str(folder / "token"), folder / "config.json")
    return json.loads(signer.sign(Statement.signature_of(SUBJECT.digest, "example.com/hello")))


@pytest.mark.parametrize("path", PLACES, ids=str)
def test_every_byte_of_what_the_services_signed_counts(sigstore, bundle, path):
    root = TrustedRoot.parse(json.dumps(sigstore.trusted_root).encode())
    verifier = Verifier([IdentityAuthority(Expected(EMAIL), Expected(sigstore.issuer), root)])

    def judged(value):
        candidate = Candidate(SignatureKind.BUNDLE, BUNDLE, json.dumps(value).encode())
        return verifier.verify(SUBJECT, [candidate])

    good = judged(bundle)
    assert good.outcome is Outcome.VERIFIED
    text = bundle
    for step in path:
        text = text[step]
    note = path[-1] == "envelope"
    data = text.encode() if note else base64.b64decode(text)
    refused = 0
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        value = copy.deepcopy(bundle)
        inner = value
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = changed.decode("utf-8", "replace") if note else base64.b64encode(changed).decode()
        found = judged(value)
        refused += found.outcome is not Outcome.VERIFIED
        assert found.outcome is not Outcome.VERIFIED or found.findings == good.findings
    assert refused > len(data) // 2

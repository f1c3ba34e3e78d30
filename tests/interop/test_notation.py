"""Signatures of the Notary Project that ``notation`` 1.3 verifies, and its own that we verify, on every registry."""

import json
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import keyless
from tests.interop.making import fresh, wasm_file
from tests.interop.peers import find

SUBJECT = "C=US,ST=WA,O=acme,CN=release"
ENVELOPES = pytest.mark.parametrize("envelope", ["jws", "cose"])


@pytest.fixture
def notation(run, keys, tmp_path):
    """Runs commands in a test that needs ``notation``; it trusts the certificate of ``release``, and signs with it."""
    find("notation")
    folder = tmp_path / "home" / "config" / "notation"
    folder.mkdir(parents=True)
    run.environment["XDG_CONFIG_HOME"] = str(folder.parent)
    for name in ("release", "other"):
        run.data("wasmbuild", "keys", "certificate", "--key", f"{name}.key", "-o", f"{name}.crt", "--subject", SUBJECT)
    run.data("wasmbuild", "keys", "export", "release.key", "--pkcs8", "--unencrypted", "-o", "plain.pem")
    run.data("notation", "cert", "add", "--type", "ca", "--store", "ours", "release.crt")
    own = {"name": "release", "keyPath": str(tmp_path / "plain.pem"), "certPath": str(tmp_path / "release.crt")}
    (folder / "signingkeys.json").write_text(json.dumps({"default": "release", "keys": [own]}))
    trust(folder, ["x509.subject: C=US, ST=WA, O=acme"])
    return run


def trust(folder, identities):
    policy = {
        "name": "ours",
        "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:ours"],
        "trustedIdentities": identities,
    }
    (folder / "trustpolicy.json").write_text(json.dumps({"version": "1.0", "trustPolicies": [policy]}))


@pytest.fixture
def artifact(notation, registry, tmp_path):
    """An artifact by digest, not signed."""
    return notation.ours("push", f"{fresh(registry)}:v1", wasm_file(tmp_path))["reference"]


def sign(notation, artifact, envelope, *more, by="release"):
    options = ("--signature-format", "notation", "--certificate-chain", f"{by}.crt", "--notation-envelope", envelope)
    return notation.ours("sign", artifact, "--key", f"{by}.key", *options, *more)


def check(notation, artifact, *more, code=0):
    return notation.data("notation", "verify", "--insecure-registry", *more, artifact, code=code)


@ENVELOPES
def test_notation_verifies_what_we_sign(notation, artifact, envelope):
    check(notation, artifact, code=1)
    sign(notation, artifact, envelope, "-a", "stage=prod <&>")
    check(notation, artifact)
    check(notation, artifact, "--user-metadata", "stage=prod <&>")
    check(notation, artifact, "--user-metadata", "stage=dev", code=1)
    listed = notation.text("notation", "ls", "--insecure-registry", artifact)
    assert "application/vnd.cncf.notary.signature" in listed


@ENVELOPES
def test_notation_refuses_another_certificate_and_another_name(notation, artifact, envelope, tmp_path):
    sign(notation, artifact, envelope, by="other")
    check(notation, artifact, code=1)
    sign(notation, artifact, envelope)
    check(notation, artifact)
    trust(tmp_path / "home" / "config" / "notation", ["x509.subject: C=US, ST=WA, O=other"])
    check(notation, artifact, code=1)


@ENVELOPES
def test_we_verify_what_notation_signs(notation, artifact, envelope):
    command = ("notation", "sign", "--insecure-registry", "--signature-format", envelope, "--user-metadata", "a=1")
    notation.data(*command, artifact)
    for trusted in (("--key", "release.pub"), ("--certificate-authority", "release.crt")):
        verified = notation.ours("verify", artifact, *trusted)
        (signature,) = verified["signatures"]
        assert (signature["kind"], signature["holds"], signature["annotations"]) == ("notation", True, {"a": "1"})
    for trusted in (("--key", "other.pub"), ("--certificate-authority", "other.crt")):
        notation.data("wasmbuild", "verify", artifact, *trusted, code=4)


@ENVELOPES
def test_expiry_that_notation_signs_is_read(notation, artifact, envelope):
    notation.data(
        "notation", "sign", "--insecure-registry", "--signature-format", envelope, "--expiry", "24h", artifact
    )
    assert notation.ours("verify", artifact, "--certificate-authority", "release.crt")["outcome"] == "verified"


def test_what_is_signed_for_everybody_is_verified_by_everybody(notation, artifact):
    options = ("--signature-format", "all", "--certificate-chain", "release.crt")
    for added in (True, False):
        signed = notation.ours("sign", artifact, "--key", "release.key", *options)
        assert [(each["kind"], each["added"]) for each in signed["signatures"]] == [
            ("bundle", added),
            ("legacy", added),
            ("notation", added),
        ]
    check(notation, artifact)
    verified = notation.ours("verify", artifact, "--key", "release.pub")
    assert [each["holds"] for each in verified["signatures"]] == [True, True, True]


def test_signatures_of_both_go_along_with_our_copy(notation, artifact, ours):
    notation.data("notation", "sign", "--insecure-registry", artifact)
    sign(notation, artifact, "cose")
    copied = notation.ours("copy", "-r", artifact, fresh(ours))["reference"]
    check(notation, copied)
    verified = notation.ours("verify", copied, "--certificate-authority", "release.crt")
    assert [each["holds"] for each in verified["signatures"]] == [True, True]


class Stamping(BaseHTTPRequestHandler):
    """A timestamp authority: what openssl answers."""

    folder = None

    def do_POST(self):
        (self.folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query"]
        answer = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=30, check=True).stdout
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


CONFIGURATION = """
[tsa]
default_tsa = ours
[ours]
serial = ./serial
signer_cert = tsa.crt
signer_key = tsa.key
certs = root.crt
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
ess_cert_id_chain = no
crypto_device = builtin
"""


@pytest.fixture
def stamping(tmp_path):
    """The URL of a timestamp authority, whose root is in the file root.crt."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    times = keyless.Authority.of("times", keyless.TIME)
    private = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "tsa.key").write_bytes(times.key.private_bytes(*private))
    for name, certificate in zip(("tsa", "root"), times.chain, strict=True):
        (tmp_path / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "tsa.cnf").write_text(CONFIGURATION)
    (tmp_path / "serial").write_text("01\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Stamping,), {"folder": tmp_path})) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@ENVELOPES
def test_the_timestamp_that_notation_gets_says_when(notation, ours, stamping, tmp_path, envelope):
    artifact = notation.ours("push", f"{fresh(ours)}:v1", wasm_file(tmp_path))["reference"]
    stamp = ("--timestamp-url", stamping, "--timestamp-root-cert", "root.crt")
    notation.data("notation", "sign", "--insecure-registry", "--signature-format", envelope, *stamp, artifact)
    trusted = ("--certificate-authority", "release.crt")
    (with_root,) = notation.ours("verify", artifact, *trusted, "--timestamp-authority", "root.crt")["signatures"]
    (without,) = notation.ours("verify", artifact, *trusted)["signatures"]
    (other,) = notation.ours("verify", artifact, *trusted, "--timestamp-authority", "other.crt")["signatures"]
    assert with_root["signer"]["signedAt"] is not None
    assert without["signer"]["signedAt"] is other["signer"]["signedAt"] is None

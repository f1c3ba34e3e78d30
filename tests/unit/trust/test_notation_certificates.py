"""The Notary Project's rules for certificates: which chains may sign, and the one that we make."""

import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Uses
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from tests.certified import AUTHORITY, KEYS, LEAF, NOW, certificate, chain_of_three, pem
from wasmbuild.errors import InvalidKey, SigningFailed, UsageFailed
from wasmbuild.trust.der import SEQUENCE, read
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.notation.authority import CertificateAuthority
from wasmbuild.trust.notation.certificates import check_chain, check_valid, read_chain
from wasmbuild.trust.notation.certificates import subject as subject_of
from wasmbuild.trust.notation.development import DEFAULT_SUBJECT, make_certificate, parse_subject
from wasmbuild.trust.notation.files import read_certificate_file
from wasmbuild.trust.notation.signing import Credential
from wasmbuild.trust.pem import MAX_PEM
from wasmbuild.trust.proof import Rejected

LEAF_KEY = PrivateKey.of(KEYS["leaf"])
RSA = rsa.generate_private_key(65537, 2048)
SMALL = rsa.generate_private_key(65537, 1024)
ANOTHER_NAME = x509.SubjectAlternativeName([x509.DNSName("example.com")])
NOTHING = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def check(*chain):
    check_chain(read_chain(chain))


def test_chains_that_may_sign():
    check(*chain_of_three())
    check(certificate("leaf", "root"), certificate("root", "root", AUTHORITY))
    check(certificate("leaf", "leaf"))
    check(certificate("leaf", "leaf", replace(LEAF, ca=None, uses=())))
    check(certificate("leaf", "leaf", replace(LEAF, key=RSA)))
    check(*chain_of_three(replace(LEAF, more=((NOTHING, False),)), replace(AUTHORITY, path_length=0)))


LEAVES = {
    "an authority": (replace(LEAF, ca=True), "is for an authority"),
    "no key usage": (replace(LEAF, bits=()), "critical key usage"),
    "key usage not critical": (replace(LEAF, bits_critical=False), "critical key usage"),
    "may sign certificates": (replace(LEAF, bits=("digital_signature", "key_cert_sign")), "digital signatures alone"),
    "may encipher": (replace(LEAF, bits=("digital_signature", "key_encipherment")), "digital signatures alone"),
    "may not sign": (replace(LEAF, bits=("crl_sign",)), "digital signatures alone"),
    **{
        f"for {use.dotted_string}": (replace(LEAF, uses=(Uses.CODE_SIGNING, use)), "not for signing code")
        for use in (
            Uses.SERVER_AUTH,
            Uses.CLIENT_AUTH,
            Uses.EMAIL_PROTECTION,
            Uses.TIME_STAMPING,
            Uses.OCSP_SIGNING,
            Uses.ANY_EXTENDED_KEY_USAGE,
        )
    },
    "not for code": (replace(LEAF, uses=(Uses.SMARTCARD_LOGON,)), "not for signing code"),
    "an odd key": (replace(LEAF, key=ed25519.Ed25519PrivateKey.generate()), "of a kind that is not taken"),
    "a small key": (replace(LEAF, key=SMALL), "malformed|too small"),
    "an odd size": (replace(LEAF, key=rsa.generate_private_key(65537, 2304)), "2048, 3072 or 4096"),
    "another curve": (replace(LEAF, key=ec.generate_private_key(ec.SECP256K1())), "not known|not taken"),
    "an unknown critical extension": (replace(LEAF, more=((NOTHING, True),)), "critical extension"),
    "a critical other name": (replace(LEAF, more=((ANOTHER_NAME, True),)), "critical extension"),
}


@pytest.mark.parametrize("defect", LEAVES)
def test_leaves_that_may_not_sign(defect):
    form, reason = LEAVES[defect]
    with pytest.raises(Rejected, match=reason):
        check(*chain_of_three(form))


AUTHORITIES = {
    "not an authority": (replace(AUTHORITY, ca=False), "for an authority"),
    "no constraints": (replace(AUTHORITY, ca=None), "for an authority"),
    "constraints not critical": (replace(AUTHORITY, ca_critical=False), "for an authority"),
    "no key usage": (replace(AUTHORITY, bits=()), "signing certificates"),
    "key usage not critical": (replace(AUTHORITY, bits_critical=False), "signing certificates"),
    "may not sign certificates": (replace(AUTHORITY, bits=("crl_sign",)), "signing certificates"),
    "an unknown critical extension": (replace(AUTHORITY, more=((NOTHING, True),)), "critical extension"),
    "a small key": (replace(AUTHORITY, key=SMALL), "too small"),
    "a small curve": (replace(AUTHORITY, key=ec.generate_private_key(ec.SECP224R1())), "too small"),
}


@pytest.mark.parametrize("defect", AUTHORITIES)
@pytest.mark.parametrize("place", ["middle", "root"])
def test_authorities_that_may_not_issue(defect, place):
    form, reason = AUTHORITIES[defect]
    with pytest.raises(Rejected, match=reason):
        check(*chain_of_three(**{place: form}))


def sequence(*elements):
    content = b"".join(elements)
    return b"\x30\x82" + len(content).to_bytes(2) + content


def test_a_certificate_of_the_first_version_is_refused():
    """It can say nothing of what it is for."""
    body, *rest = read(certificate("leaf", "leaf")).items(SEQUENCE)
    _version, *fields, _extensions = body.items(SEQUENCE)
    first = sequence(sequence(*(each.whole for each in fields)), *(each.whole for each in rest))
    with pytest.raises(Rejected, match="not of version 3"):
        check(first)


def test_chains_that_do_not_hold_together():
    leaf, middle, root = chain_of_three()
    broken = {
        "not issued by": [(leaf, root), (middle, leaf, root), (leaf,), (leaf, middle)],
        "its own issuer": [(certificate("leaf", "leaf"), root), (leaf, middle, root, root)],
    }
    for reason, chains in broken.items():
        for chain in chains:
            with pytest.raises(Rejected, match=f"{reason}|for an authority"):
                check(*chain)
    forged = certificate("leaf", "middle", by=KEYS["other"])
    with pytest.raises(Rejected, match="not issued by"):
        check(forged, middle, root)
    with pytest.raises(Rejected, match="this length"):
        check(leaf, middle, certificate("root", "root", replace(AUTHORITY, path_length=0)))
    for chain in ((), (leaf,) * 21):
        with pytest.raises(Rejected, match="1 to 20"):
            check(*chain)


def test_a_hash_that_is_not_safe_is_refused():
    by_openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha1", "-subj", "/C=US/ST=WA/O=a"]
    more = ["-keyout", "/dev/null", "-addext", "keyUsage=critical,digitalSignature", "-outform", "DER"]
    try:
        made = subprocess.run([*by_openssl, *more], capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no openssl that makes one")
    with pytest.raises(Rejected, match="hash that is not safe"):
        check(made)


def test_every_certificate_is_valid_at_the_moment():
    late = replace(AUTHORITY, begins=NOW - timedelta(days=3), ends=NOW - timedelta(days=2))
    chain = read_chain(chain_of_three())
    for moment in (LEAF.begins, NOW, LEAF.ends):
        check_valid(chain, moment)
    for moment in (LEAF.begins - timedelta(seconds=1), LEAF.ends + timedelta(seconds=1)):
        with pytest.raises(Rejected, match=r"CN=leaf.* is valid from"):
            check_valid(chain, moment)
    with pytest.raises(Rejected, match="CN=middle"):
        check_valid(read_chain(chain_of_three(middle=late)), NOW)


WHOLE = certificate("leaf", "leaf")


@pytest.mark.filterwarnings("ignore:Attribute's length must be")  # of the name of a country; wasmbuild shows none
@given(st.binary(max_size=60), st.integers(0, 400))
@example(b"\x06", 173)
def test_damaged_certificates_are_refused_in_order(data, position):
    damaged = WHOLE[:position] + data + WHOLE[position + len(data) :]
    if damaged != WHOLE:
        with pytest.raises(Rejected):
            check(damaged)


@pytest.mark.parametrize("name", ["a\x1b[2J\u202eb", "x" * 30_000], ids=["odd", "long"])
def test_names_of_others_are_made_safe_and_short(name):
    value = x509.NameAttribute(NameOID.ORGANIZATION_NAME, name, _validate=False)
    subject = x509.Name([value])
    builder = x509.CertificateBuilder(subject, subject, KEYS["root"].public_key(), 7, NOW, NOW + timedelta(days=1))
    made = builder.sign(KEYS["root"], hashes.SHA256()).public_bytes(Encoding.DER)
    shown = CertificateAuthority.of(pem(made)).name if len(name) < 100 else subject_of(read_chain((made,))[0])
    assert shown.isprintable()
    assert len(shown) <= 601


def test_roots_are_certificates_that_signed_themselves(tmp_path):
    _, middle, root = chain_of_three()
    assert CertificateAuthority.of(pem(root)).name == "CN=root,O=acme,ST=WA,C=US"
    with pytest.raises(InvalidKey, match="has not signed itself"):
        CertificateAuthority.of(pem(middle, root))
    for data in (b"", b"nothing", pem(b"x")):
        with pytest.raises(InvalidKey):
            CertificateAuthority.of(data)
    with pytest.raises(InvalidKey, match="cannot be read"):
        read_certificate_file(tmp_path / "missing")
    (tmp_path / "large").write_bytes(bytes(MAX_PEM + 1))
    with pytest.raises(InvalidKey, match="larger"):
        read_certificate_file(tmp_path / "large")


def test_what_cannot_sign_says_why():
    def refused(key, *chain):
        with pytest.raises(InvalidKey) as caught:
            Credential.of(key, pem(*chain), NOW)
        return str(caught.value)

    chain = chain_of_three()
    assert "not of the key" in refused(PrivateKey.of(KEYS["other"]), *chain)
    assert "PSS" in refused(PrivateKey.of(RSA), *chain)
    assert "Ed25519" in refused(PrivateKey.of(ed25519.Ed25519PrivateKey.generate()), *chain)
    assert "not issued by" in refused(LEAF_KEY, *chain[:2])
    expired = certificate("leaf", "leaf", replace(LEAF, ends=NOW - timedelta(hours=1)))
    assert "is valid from" in refused(LEAF_KEY, expired)


class Liar:
    """A signer elsewhere that signs something else."""

    public = LEAF_KEY.public

    def sign(self, message):
        return LEAF_KEY.sign(message + b"!")


def test_what_a_signer_gives_is_looked_at():
    from registry.model import EMPTY

    with pytest.raises(SigningFailed):
        Credential.of(Liar(), pem(certificate("leaf", "leaf")), NOW).sign(EMPTY)
    with pytest.raises(SigningFailed):
        make_certificate(Liar(), parse_subject(DEFAULT_SUBJECT), NOW, 1)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_the_certificate_that_we_make_may_sign(curve):
    key = PrivateKey.of(ec.generate_private_key(curve))
    made = make_certificate(key, parse_subject("O=acme, ST=WA,C=US,CN=a\\, b"), NOW, 10)
    credential = Credential.of(key, made, NOW)
    (read,) = read_chain(credential.chain)
    assert read.subject.rfc4514_string() == "CN=a\\, b,O=acme,ST=WA,C=US"
    assert read.not_valid_after_utc - read.not_valid_before_utc == timedelta(days=10)
    assert isinstance(read.signature_hash_algorithm, hashes.SHA256 if curve.key_size == 256 else hashes.SHA384)
    assert CertificateAuthority.of(made).roots == (read,)
    for other in (RSA, ed25519.Ed25519PrivateKey.generate()):
        with pytest.raises(InvalidKey, match="makes no signature"):
            make_certificate(PrivateKey.of(other), read.subject, NOW, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no C and no ST and no O"),
        ("CN=a", "no C and no ST and no O"),
        ("C=US,O=acme,CN=a", "no ST"),
        ("acme", "is not a subject"),
        ("C=USA,ST=WA,O=acme", "is not a subject"),
        ("C=US,ST=WA,O=acme,CN=" + "x" * 2000, "too long"),
    ],
)
def test_a_subject_names_somebody(text, reason):
    with pytest.raises(UsageFailed, match=reason):
        parse_subject(text)

"""Which kinds of keys there are, and the one way in which each of them signs.

One way for each, so that nobody chooses and nobody can be talked into another: ECDSA with the hash
of the curve's size, RSA as PKCS #1 v1.5, Ed25519 over the message itself. They are what cosign signs
with or verifies by default. Not here: files of keys, and what is signed.
"""

from enum import Enum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from wasmbuild.errors import InvalidKey

__all__ = ["Algorithm", "SigningKey", "VerifyingKey", "algorithm_of", "is_signed", "sign_with"]

VerifyingKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_RSA_BITS = range(2048, 8192 + 1)
_MAX_EXPONENT = 2**31 - 1


class Algorithm(Enum):
    """A kind of key; the value is what a person calls it."""

    P256 = "ECDSA P-256"
    P384 = "ECDSA P-384"
    P521 = "ECDSA P-521"
    RSA = "RSA"
    ED25519 = "Ed25519"

    @property
    def signature(self) -> str:
        """How a key of this kind signs, in words."""
        return {
            Algorithm.P256: "ECDSA over SHA-256",
            Algorithm.P384: "ECDSA over SHA-384",
            Algorithm.P521: "ECDSA over SHA-512",
            Algorithm.RSA: "RSA PKCS #1 v1.5 over SHA-256",
            Algorithm.ED25519: "Ed25519",
        }[self]


_CURVES = {ec.SECP256R1.name: Algorithm.P256, ec.SECP384R1.name: Algorithm.P384}
_READ_CURVES = {**_CURVES, ec.SECP521R1.name: Algorithm.P521}
"""Those of keys that verify: what others sign with, and we do not."""


def algorithm_of(key: object) -> Algorithm:
    """The kind of a key of the library's, public or private.

    Raises InvalidKey for a kind that we do not use, and for RSA of a size that is not safe.
    """
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in _READ_CURVES:
            return _READ_CURVES[key.curve.name]
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return _CURVES[key.curve.name]
        case rsa.RSAPublicKey():
            return _checked(key)
        case rsa.RSAPrivateKey():
            return _checked(key.public_key())
        case ed25519.Ed25519PublicKey() | ed25519.Ed25519PrivateKey():
            return Algorithm.ED25519
    raise InvalidKey(
        "this key is of a kind that is not supported",
        cause="ECDSA on P-256 or P-384, RSA and Ed25519 are, and to verify P-521, too",
    )


def sign_with(key: SigningKey, message: bytes) -> bytes:
    """A signature, the same for the same key and message: DER for ECDSA (RFC 6979), RFC 8017 and RFC 8032 else."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(_hash(key), deterministic_signing=True))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message)


def is_signed(key: VerifyingKey, signature: bytes, message: bytes, *, pss: bool = False) -> bool:
    """Whether the signature is one of this key over the message.

    With ``pss``, RSA is as JOSE and COSE have it (RFC 7518, section 3.5): PSS, the hash by the key's size.
    """
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(_hash(key)))
        elif isinstance(key, rsa.RSAPublicKey):
            _verify_rsa(key, signature, message, pss=pss)
        else:
            key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _verify_rsa(key: rsa.RSAPublicKey, signature: bytes, message: bytes, *, pss: bool) -> None:
    if not pss:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        return
    chosen = {2048: hashes.SHA256(), 3072: hashes.SHA384()}.get(key.key_size, hashes.SHA512())
    key.verify(signature, message, padding.PSS(padding.MGF1(chosen), chosen.digest_size), chosen)


def _checked(key: rsa.RSAPublicKey) -> Algorithm:
    if key.key_size not in _RSA_BITS:
        raise InvalidKey(
            "this RSA key is of a size that is not accepted",
            cause=f"it has {key.key_size} bits, and {_RSA_BITS[0]} to {_RSA_BITS[-1]} are",
        )
    if key.public_numbers().e > _MAX_EXPONENT:
        raise InvalidKey("this RSA key has a public exponent that is not accepted")
    return Algorithm.RSA


def _hash(key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> hashes.HashAlgorithm:
    chosen = {Algorithm.P384: hashes.SHA384(), Algorithm.P521: hashes.SHA512()}
    return chosen.get(algorithm_of(key), hashes.SHA256())

"""ECDSA P-256 keys, in the files that cosign reads and writes; signatures are DER over SHA-256.

Not here: what is signed, and how key files get their names (``keyfiles``).
"""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from wasmbuild.errors import InvalidKey
from wasmbuild.trust.pem import read_block, write_block
from wasmbuild.trust.sealed import open_sealed, seal

__all__ = ["PrivateKey", "PublicKey"]

_ENCRYPTED = "ENCRYPTED SIGSTORE PRIVATE KEY"
_ENCRYPTED_LABELS = frozenset({_ENCRYPTED, "ENCRYPTED COSIGN PRIVATE KEY"})
_PUBLIC = "PUBLIC KEY"
_ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Half of a key pair: the one that verifies. ``der`` is its SubjectPublicKeyInfo (RFC 5280)."""

    der: bytes
    _key: ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    @classmethod
    def load(cls, pem: bytes) -> Self:
        """Read a ``PUBLIC KEY`` file.

        Raises InvalidKey, which says what the file is instead.
        """
        block = read_block(pem)
        if "PRIVATE KEY" in block.label:
            raise InvalidKey("this is a private key, and a public key is needed", hint="use the .pub file beside it")
        if block.label != _PUBLIC:
            raise InvalidKey(f"this is a PEM file of another kind: {block.label}", hint="a public key is needed")
        try:
            key = serialization.load_der_public_key(block.content)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidKey("this public key is malformed") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise _wrong_algorithm()
        return cls.of(key)

    @classmethod
    def of(cls, key: ec.EllipticCurvePublicKey) -> Self:
        """Wrap a key of the library's."""
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return cls(der, key)

    @property
    def pem(self) -> bytes:
        """The ``PUBLIC KEY`` file."""
        return write_block(_PUBLIC, self.der)

    @property
    def hint(self) -> str:
        """What a bundle calls the key: base64 of the SHA-256 of its DER (sigstore bundle, ``publicKey.hint``)."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode("ascii")

    @property
    def fingerprint(self) -> str:
        """What a person calls the key: ``SHA256:`` and the same hash in hex."""
        return f"SHA256:{hashlib.sha256(self.der).hexdigest()}"

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the DER signature is one of this key over the message."""
        try:
            self._key.verify(signature, message, _ALGORITHM)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The half that signs; never shown."""

    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, pem: bytes, password: bytes) -> Self:
        """Read a key that was encrypted as cosign does it; takes about 0.2 s and 64 MiB.

        Raises InvalidKey: for another kind of file, which it names, or when the password is wrong.
        """
        block = read_block(pem)
        if block.label == _PUBLIC:
            raise InvalidKey("this is a public key, and a private key is needed", hint="use the .key file beside it")
        if block.label not in _ENCRYPTED_LABELS:
            raise _not_encrypted(block.label)
        try:
            key = serialization.load_der_private_key(open_sealed(block.content, password), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidKey("this private key is malformed", cause="what is encrypted in it is not a key") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise _wrong_algorithm()
        return cls(key)

    @property
    def public(self) -> PublicKey:
        """The other half."""
        return PublicKey.of(self._key.public_key())

    def encrypt(self, password: bytes) -> bytes:
        """The key file: PEM of cosign's encrypted form. An empty password is allowed."""
        der = self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return write_block(_ENCRYPTED, seal(der, password))

    def sign(self, message: bytes) -> bytes:
        """The DER signature over the SHA-256 of the message (FIPS 186-5)."""
        return self._key.sign(message, _ALGORITHM)


def _not_encrypted(label: str) -> InvalidKey:
    if label.endswith("PRIVATE KEY"):
        return InvalidKey(
            "this private key is not in cosign's encrypted form",
            cause=f"it is a PEM file of the kind {label}",
            hint="make one with: wasmbuild keys generate",
        )
    return InvalidKey(f"this is a PEM file of another kind: {label}", hint="an encrypted private key is needed")


def _wrong_algorithm() -> InvalidKey:
    return InvalidKey("this key is of a kind that is not supported", cause="only ECDSA on P-256 is")

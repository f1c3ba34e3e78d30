"""Keys, in the files that cosign reads and writes; new ones are ECDSA on P-256.

Not here: what is signed, how a kind of key signs (``algorithms``), how key files get their names
(``keyfiles``), and private keys in other files than cosign's (``pkcs8``).
"""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, cast

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from wasmbuild.errors import InvalidKey
from wasmbuild.trust.algorithms import Algorithm, SigningKey, VerifyingKey, algorithm_of, is_signed, sign_with
from wasmbuild.trust.pem import Block, read_block, write_block
from wasmbuild.trust.sealed import open_sealed, seal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

__all__ = ["ENCRYPTED_LABELS", "PUBLIC_LABEL", "PrivateKey", "PublicKey"]

_ENCRYPTED = "ENCRYPTED SIGSTORE PRIVATE KEY"
_OPENSSH = "OPENSSH PRIVATE KEY"
ENCRYPTED_LABELS = frozenset({_ENCRYPTED, "ENCRYPTED COSIGN PRIVATE KEY"})
"""What the PEM of a private key in cosign's form is called, now and formerly."""

PUBLIC_LABEL = "PUBLIC KEY"
"""What the PEM of a public key is called (RFC 7468)."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Half of a key pair: the one that verifies. ``der`` is its SubjectPublicKeyInfo (RFC 5280)."""

    der: bytes
    algorithm: Algorithm
    _key: VerifyingKey = field(repr=False, compare=False)

    @classmethod
    def load(cls, pem: bytes) -> Self:
        """Read a ``PUBLIC KEY`` file.

        Raises InvalidKey, which says what the file is instead.
        """
        block = read_block(pem)
        if "PRIVATE KEY" in block.label:
            raise InvalidKey("this is a private key, and a public key is needed", hint="use the .pub file beside it")
        if block.label != PUBLIC_LABEL:
            raise InvalidKey(f"this is a PEM file of another kind: {block.label}", hint="a public key is needed")
        try:
            key = serialization.load_der_public_key(block.content)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidKey("this public key is malformed") from error
        return cls.of(key)

    @classmethod
    def of(cls, key: "PublicKeyTypes") -> Self:
        """Wrap a key of the library's. Raises InvalidKey for a kind that we do not use."""
        algorithm = algorithm_of(key)
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return cls(der, algorithm, cast("VerifyingKey", key))

    @property
    def pem(self) -> bytes:
        """The ``PUBLIC KEY`` file."""
        return write_block(PUBLIC_LABEL, self.der)

    @property
    def hint(self) -> str:
        """What a bundle calls the key: base64 of the SHA-256 of its DER (sigstore bundle, ``publicKey.hint``)."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode("ascii")

    @property
    def fingerprint(self) -> str:
        """What a person calls the key: ``SHA256:`` and the same hash in hex."""
        return f"SHA256:{hashlib.sha256(self.der).hexdigest()}"

    def verify(self, signature: bytes, message: bytes, *, pss: bool = False) -> bool:
        """Whether the signature is one of this key over the message; ``pss`` as :func:`is_signed` has it."""
        return is_signed(self._key, signature, message, pss=pss)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The half that signs; never shown."""

    _key: SigningKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, pem: bytes, password: bytes) -> Self:
        """Read a key that was encrypted as cosign does it; takes about 0.2 s and 64 MiB.

        Raises InvalidKey: for another kind of file, which it names, or when the password is wrong.
        """
        return cls.unlock(cls.locked_in(pem), password)

    @staticmethod
    def locked_in(pem: bytes) -> bytes:
        """What is encrypted in a key file, as it is. Raises InvalidKey for another kind of file, which it names."""
        block = read_block(pem)
        if block.label == PUBLIC_LABEL:
            raise InvalidKey("this is a public key, and a private key is needed", hint="use the .key file beside it")
        if block.label not in ENCRYPTED_LABELS:
            raise _not_encrypted(block)
        return block.content

    @classmethod
    def unlock(cls, locked: bytes, password: bytes) -> Self:
        """Open what a key file holds; this is what takes the time. Raises InvalidKey."""
        try:
            key = serialization.load_der_private_key(open_sealed(locked, password), password=None)
        except (ValueError, TypeError, InternalError, UnsupportedAlgorithm) as error:
            raise InvalidKey("this private key is malformed", cause="what is encrypted in it is not a key") from error
        return cls.of(key)

    @classmethod
    def of(cls, key: "PrivateKeyTypes") -> Self:
        """Wrap a key of the library's. Raises InvalidKey for a kind that we do not use."""
        algorithm_of(key)
        return cls(cast("SigningKey", key))

    @property
    def public(self) -> PublicKey:
        """The other half."""
        return PublicKey.of(self._key.public_key())

    def encrypt(self, password: bytes) -> bytes:
        """The key file: PEM of cosign's encrypted form. An empty password is allowed."""
        return write_block(_ENCRYPTED, seal(self._der(), password))

    def pkcs8(self, password: bytes | None) -> bytes:
        """PEM of the key in PKCS #8 (RFC 5958), encrypted unless ``password`` is None.

        Raises InvalidKey for an empty password, which many readers of that form do not take.
        """
        from wasmbuild.trust.pbes2 import encrypt_pkcs8  # noqa: PLC0415  (signing and verifying need no cipher)

        if password is None:
            return write_block("PRIVATE KEY", self._der())
        if not password:
            raise InvalidKey("PKCS #8 has no empty password", hint="give one, or write the key --unencrypted")
        return write_block("ENCRYPTED PRIVATE KEY", encrypt_pkcs8(self._der(), password))

    def _der(self) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, message: bytes) -> bytes:
        """The signature over the message; always the same one."""
        return sign_with(self._key, message)


def _not_encrypted(block: Block) -> InvalidKey:
    if block.label == _OPENSSH:
        return InvalidKey("this private key is in OpenSSH's own form, which is not read", hint=_out_of_openssh(block))
    if block.label.endswith("PRIVATE KEY"):
        return InvalidKey(
            "this private key is not in cosign's encrypted form",
            cause=f"it is a PEM file of the kind {block.label}",
            hint="wasmbuild keys import FILE -o NAME",
        )
    return InvalidKey(f"this is a PEM file of another kind: {block.label}", hint="an encrypted private key is needed")


def _out_of_openssh(block: Block) -> str:
    """A command; the kind of the key stands in front of what is encrypted (OpenSSH's PROTOCOL.key)."""
    if b"ssh-ed25519" in block.content:  # ssh-keygen leaves these in its own form, whatever it is asked for
        return "ssh-keygen converts none of Ed25519; make a key with: wasmbuild keys generate -o NAME"
    return "convert a copy, and import that: ssh-keygen -p -m PKCS8 -f COPY; wasmbuild keys import COPY -o NAME"

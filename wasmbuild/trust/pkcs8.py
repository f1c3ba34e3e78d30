"""Private keys as others keep them: PKCS #8, encrypted or not, and the older forms of openssl.

They are read to be imported and to be looked at; what signs is a key in cosign's form (``keys``).
"""

from collections.abc import Callable

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from wasmbuild.errors import InvalidKey
from wasmbuild.trust.keys import ENCRYPTED_LABELS, PrivateKey
from wasmbuild.trust.pem import Block, read_block
from wasmbuild.trust.rounds import check_rounds

__all__ = ["ENCRYPTED_PKCS8", "PLAIN_LABELS", "open_private_key"]

ENCRYPTED_PKCS8 = "ENCRYPTED PRIVATE KEY"

PLAIN_LABELS = frozenset({"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"})
"""What the PEM of a private key that nothing protects is called (RFC 7468, RFC 5915, RFC 8017)."""


def open_private_key(pem: bytes, password: Callable[[], bytes]) -> PrivateKey:
    """The key in a file of any form that we know; ``password`` is called when the file is encrypted.

    Raises InvalidKey: for another kind of file, a kind of key that we do not use, a wrong password,
    and for a file that says it takes minutes to decrypt.
    """
    block = read_block(pem)
    if block.label in ENCRYPTED_LABELS:
        return PrivateKey.load(pem, password())
    if block.label in PLAIN_LABELS:
        return _plain(block)
    if block.label == ENCRYPTED_PKCS8:
        return _encrypted(block, password)
    return PrivateKey.load(pem, b"")  # which says what it is instead


def _plain(block: Block) -> PrivateKey:
    try:
        key = serialization.load_der_private_key(block.content, password=None)
    except (ValueError, TypeError, InternalError, UnsupportedAlgorithm):
        raise InvalidKey("this private key is malformed") from None  # the library's words may quote it
    return PrivateKey.of(key)


def _encrypted(block: Block, password: Callable[[], bytes]) -> PrivateKey:
    check_rounds(block.content)
    try:
        key = serialization.load_der_private_key(block.content, password())
    except UnsupportedAlgorithm as error:
        raise InvalidKey("this private key is encrypted in a way that is not known") from error
    except (ValueError, TypeError, InternalError):
        raise InvalidKey(
            "the password does not open this key", hint="try again, or set WASMBUILD_KEY_PASSWORD"
        ) from None
    return PrivateKey.of(key)

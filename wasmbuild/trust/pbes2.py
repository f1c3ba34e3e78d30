"""PBES2 (RFC 8018), with which PKCS #8 files are encrypted: PBKDF2 and AES-256-CBC, which all tools read.

Written here because the library stretches a password by 2048 rounds only, and cannot be told otherwise.
Reading is the library's, after a look at what it will cost (``rounds``).
"""

import hashlib
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from wasmbuild.trust.der import INTEGER, NULL, OBJECT, OCTETS, SEQUENCE, element

__all__ = ["ROUNDS", "encrypt_pkcs8"]

ROUNDS = 600_000
"""Rounds of PBKDF2 with HMAC-SHA-256; about 0.2 s."""

_BLOCK, _KEY = 16, 32

_PBES2 = bytes.fromhex("2a864886f70d01050d")
_PBKDF2 = bytes.fromhex("2a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("2a864886f70d0209")
_AES_256_CBC = bytes.fromhex("60864801650304012a")


def encrypt_pkcs8(der: bytes, password: bytes) -> bytes:
    """The EncryptedPrivateKeyInfo (RFC 5958) of a PrivateKeyInfo, both in DER."""
    salt, start = secrets.token_bytes(_BLOCK), secrets.token_bytes(_BLOCK)
    key = hashlib.pbkdf2_hmac("sha256", password, salt, ROUNDS, _KEY)
    padding = _BLOCK - len(der) % _BLOCK
    encryptor = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    encrypted = encryptor.update(der + bytes([padding]) * padding) + encryptor.finalize()
    return _sequence(_scheme(salt, start), element(OCTETS, encrypted))


def _scheme(salt: bytes, start: bytes) -> bytes:
    rounds = element(INTEGER, ROUNDS.to_bytes(3))
    hashed = _sequence(element(OBJECT, _HMAC_SHA256), element(NULL, b""))
    derivation = _sequence(element(OBJECT, _PBKDF2), _sequence(element(OCTETS, salt), rounds, hashed))
    cipher = _sequence(element(OBJECT, _AES_256_CBC), element(OCTETS, start))
    return _sequence(element(OBJECT, _PBES2), _sequence(derivation, cipher))


def _sequence(*elements: bytes) -> bytes:
    return element(SEQUENCE, b"".join(elements))

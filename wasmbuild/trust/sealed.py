"""cosign's envelope for a private key: scrypt and NaCl's secretbox around the DER of the key.

The JSON of go-securesystemslib's ``encrypted``, as cosign reads and writes it. What is inside is of
no concern here.
"""

import base64
import binascii
import secrets
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from registry.strictjson import canonical_json, load_json
from wasmbuild.errors import Failure, InvalidKey

__all__ = ["open_sealed", "seal"]

_COST = 65536
_KNOWN_COSTS = (32768, 65536, 131072)
_BLOCK_SIZE, _PARALLEL = 8, 1
_SALT, _NONCE, _KEY, _TAG = 32, 24, 32, 16
_MAX_PLAINTEXT = 16 * 1024


def seal(content: bytes, password: bytes) -> bytes:
    """The JSON that only the password opens; an empty password is allowed."""
    from nacl.secret import SecretBox  # noqa: PLC0415  (verifying needs no cipher)

    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    box = SecretBox(_derive(password, salt, _COST))
    return canonical_json(
        {
            "kdf": {
                "name": "scrypt",
                "params": {"N": _COST, "r": _BLOCK_SIZE, "p": _PARALLEL},
                "salt": _encode(salt),
            },
            "cipher": {"name": "nacl/secretbox", "nonce": _encode(nonce)},
            "ciphertext": _encode(box.encrypt(content, nonce).ciphertext),
        }
    )


def open_sealed(data: bytes, password: bytes) -> bytes:
    """What was sealed.

    Raises InvalidKey: when the password is wrong, or when the envelope is not one that we know.
    """
    cost, salt, nonce, ciphertext = _parse(data)
    key = _derive(password, salt, cost)  # before anything is imported, which would wait for other threads
    from nacl.exceptions import CryptoError  # noqa: PLC0415
    from nacl.secret import SecretBox  # noqa: PLC0415

    try:
        return bytes(SecretBox(key).decrypt(ciphertext, nonce))
    except CryptoError as error:
        raise InvalidKey(
            "the password does not open this key", hint="try again, or set WASMBUILD_KEY_PASSWORD"
        ) from error


def _derive(password: bytes, salt: bytes, cost: int) -> bytes:
    # A sixth less time than hashlib's; both let other threads go on meanwhile.
    return Scrypt(salt, _KEY, cost, _BLOCK_SIZE, _PARALLEL).derive(password)


def _parse(data: bytes) -> tuple[int, bytes, bytes, bytes]:
    try:
        value = load_json(data, "the encrypted key")
        kdf, cipher = value["kdf"], value["cipher"]
        params = kdf["params"]
        names = (kdf["name"], cipher["name"])
        numbers = (params["N"], params["r"], params["p"])
        salt, nonce = _decode(kdf["salt"]), _decode(cipher["nonce"])
        ciphertext = _decode(value["ciphertext"])
    except (Failure, KeyError, TypeError, ValueError) as error:
        raise InvalidKey("this private key is malformed", cause="it is not cosign's encrypted form") from error
    if names != ("scrypt", "nacl/secretbox"):
        raise InvalidKey("this private key is encrypted in a way that is not known")
    _check_parameters(numbers, salt, nonce, ciphertext)
    return numbers[0], salt, nonce, ciphertext


def _check_parameters(numbers: tuple[Any, Any, Any], salt: bytes, nonce: bytes, ciphertext: bytes) -> None:
    if numbers not in [(cost, _BLOCK_SIZE, _PARALLEL) for cost in _KNOWN_COSTS] or type(numbers[0]) is not int:
        raise InvalidKey("this private key has scrypt parameters that are not accepted", cause=repr(numbers)[:80])
    if len(nonce) != _NONCE or not 1 <= len(salt) <= 1024:
        raise InvalidKey("this private key is malformed", cause="its salt or nonce has the wrong length")
    if not _TAG <= len(ciphertext) <= _MAX_PLAINTEXT + _TAG:
        raise InvalidKey("this private key is malformed", cause="its ciphertext has the wrong length")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error

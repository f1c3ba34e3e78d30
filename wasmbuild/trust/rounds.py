"""How much work an encrypted PKCS #8 file asks for before it opens (RFC 8018), looked up before it is done.

A few bytes of such a file can ask for hours. Not here: decrypting, which the library does.
"""

from wasmbuild.errors import InvalidKey

__all__ = ["check_rounds"]

_SEQUENCE, _INTEGER, _OBJECT = 0x30, 0x02, 0x06

_PBES2 = bytes.fromhex("2a864886f70d01050d")
_PBKDF2 = bytes.fromhex("2a864886f70d01050c")
_SCRYPT = bytes.fromhex("2b06010401da47040b")

_MAX_ROUNDS = 10_000_000
_MAX_SCRYPT_MEMORY = 256 * 1024 * 1024
_MAX_SCRYPT_PARALLEL = 16


def check_rounds(der: bytes) -> None:
    """Let an EncryptedPrivateKeyInfo pass that is opened in seconds.

    Raises InvalidKey for one that is not, that is malformed, or that is not of PBES2 with PBKDF2 or scrypt.
    """
    try:
        name, parameters = _derivation(der)
        if name == _PBKDF2:
            bounded = _number(parameters[1]) <= _MAX_ROUNDS
        elif name == _SCRYPT:
            cost, block, parallel = (_number(each) for each in parameters[1:4])
            bounded = 128 * cost * block <= _MAX_SCRYPT_MEMORY and parallel <= _MAX_SCRYPT_PARALLEL
        else:
            raise _unknown()
    except (IndexError, ValueError) as error:
        raise InvalidKey("this private key is malformed", cause="it is not an encrypted PKCS #8 key") from error
    if not bounded:
        raise InvalidKey("this private key takes too long to decrypt", cause="its password was stretched too far")


def _derivation(der: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The name of the function that makes a key of the password, and its parameters."""
    scheme, parameters = _sequence(_sequence(_one(der))[0])[:2]
    if scheme != (_OBJECT, _PBES2):
        raise _unknown()
    tag, name = (function := _sequence(_sequence(parameters)[0]))[0]
    if tag != _OBJECT:
        raise ValueError("no object identifier")
    return name, _sequence(function[1])


def _one(data: bytes) -> tuple[int, bytes]:
    elements = _elements(data)
    if len(elements) != 1:
        raise ValueError("not one element")
    return elements[0]


def _sequence(element: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    tag, content = element
    if tag != _SEQUENCE:
        raise ValueError("no sequence")
    return _elements(content)


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """The DER elements (X.690) that follow each other, as tag and content."""
    found, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= 0x80:
            more = length & 0x7F
            if not 1 <= more <= 3:
                raise ValueError("a length that no key has")
            length, at = int.from_bytes(data[at : at + more]), at + more
        if at + length > len(data):
            raise ValueError("longer than the data")
        found.append((tag, data[at : at + length]))
        at += length
    return found


def _number(element: tuple[int, bytes]) -> int:
    tag, content = element
    if tag != _INTEGER or not content:
        raise ValueError("no number")
    return int.from_bytes(content, signed=True)


def _unknown() -> InvalidKey:
    return InvalidKey(
        "this private key is encrypted in a way that is not known",
        cause="PBES2 with PBKDF2 or scrypt is",
        hint="openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW",
    )

"""How much work an encrypted PKCS #8 file asks for before it opens (RFC 8018), looked up before it is done.

A few bytes of such a file can ask for hours. Not here: decrypting, which the library does.
"""

from wasmbuild.errors import InvalidKey
from wasmbuild.trust.der import OBJECT, SEQUENCE, Element, read

__all__ = ["check_rounds"]

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
            bounded = _positive(parameters[1]) <= _MAX_ROUNDS
        elif name == _SCRYPT:
            cost, block, parallel = (_positive(each) for each in parameters[1:4])
            bounded = 128 * cost * block <= _MAX_SCRYPT_MEMORY and parallel <= _MAX_SCRYPT_PARALLEL
        else:
            raise _unknown()
    except (IndexError, ValueError) as error:
        raise InvalidKey("this private key is malformed", cause="it is not an encrypted PKCS #8 key") from error
    if not bounded:
        raise InvalidKey("this private key takes too long to decrypt", cause="its password was stretched too far")


def _derivation(der: bytes) -> tuple[bytes, list[Element]]:
    """The name of the function that makes a key of the password, and its parameters."""
    scheme, parameters = read(der).items(SEQUENCE)[0].items(SEQUENCE)[:2]
    if scheme.expect(OBJECT).content != _PBES2:
        raise _unknown()
    name, given = parameters.items(SEQUENCE)[0].items(SEQUENCE)
    return name.expect(OBJECT).content, given.items(SEQUENCE)


def _positive(element: Element) -> int:
    number = element.number()
    if number < 1:
        raise ValueError("less than one")
    return number


def _unknown() -> InvalidKey:
    return InvalidKey(
        "this private key is encrypted in a way that is not known",
        cause="PBES2 with PBKDF2 or scrypt is",
        hint="openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW",
    )

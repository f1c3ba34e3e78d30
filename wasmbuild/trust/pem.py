"""PEM (RFC 7468), strictly read: what a block is called, and its bytes. Keys are next door."""

import base64
import binascii
import re
import textwrap
from dataclasses import dataclass

from wasmbuild.errors import InvalidKey

__all__ = ["CERTIFICATE", "MAX_CERTIFICATES", "MAX_PEM", "Block", "read_block", "read_certificates", "write_block"]

MAX_PEM = 64 * 1024
"""Bytes of a key file that we read."""

CERTIFICATE = "CERTIFICATE"
"""What the PEM of an X.509 certificate is called."""

MAX_CERTIFICATES = 20
"""Certificates of one chain that we read."""

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,64})-----\s([A-Za-z0-9+/=\s]*)-----END \1-----")
"""No two of its parts may take the same white space: a registry's words are searched with it, too."""


@dataclass(frozen=True, slots=True)
class Block:
    """A PEM block; ``content`` is decoded, and often a secret."""

    label: str
    content: bytes

    def __repr__(self) -> str:
        return f"Block({self.label!r})"


def read_block(data: bytes) -> Block:
    """The single PEM block of a key file.

    Raises InvalidKey when there is none, or more than one.
    """
    if len(data) > MAX_PEM:
        raise InvalidKey("this is not a key", cause=f"it is larger than {MAX_PEM} bytes")
    try:
        blocks = _BLOCK.findall(data.decode("ascii"))
    except UnicodeDecodeError as error:
        raise InvalidKey("this is not a key", cause="it is not a PEM file") from error
    if len(blocks) != 1:
        raise InvalidKey("this is not a key", cause=f"a key file has one PEM block, and this has {len(blocks)}")
    label, text = blocks[0]
    try:
        return Block(label, base64.b64decode("".join(text.split()), validate=True))
    except binascii.Error as error:
        raise InvalidKey("this key is malformed", cause="its PEM block is not base64") from error


def read_certificates(data: bytes) -> tuple[bytes, ...]:
    """The certificates of a chain, in DER and in their order, not looked into.

    Raises InvalidKey when there is none, when there are more than 20, or something else among them.
    """
    if len(data) > MAX_PEM:
        raise InvalidKey("this is not a certificate chain", cause=f"it is larger than {MAX_PEM} bytes")
    try:
        blocks = _BLOCK.findall(data.decode("ascii"))
        decoded = tuple(base64.b64decode("".join(text.split()), validate=True) for _, text in blocks)
    except (UnicodeDecodeError, binascii.Error) as error:
        raise InvalidKey("this is not a certificate chain", cause="it is not a PEM file") from error
    if not 1 <= len(blocks) <= MAX_CERTIFICATES or any(label != CERTIFICATE for label, _ in blocks):
        raise InvalidKey(
            "this is not a certificate chain", cause=f"it does not have 1 to {MAX_CERTIFICATES} certificates alone"
        )
    return decoded


def write_block(label: str, content: bytes) -> bytes:
    """A PEM block in lines of 64 characters."""
    lines = textwrap.wrap(base64.b64encode(content).decode("ascii"), 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode("ascii")

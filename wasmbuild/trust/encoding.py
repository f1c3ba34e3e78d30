"""Base64 as signed documents hold it: one way to write any bytes, so that no other text means the same."""

import base64
import binascii

__all__ = ["from_base64", "to_base64"]


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: object) -> bytes:
    """The bytes behind canonical base64; spare bits must be zero, as RFC 4648, section 3.5, allows to ask.

    Raises ValueError.
    """
    if not isinstance(text, str):
        raise ValueError("it is not a text")  # noqa: TRY004  (a malformed document, not a wrong call)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not base64") from error
    if to_base64(data) != text:
        raise ValueError("it is not canonical base64")
    return data

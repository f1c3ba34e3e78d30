"""Files of certificates, for chains and for roots; what is in them is looked at by those who need them."""

from pathlib import Path

from registry.files import read_regular
from wasmbuild.errors import InvalidKey
from wasmbuild.trust.pem import MAX_PEM

__all__ = ["read_certificate_file"]


def read_certificate_file(path: Path) -> bytes:
    """The bytes of a PEM file. Raises InvalidKey when it cannot be read, is no regular file, or is too large."""
    try:
        return read_regular(path, MAX_PEM)
    except OSError as error:
        raise InvalidKey(f"the certificates {path} cannot be read", cause=error.strerror) from error

"""The keys that our tokens are signed with, as rows, so that all replicas share them (Ed25519, RFC 8037).

The newest signs. Older ones are good for checking until they are removed. Whoever can read the
database can sign: it is to be kept like a password file.
"""

import time
from dataclasses import dataclass
from secrets import token_hex

from sqlalchemy import Connection, delete, insert, select

from registry.server.schema import signing_keys

__all__ = ["SigningKey", "ensure_key", "list_keys", "rotate_key"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key in PEM (PKCS #8), and what tokens call it."""

    id: str
    private: str
    created: float

    def __repr__(self) -> str:
        """Nothing of the key itself."""
        return f"SigningKey({self.id!r})"


def list_keys(connection: Connection) -> list[SigningKey]:
    """All keys, the one that signs first."""
    rows = connection.execute(select(signing_keys).order_by(signing_keys.c.created.desc(), signing_keys.c.id))
    return [SigningKey(row.id, row.private, row.created) for row in rows]


def ensure_key(connection: Connection) -> list[SigningKey]:
    """The same, of which there is at least one."""
    return list_keys(connection) or [_add(connection)]


def rotate_key(connection: Connection, *, keep: float) -> str:
    """Sign with a new key from now on: its id. Those older than ``keep`` seconds are removed.

    Servers that run notice within a minute.
    """
    connection.execute(delete(signing_keys).where(signing_keys.c.created < time.time() - keep))
    return _add(connection).id


def _add(connection: Connection) -> SigningKey:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  only who makes keys
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = SigningKey(token_hex(16), content.decode(), time.time())
    connection.execute(insert(signing_keys).values(id=key.id, private=key.private, created=key.created))
    return key

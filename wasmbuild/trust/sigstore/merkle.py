"""Merkle trees of transparency logs, and the signed notes that say what one of them was (RFC 6962, C2SP)."""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from wasmbuild.trust.algorithms import Algorithm
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.proof import Rejected

__all__ = ["Checkpoint", "root_of"]

_MAX_NOTE = 64 * 1024
_MAX_SIGNATURES = 32
_MAX_HASHES = 64
_KEY_ID = 4
_SHA256 = 32
_ED25519 = b"\x01"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_LINE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says that it was: a name, how many entries, and the hash of them all; ``text`` is what is signed."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[tuple[str, bytes], ...]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Read a signed note whose text is a checkpoint (C2SP ``signed-note`` and ``tlog-checkpoint``).

        Raises Rejected.
        """
        if len(note) > _MAX_NOTE:
            raise Rejected(f"a checkpoint is longer than {_MAX_NOTE} characters")
        text, _, block = note.rpartition("\n\n")
        lines = text.split("\n")
        found = [_LINE.fullmatch(line) for line in block.split("\n")[:-1]]
        if not block.endswith("\n") or "" in lines or len(lines) < 3:
            raise Rejected("a checkpoint is malformed")
        if len(found) > _MAX_SIGNATURES or not _NUMBER.fullmatch(lines[1]):
            raise Rejected("a checkpoint is malformed")
        try:
            root = base64.b64decode(lines[2], validate=True)
            signed = tuple((each[1], base64.b64decode(each[2], validate=True)) for each in found if each)
            return cls(lines[0], int(lines[1]), root, f"{text}\n".encode(), signed)
        except (binascii.Error, ValueError) as error:
            raise Rejected("a checkpoint is malformed") from error

    def is_signed_by(self, key: PublicKey, log_id: bytes) -> bool:
        """Whether a log signed it, that calls itself ``log_id``.

        An Ed25519 key's id is over the name too, so that the name is bound with it; an ECDSA key's is not.
        """
        if key.algorithm is Algorithm.ED25519 and not log_id.startswith(_named_id(self.origin, key)[:_KEY_ID]):
            return False
        return any(
            made[:_KEY_ID] == log_id[:_KEY_ID] and key.verify(made[_KEY_ID:], self.text) for _, made in self.signatures
        )


def _named_id(name: str, key: PublicKey) -> bytes:
    """The id of an Ed25519 key under a name (C2SP ``signed-note``, "Signatures")."""
    return sha256(name.encode() + b"\n" + _ED25519 + key.der[-32:]).digest()


def root_of(leaf: bytes, index: int, size: int, path: tuple[bytes, ...]) -> bytes:
    """The root of a tree of ``size`` entries in which ``leaf`` is the one at ``index`` (RFC 9162, section 2.1.3.2).

    Raises Rejected for a path that is not of the length that it must have.
    """
    if not 0 <= index < size or len(path) > _MAX_HASHES or any(len(each) != _SHA256 for each in path):
        raise Rejected("a proof of inclusion is malformed")
    current, place, last = sha256(b"\x00" + leaf).digest(), index, size - 1
    for sibling in path:
        if last == 0:
            raise Rejected("a proof of inclusion is too long")
        if place & 1 or place == last:
            current = sha256(b"\x01" + sibling + current).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            current = sha256(b"\x01" + current + sibling).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise Rejected("a proof of inclusion is too short")
    return current

"""Digest: the name of bytes (OCI image-spec, descriptor.md, "Digests")."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from registry.errors import InvalidDigest
from registry.words import quoted

__all__ = ["ALGORITHMS", "Digest", "Hasher"]


class Hasher(Protocol):
    """What ``hashlib`` gives: fed with bytes, asked for hex."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes in."""

    def hexdigest(self) -> str:
        """Lower-case hex of all bytes so far."""


ALGORITHMS: dict[str, tuple[Callable[[], Hasher], int]] = {
    "sha256": (hashlib.sha256, 64),
    "sha512": (hashlib.sha512, 128),
}
"""The registered algorithms of the image-spec: how to hash, and how many hex digits come out."""

_SHAPE = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([0-9a-f]+)")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """``algorithm:encoded``, always lower-case hex of the right length: safe in a path."""

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``sha256:…`` or ``sha512:…``.

        Raises InvalidDigest for any other shape, length or algorithm.
        """
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise InvalidDigest(f"{quoted(text)} is not a digest", hint="use sha256:<64 hex digits>")
        algorithm, encoded = match.groups()
        if algorithm not in ALGORITHMS:
            known = ", ".join(ALGORITHMS)
            raise InvalidDigest(f"digest algorithm {quoted(algorithm)} is not known", hint=f"use one of {known}")
        expected = ALGORITHMS[algorithm][1]
        if len(encoded) != expected:
            raise InvalidDigest(
                f"{quoted(text)} is not a digest",
                cause=f"{algorithm} has {expected} hex digits, here are {len(encoded)}",
            )
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Self:
        """The digest of bytes held in memory."""
        hasher = ALGORITHMS[algorithm][0]()
        hasher.update(data)
        return cls(algorithm, hasher.hexdigest())

    def hasher(self) -> Hasher:
        """A fresh hash of this digest's algorithm."""
        return ALGORITHMS[self.algorithm][0]()

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"

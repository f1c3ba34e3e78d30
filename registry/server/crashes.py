"""The places where a crash would be most inconvenient, by number.

Tests kill the server at each of them, by putting a function of their own in the place of ``passing``,
and look at what is left. Here it does nothing.
"""

from enum import IntEnum

__all__ = ["Point", "passing"]


class Point(IntEnum):
    """What has just been done."""

    BYTES_SYNCED = 1
    """The bytes of an upload are on the disk, without the name of a blob."""

    BLOB_NAMED = 2
    """They have their name, which may not be on the disk yet."""

    BLOB_SAFE = 3
    """Bytes and name are on the disk; no row knows them."""

    BLOB_LINKED = 4
    """Rows know them, in a transaction that has not ended."""

    BLOB_COMMITTED = 5
    """The transaction has ended; nobody has been answered."""

    MANIFEST_STORED = 6
    """A manifest and its tags are in a transaction that has not ended."""

    MANIFEST_COMMITTED = 7
    """It has ended; nobody has been answered."""

    MANIFESTS_COLLECTED = 8
    """Some manifests are gone, in a transaction that has not ended."""

    LINKS_COLLECTED = 9
    """Repositories have lost some blobs, in a transaction that has not ended."""

    ROWS_GONE = 10
    """It has ended: blobs may be condemned, their bytes are there."""

    BLOB_DELETING = 11
    """The row says that the bytes are going; they are there."""

    BYTES_GONE = 12
    """The bytes are gone; the row is there."""

    BLOB_GONE = 13
    """The row is gone too."""

    BLOB_QUARANTINED = 14
    """The row says that the bytes are damaged; they are where they were."""


def passing(point: Point) -> None:
    """Go on."""

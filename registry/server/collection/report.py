"""What collection tells: to whoever asked for it, and to the metrics."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["LEASE_ENDED", "CollectionCounters", "Gone", "Kind", "Report", "ScrubReport", "Tell", "silently"]

Kind = Literal["tag", "manifest", "link", "blob", "orphan"]

LEASE_ENDED = "its lease has ended and nothing leads to it"
"""Why a manifest went that was only staged."""


@dataclass(frozen=True, slots=True)
class Gone:
    """One thing that went, or in a dry run would go.

    A ``link`` is a blob that a repository no longer has, a ``blob`` its bytes, an ``orphan`` bytes
    that no row knows. ``name`` is a tag or a digest, ``size`` bytes, ``why`` a few words.
    """

    kind: Kind
    repository: str
    name: str
    size: int
    why: str


Tell = Callable[[Gone], None]
"""Hears of each thing, once it is certain."""


def silently(gone: Gone) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Report:
    """What one run did, or in a dry run would do.

    ``manifests``, ``links``, ``blobs``, ``orphans`` and ``tags`` went; ``bytes`` are those of the
    blobs, ``leases`` those of the manifests whose lease had ended. ``busy`` are blobs that somebody
    was pushing. ``held``: a backup is being made, so that nothing goes; ``unsteady``: the clock has
    stepped forward, likewise.
    """

    dry_run: bool = False
    manifests: int = 0
    links: int = 0
    blobs: int = 0
    bytes: int = 0
    orphans: int = 0
    tags: int = 0
    leases: int = 0
    busy: int = 0
    held: bool = False
    unsteady: bool = False

    def count(self, gone: Gone) -> None:
        """One more thing went."""
        match gone.kind:
            case "manifest":
                self.manifests += 1
                self.leases += gone.why == LEASE_ENDED
            case "link":
                self.links += 1
            case "blob":
                self.blobs += 1
                self.bytes += gone.size
            case "orphan":
                self.orphans += 1
            case "tag":
                self.tags += 1

    @property
    def gone(self) -> int:
        """How many things went."""
        return self.manifests + self.links + self.blobs + self.orphans + self.tags


@dataclass(slots=True)
class ScrubReport:
    """What was read back: how much, and the digests of what was damaged or missing (the first thousand)."""

    blobs: int = 0
    manifests: int = 0
    bytes: int = 0
    damaged: int = 0
    digests: tuple[str, ...] = ()


@dataclass(slots=True)
class CollectionCounters:
    """What has happened since the server started; for metrics. Times in seconds (since the epoch for ``last``)."""

    runs: int = 0
    failures: int = 0
    skipped: int = 0
    manifests: int = 0
    links: int = 0
    blobs: int = 0
    bytes: int = 0
    orphans: int = 0
    tags: int = 0
    leases: int = 0
    last: float = 0.0
    seconds: float = 0.0
    scrubbed_blobs: int = 0
    scrubbed_manifests: int = 0
    scrubbed_bytes: int = 0
    damaged: int = 0

    def add(self, report: Report, at: float, seconds: float) -> None:
        """Count one run."""
        self.runs += 1
        self.skipped += report.held or report.unsteady
        self.manifests += report.manifests
        self.links += report.links
        self.blobs += report.blobs
        self.bytes += report.bytes
        self.orphans += report.orphans
        self.tags += report.tags
        self.leases += report.leases
        self.last, self.seconds = at, seconds

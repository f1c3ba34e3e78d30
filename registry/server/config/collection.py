"""What is deleted when nobody needs it any more."""

from dataclasses import dataclass, field

from semver import Version

from registry.errors import InvalidConfiguration
from registry.server.access.globs import parse_glob

__all__ = ["CollectionConfig", "RetentionRule"]

_COMPARISONS = ("==", ">=", "<=", "!=", ">", "<")


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Which tags of some repositories stay; all others go, but for immutable ones.

    ``repositories`` is a glob (``access.globs``); the first rule that fits a repository is the one for it. A tag stays
    when any of these says so: ``keep``, it is one of so many that moved last; ``younger_than``, it
    moved within so many seconds; ``versions``, it is a version (with or without ``v``) for which all
    of these comparisons hold, ``">=1.2.0 <2.0.0"``; ``tags``, one of these globs fits it.
    """

    repositories: str
    keep: int | None = None
    younger_than: float | None = None
    versions: str | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that keeps nothing, or that cannot be read. Raises InvalidConfiguration."""
        if self.keep is None and self.younger_than is None and self.versions is None and not self.tags:
            raise InvalidConfiguration(
                f"the retention rule for {self.repositories!r} keeps nothing",
                hint='say what stays: keep, younger_than, versions or tags; tags = ["*"] keeps everything',
            )
        if (self.keep or 0) < 0 or (self.younger_than or 0) < 0:
            raise InvalidConfiguration(f"the retention rule for {self.repositories!r} has a negative number")
        for glob in (self.repositories, *self.tags):
            parse_glob(glob)
        if self.versions is not None and not _comparable(self.versions):
            raise InvalidConfiguration(
                f"{self.versions[:100]!r} is no range of versions", hint='write it as ">=1.2.0 <2.0.0"'
            )

    def covers(self, repository: str) -> bool:
        """Whether it is about a repository."""
        return parse_glob(self.repositories).matches(repository)


def _comparable(versions: str) -> bool:
    parts = versions.split()
    for part in parts:
        text = part.lstrip("=<>!")
        if not (text == part or part.startswith(_COMPARISONS)) or not Version.is_valid(text):
            return False
    return bool(parts)


@dataclass(frozen=True, slots=True)
class CollectionConfig:
    """Times in seconds.

    ``grace`` is how long whatever nobody needs is kept at least, ``interval`` how often the registry
    looks for it; 0 never looks by itself. ``untagged_after`` is how long a manifest stays that was
    pushed by a tag, and to which nothing leads any more; ``pinned_after`` the same for one that was
    pushed by its digest; None: for ever. ``orphans_interval`` is how often bytes are looked for that
    a crash left; ``retention_interval`` how often ``retention`` is applied. Everything is read back
    once in ``scrub_interval``, at ``scrub_rate`` bytes a second at most; 0 never does.
    """

    grace: float = 3600.0
    interval: float = 60.0
    untagged_after: float | None = None
    pinned_after: float | None = None
    orphans_interval: float = 24 * 3600.0
    retention: tuple[RetentionRule, ...] = field(default=())
    retention_interval: float = 3600.0
    scrub_interval: float = 30 * 24 * 3600.0
    scrub_rate: int = 8 * 1024 * 1024

"""Where bytes are kept."""

from dataclasses import dataclass

__all__ = ["StorageConfig"]


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """``url`` is ``s3://BUCKET/PREFIX``; None keeps bytes in the data folder."""

    url: str | None = None

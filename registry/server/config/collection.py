"""What is deleted when nobody needs it any more."""

from dataclasses import dataclass

__all__ = ["CollectionConfig"]


@dataclass(frozen=True, slots=True)
class CollectionConfig:
    """Times in seconds.

    ``grace`` is how long whatever nobody needs is kept at least, ``interval`` how often the registry
    looks for it; 0 never looks by itself.
    """

    grace: float = 3600.0
    interval: float = 60.0

"""What the server tells about itself."""

from dataclasses import dataclass

__all__ = ["ObservingConfig"]


@dataclass(frozen=True, slots=True)
class ObservingConfig:
    """Logs, metrics, webhooks."""

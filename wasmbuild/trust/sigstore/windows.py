"""Windows: from when until when somebody is trusted, as a trusted root says it."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, both ends belonging to it; None where there is no bound (protobuf ``TimeRange``)."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether a moment is in it."""
        return (self.start is None or self.start <= moment) and (self.end is None or moment <= self.end)

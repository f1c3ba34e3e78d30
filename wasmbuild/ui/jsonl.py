"""Events as JSON, one object a line on stderr, for programs that watch."""

import json
import sys
from dataclasses import asdict

from wasmbuild.events import Event

__all__ = ["JsonRenderer"]


class JsonRenderer:
    """``{"event": "Step", ...}`` with the fields of the event."""

    def __call__(self, event: Event) -> None:
        """Show one event."""
        print(json.dumps({"event": type(event).__name__, **asdict(event)}), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is left to end."""

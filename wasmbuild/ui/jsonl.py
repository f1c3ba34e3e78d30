"""Events as JSON, one object a line on stderr, for programs that watch."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from wasmbuild.events import Event

__all__ = ["JsonRenderer"]


class JsonRenderer:
    """``{"event": "Step", ...}`` with the fields of the event; ``shown`` has the last word about a line."""

    def __init__(self, shown: Callable[[str], str] = str) -> None:
        self._shown = shown

    def __call__(self, event: Event) -> None:
        """Show one event."""
        line = json.dumps({"event": type(event).__name__, **asdict(event)})
        print(self._shown(line), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is left to end."""

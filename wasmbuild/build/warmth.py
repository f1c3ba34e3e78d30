"""Whether a compiler's own cache is warm: the first time takes long, and the person is told why."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from wasmbuild.build.action import Action
from wasmbuild.build.tool import Toolbox
from wasmbuild.caches import Caches
from wasmbuild.events import Note, Sink

__all__ = ["Warmth"]


@dataclass(frozen=True, slots=True)
class Warmth:
    """The marker of an action's ``first_time`` for its tools."""

    action: Action
    tools: Toolbox
    caches: Caches
    sink: Sink

    def announce(self) -> None:
        """Say the sentence, unless this was done before."""
        if self.action.first_time and not self._marker.exists():
            self.sink(Note("info", self.action.first_time))

    def mark(self) -> None:
        """Remember that it was done."""
        if not self.action.first_time:
            return
        try:
            self._marker.parent.mkdir(parents=True, exist_ok=True)
            self._marker.touch()
        except OSError as error:
            self.sink(Note("warning", f"the cache could not be written: {error.filename}: {error.strerror}"))

    @property
    def _marker(self) -> Path:
        used = sorted(str(self.tools[name].digest) for name in self.action.tools if name != "python")
        identity = hashlib.sha256(f"{used} {self.action.first_time}".encode()).hexdigest()
        return self.caches.root / "warm" / identity[:24]

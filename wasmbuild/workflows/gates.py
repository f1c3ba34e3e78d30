"""What ``diff --fail-on`` may be told: which differences are too much."""

import re
from dataclasses import dataclass
from typing import Literal

from registry.words import printable
from wasmbuild.errors import ChangeDenied, UsageFailed
from wasmbuild.wasm.compare.diff import Difference
from wasmbuild.wasm.compare.steps import Change, Step

__all__ = ["Gate", "check"]

Kind = Literal["capability", "export", "import", "size"]
_PLAIN: dict[str, Kind] = {"capability": "capability", "export": "export", "import": "import"}
_SIZE = re.compile(r"size:\+(\d{1,12}(?:\.\d{1,3})?)\s?(%|B|[kK]B|MB|GB|KiB|MiB|GiB)?")
_UNITS = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_WATCHED = {"export": "removed", "import": "added"}
_MOST = 30


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that must not happen; a growth is in percent of the old size, or in bytes."""

    text: str
    kind: Kind
    growth: float = 0
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> "Gate":
        """Read ``capability``, ``export``, ``import``, ``size:+5%`` or ``size:+100KB``. Raises UsageFailed."""
        if text in _PLAIN:
            return cls(text, _PLAIN[text])
        found = _SIZE.fullmatch(text)
        if found is None:
            raise UsageFailed(
                f"--fail-on does not know {text[:60]!r}",
                cause="it takes capability, export, import, or by how much the file may grow",
                hint="--fail-on capability --fail-on size:+5%   (or size:+100KB, size:+1MiB)",
            )
        if found[2] == "%":
            return cls(text, "size", float(found[1]), percent=True)
        return cls(text, "size", float(found[1]) * _UNITS[found[2] or "B"])

    def found(self, difference: Difference) -> list[str]:
        """What happened of it, each in words."""
        if self.kind == "capability":
            return [
                _gained(each.capability.name if each.capability else None, each.words) for each in difference.gained
            ]
        if self.kind == "size":
            return [self._growth(difference)] if self._too_large(difference) else []
        changes = (each for each in difference.changes if each.side == self.kind and _matters(each))
        return [f"{each.side} {each.what}: {each.name}" for each in changes]

    def _too_large(self, difference: Difference) -> bool:
        old, new = difference.size.old, difference.size.new
        return new > (old * (100 + self.growth) / 100 if self.percent else old + self.growth)

    def _growth(self, difference: Difference) -> str:
        old, new = difference.size.old, difference.size.new
        return f"size: {old} to {new} bytes (+{(new - old) * 100 / old:.1f}%), and {self.text} is the most"


def check(difference: Difference, gates: tuple[Gate, ...]) -> None:
    """Insist that none of the gates has anything to say. Raises ChangeDenied, which names what it is."""
    found = list(dict.fromkeys(printable(line, 200) for gate in gates for line in gate.found(difference)))
    if found:
        more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
        raise ChangeDenied(
            "the new file changes more than --fail-on allows",
            cause="\n".join(found[:_MOST] + more),
            hint="if all of that is meant, leave out the --fail-on that forbids it",
        )


def _matters(change: Change) -> bool:
    """Whether an export was taken away, an import came, or either got a type that does not fit any more."""
    return change.what == _WATCHED[change.side] or (change.what == "changed" and change.step is Step.MAJOR)


def _gained(name: str | None, words: str) -> str:
    return f"capability gained: {name or 'foreign imports'} (it {words})"

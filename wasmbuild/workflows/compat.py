"""``compat``: the version step that the difference between two interfaces demands."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from registry.words import printable
from wasmbuild.errors import ChangeDenied
from wasmbuild.wasm.compare.diff import gained
from wasmbuild.wasm.compare.steps import Change, Step, demanded
from wasmbuild.workflows.comparing import Bench, Subject, changes_between, open_subject
from wasmbuild.workflows.diff_report import change_line, change_to_json

__all__ = ["Verdict", "compat", "listed", "require_at_most", "verdict_on"]

_MOST = 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """The step from one file to another, every change that it comes from, and the capabilities gained."""

    old: Subject
    new: Subject
    step: Step
    changes: tuple[Change, ...]

    def gained(self) -> list[str]:
        """The capabilities that the new file asks for and the old one did not, by name; ``""`` is what is foreign."""
        return [each.capability.name if each.capability else "" for each in gained(self.old.facts, self.new.facts)]

    def notes(self, most: Step) -> list[str]:
        """What people should know beside the step: each capability gained, and each change of at most ``most``."""
        named = [f"capability gained: {name or 'foreign imports'}" for name in self.gained()]
        return [*named, *listed(each for each in self.changes if each.step <= most)]

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            "old": {"name": self.old.name, "digest": str(self.old.digest)},
            "new": {"name": self.new.name, "digest": str(self.new.digest)},
            "step": self.step.word,
            "capabilitiesGained": self.gained(),
            "changes": [change_to_json(each) for each in self.changes],
        }


def compat(old: str, new: str, bench: Bench) -> Verdict:
    """Compare the interfaces of two files, each a path or a reference.

    Raises ToolchainMissing rather than judge components whose types it cannot see; UsageFailed, InvalidWasm,
    ToolFailed, and what fetching raises.
    """
    return verdict_on(open_subject(old, "compat", bench), open_subject(new, "compat", bench), bench)


def verdict_on(old: Subject, new: Subject, bench: Bench) -> Verdict:
    """The same of two files that are read already."""
    changes = changes_between(old, new, bench)
    step = demanded(changes, same_bytes=old.facts.wasm == new.facts.wasm)
    return Verdict(old, new, step, changes)


def require_at_most(verdict: Verdict, most: Step) -> None:
    """Insist that a step is not larger than what is allowed. Raises ChangeDenied, which names what is in the way."""
    if verdict.step <= most:
        return
    beyond = [each for each in verdict.changes if each.step > most]
    raise ChangeDenied(
        f"the new file changes its interface by a {verdict.step.word} step, and {most.word} is the most allowed",
        cause="\n".join(listed(beyond)) or "the interfaces are equal, and the files are not",
        hint=f"publish it as a {verdict.step.word} version, and say so: --allow {verdict.step.word}",
    )


def listed(changes: Iterable[Change]) -> list[str]:
    """Changes for people, a line each, in a bounded number."""
    lines = [printable(change_line(each), 500) for each in changes]
    return lines[:_MOST] + ([f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else [])

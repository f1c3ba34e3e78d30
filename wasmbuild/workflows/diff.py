"""``diff``: what differs between two wasm files, from files, registries or one of each."""

from dataclasses import dataclass

from wasmbuild.errors import ToolchainMissing
from wasmbuild.events import Note
from wasmbuild.wasm.compare.diff import Difference, difference
from wasmbuild.wasm.compare.steps import Change
from wasmbuild.workflows.comparing import Bench, Subject, changes_between, name_changes_between, open_subject

__all__ = ["Compared", "diff"]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two files and their difference; ``typed`` says whether types were compared, or only names."""

    old: Subject
    new: Subject
    difference: Difference
    typed: bool = True


def diff(old: str, new: str, bench: Bench) -> Compared:
    """Compare two files. Without ``wasm-tools``, interfaces of components are compared by name, with a warning.

    Raises UsageFailed, InvalidWasm, ToolFailed, and what fetching raises.
    """
    before, after = open_subject(old, "diff", bench), open_subject(new, "diff", bench)
    changes, typed = _changes(before, after, bench)
    return Compared(before, after, difference(before.facts, after.facts, changes), typed)


def _changes(old: Subject, new: Subject, bench: Bench) -> tuple[tuple[Change, ...], bool]:
    try:
        return changes_between(old, new, bench), True
    except ToolchainMissing as missing:
        bench.sink(Note("warning", f"imports and exports are compared by name alone, without their types: {missing}"))
        return name_changes_between(old, new), False

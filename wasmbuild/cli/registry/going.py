"""Showing what goes, as it goes: there may be millions of things. Used by ``gc`` and ``retention``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wasmbuild.errors import ExitCode
from wasmbuild.events import Note
from wasmbuild.ui.console import Console
from wasmbuild.ui.words import size

if TYPE_CHECKING:
    from registry.server.collection.report import Gone, Report

__all__ = ["Going"]

_KEPT = 10_000
"""Things that a JSON document lists, at most; its numbers count all of them."""


class Going:
    """Hears of each thing, prints it in text, and ends with a summary."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name
        self._kept: list[dict[str, Any]] = []

    def __call__(self, gone: "Gone") -> None:
        """One thing went, or would go."""
        if self._console.format == "text":
            print(_line(gone))
        elif len(self._kept) < _KEPT:
            self._kept.append(asdict(gone))

    def end(self, report: "Report", **more: int) -> int:
        """Say what it was in all; what the command ends with."""
        numbers = asdict(report)
        document = {"dryRun": numbers.pop("dry_run"), **numbers, **more}
        if self._console.format == "json":
            self._console.result(f"registry {self._name}", "", {**document, "gone": self._kept})
        for refused, why in ((report.held, "a backup is being made"), (report.unsteady, "the clock has just stepped")):
            if refused:
                self._console.emit(Note("warning", f"{why}: nothing goes now"))
                return ExitCode.FAILED
        self._console.emit(Note("info", _summary(report)))
        return ExitCode.OK


def _line(gone: "Gone") -> str:
    place = f"{gone.repository}:{gone.name}" if gone.kind == "tag" else gone.name
    if gone.repository and gone.kind != "tag":
        place = f"{gone.repository}@{gone.name}"
    held = f" ({size(gone.size)})" if gone.size else ""
    return f"{gone.kind:<8}  {place}{held}: {gone.why}"


def _summary(report: "Report") -> str:
    counts = [("tag", report.tags), ("manifest", report.manifests), ("blob", report.blobs), ("orphan", report.orphans)]
    said = [f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts if count]
    if report.links:
        said.append(f"{report.links} of the blobs that repositories have")
    would = "would go" if report.dry_run else "went"
    freed = f", {size(report.bytes)}" if report.bytes else ""
    return f"{', '.join(said)} {would}{freed}" if said else f"nothing {would}"

"""GitHub Actions: groups, annotations, and words that are no commands."""

from collections.abc import Sequence
from pathlib import Path

from registry.words import printable
from wasmbuild.errors import Failure
from wasmbuild.ui.ci.commands import command, harmless, harmless_json
from wasmbuild.ui.ci.job import Job
from wasmbuild.ui.ci.masks import Masks
from wasmbuild.ui.ci.places import Places, placed
from wasmbuild.ui.failure import failure_lines
from wasmbuild.ui.words import lines_of

__all__ = ["Github"]

_MOST = 10
"""Annotations of one kind that GitHub shows of a step."""


class Github:
    """How things are written for GitHub's runner."""

    def __init__(self, job: Job, masks: Masks) -> None:
        self.masks = masks
        self._job = job

    def line(self, text: str) -> str:
        """Words, of one line or several, that are no command."""
        return harmless(self.masks.hide(text))

    def json(self, text: str) -> str:
        """A JSON document that is none, and says the same."""
        return harmless_json(self.masks.hide(text))

    def begin(self, title: str) -> str:
        """Begin a group, which cannot be in another one."""
        return command("group", printable(self.masks.hide(title)))

    def end(self) -> str:
        """End it."""
        return command("endgroup", "")

    def warning(self, text: str) -> str:
        """An annotation; the runner shows its words in the log."""
        return command("warning", "\n".join(lines_of(self.masks.hide(text))))

    def failed(self, failure: Failure, folders: Sequence[Path]) -> list[str]:
        """A failure's annotations: one at each place that it names in the checkout, else one of the whole."""
        title = f"error[{failure.code}]"
        found = list(placed(failure, Places(self._job.workspace, folders), self.masks.hide))[:_MOST]
        lines = [
            command(
                problem.level,
                printable(problem.message),
                title=title,
                file=self.masks.hide(path),
                line=problem.line,
                col=problem.column,
            )
            for problem, path in found
        ]
        if any(problem.level == "error" for problem, _ in found):
            return lines
        return [command("error", "\n".join(failure_lines(failure, self.masks.hide)), title=title), *lines]

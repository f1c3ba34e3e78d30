"""GitLab's CI: sections that fold, and the code quality report of what went wrong."""

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from registry.errors import StorageFailed
from registry.words import printable
from wasmbuild.errors import Failure
from wasmbuild.ui.ci.job import Job
from wasmbuild.ui.ci.masks import Masks
from wasmbuild.ui.ci.places import Places, placed
from wasmbuild.ui.words import lines_of

__all__ = ["QUALITY_FILE", "Gitlab"]

QUALITY_FILE = "gl-code-quality-report.json"
"""What GitLab's own jobs call ``artifacts:reports:codequality``."""

_CLEAR = "\x1b[0K"


class Gitlab:
    """How things are written for GitLab's job log.

    A marker of a section has a carriage return and an escape character in it (GitLab documentation, "Job logs").
    Foreign words have neither when they are printable, so none of them is a marker.
    """

    def __init__(self, job: Job, masks: Masks) -> None:
        self.masks = masks
        self._job = job
        self._section = ""

    def line(self, text: str) -> str:
        """Words, of one line or several."""
        shown = self.masks.hide(text)
        return "\n".join(printable(each, limit=len(each) * 8) for each in shown.split("\n"))

    def json(self, text: str) -> str:
        """A JSON document."""
        return self.masks.hide(text)

    def begin(self, title: str) -> str:
        """Begin a section of its own name, folded."""
        self._section = f"wasmbuild_{secrets.token_hex(4)}"
        shown = printable(self.masks.hide(title))
        return f"{_CLEAR}section_start:{int(time.time())}:{self._section}[collapsed=true]\r{_CLEAR}{shown}"

    def end(self) -> str:
        """End it."""
        return f"{_CLEAR}section_end:{int(time.time())}:{self._section}\r{_CLEAR}"

    def warning(self, text: str) -> str:
        """As everywhere: GitLab has no annotations in a log."""
        first, *rest = lines_of(self.masks.hide(text))
        return "\n  ".join([f"warning: {first}", *rest])

    def failed(self, failure: Failure, folders: Sequence[Path]) -> list[str]:
        """Nothing to print: the problems with a place go to the code quality report, if there are any."""
        report = [
            _issue(failure.code, path, problem.line, problem.level, printable(problem.message))
            for problem, path in placed(failure, Places(self._job.workspace, folders), self.masks.hide)
        ]
        if report and self._job.reports is not None:
            from registry.files import write_atomically  # noqa: PLC0415  (most commands do not fail)

            with suppress(StorageFailed):  # the failure itself is what matters
                write_atomically(self._job.reports / QUALITY_FILE, json.dumps(report, indent=2).encode())
        return []


def _issue(code: str, path: str, line: int, level: str, message: str) -> dict[str, object]:
    """An issue as GitLab reads it ("Code Quality report format")."""
    said = hashlib.sha256("\0".join((code, path, str(line), message)).encode()).hexdigest()
    return {
        "description": message,
        "check_name": code,
        "fingerprint": said,
        "severity": "critical" if level == "error" else "minor",
        "location": {"path": path, "lines": {"begin": line}},
    }

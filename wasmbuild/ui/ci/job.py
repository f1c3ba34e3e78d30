"""What of a job's environment matters here: where its files are."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmbuild.ui.ci.choice import Ci

__all__ = ["Job"]


@dataclass(frozen=True, slots=True)
class Job:
    """Where a job has its files: ``workspace`` is the checkout, by which paths are named.

    ``output`` and ``summary`` are GitHub's files for a step, None where there are none. ``reports`` is the
    folder from which GitLab takes what a job leaves, None outside of GitLab.
    """

    workspace: Path
    output: Path | None = None
    summary: Path | None = None
    reports: Path | None = None

    @classmethod
    def of(cls, ci: Ci, environment: Mapping[str, str]) -> "Job":
        """Read it from the variables that both systems set (GITHUB_WORKSPACE, CI_PROJECT_DIR, …)."""
        if ci == "github":
            workspace = _path(environment, "GITHUB_WORKSPACE") or Path.cwd()
            return cls(workspace, _path(environment, "GITHUB_OUTPUT"), _path(environment, "GITHUB_STEP_SUMMARY"))
        project = _path(environment, "CI_PROJECT_DIR") if ci == "gitlab" else None
        return cls(project or Path.cwd(), reports=project)


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    return Path(os.path.normpath(value)) if value and Path(value).is_absolute() else None

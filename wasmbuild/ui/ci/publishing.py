"""The results of a release, where the CI system looks for them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from wasmbuild.released import Release
from wasmbuild.ui.ci.choice import Ci
from wasmbuild.ui.ci.job import Job
from wasmbuild.ui.ci.masks import Masks
from wasmbuild.ui.ci.outputs import dotenv, write_outputs
from wasmbuild.ui.ci.summary import summary, write_summary

__all__ = ["DOTENV_FILE", "SUMMARY_FILE", "publish_results"]

DOTENV_FILE = "wasmbuild.env"
SUMMARY_FILE = "wasmbuild-release.md"


def publish_results(release: Release, ci: Ci, environment: Mapping[str, str]) -> None:
    """Write what a release came to for the jobs and the people that come after it; nothing outside of CI.

    For GitHub the step's outputs and its summary, in the files that ``environment`` names; for GitLab
    ``wasmbuild.env`` and ``wasmbuild-release.md`` in CI_PROJECT_DIR. Raises StorageFailed.
    """
    from registry.files import write_atomically  # noqa: PLC0415  (nobody else here writes whole files)

    job = Job.of(ci, environment)
    shown = _hidden(release, Masks.of(environment))
    if job.output is not None:
        write_outputs(shown, job.output)
    if job.summary is not None:
        write_summary(summary(shown), job.summary)
    if job.reports is not None:
        write_atomically(job.reports / DOTENV_FILE, dotenv(shown).encode())
        write_atomically(job.reports / SUMMARY_FILE, summary(shown).encode())


def _hidden(value: Any, masks: Masks) -> Any:  # noqa: ANN401 - whatever a release is made of
    """The same without secrets; in a document they would be hard to find, which escapes what is in them."""
    if isinstance(value, str):
        return masks.hide(value)
    if isinstance(value, tuple):
        return tuple(_hidden(each, masks) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _hidden(getattr(value, each.name), masks) for each in fields(value)})
    return value

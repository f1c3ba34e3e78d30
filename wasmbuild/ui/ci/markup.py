"""How a CI system wants things to be written: what the two have in common, and which of them it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from wasmbuild.errors import Failure
from wasmbuild.ui.ci.choice import Ci
from wasmbuild.ui.ci.job import Job
from wasmbuild.ui.ci.masks import Masks

__all__ = ["Markup", "markup_of"]


class Markup(Protocol):
    """One system's way; every line comes without its end."""

    masks: Masks

    def line(self, text: str) -> str:
        """Words, of one line or several, that are nothing but words."""

    def json(self, text: str) -> str:
        """The same for a JSON document, which still says what it said."""

    def begin(self, title: str) -> str:
        """The line that begins a group."""

    def end(self) -> str:
        """The line that ends it."""

    def warning(self, text: str) -> str:
        """A warning, of one line or several."""

    def failed(self, failure: Failure, folders: Sequence[Path]) -> list[str]:
        """What follows a failure that was shown: its places in the checkout, looked for in folders, marked."""


def markup_of(ci: Ci, environment: Mapping[str, str]) -> Markup | None:
    """The way of a system, in a job of this environment; None where there is none."""
    if ci == "none":
        return None
    job, masks = Job.of(ci, environment), Masks.of(environment)
    if ci == "github":
        from wasmbuild.ui.ci.github import Github  # noqa: PLC0415  (only one of them is needed)

        return Github(job, masks)
    from wasmbuild.ui.ci.gitlab import Gitlab  # noqa: PLC0415

    return Gitlab(job, masks)

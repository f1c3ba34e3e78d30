"""Which CI system reads what is written; every command asks, so nothing is loaded for it."""

from collections.abc import Mapping
from typing import Literal, cast

__all__ = ["SYSTEMS", "Ci", "chosen"]

Ci = Literal["none", "github", "gitlab"]

SYSTEMS = ("auto", "github", "gitlab", "none")
"""What ``--ci`` takes."""


def chosen(wanted: str, environment: Mapping[str, str]) -> Ci:
    """The system that is meant; ``auto`` is what the environment says, as both document for their jobs."""
    if wanted != "auto":
        return cast("Ci", wanted)
    if environment.get("GITHUB_ACTIONS") == "true":
        return "github"
    return "gitlab" if environment.get("GITLAB_CI") == "true" else "none"

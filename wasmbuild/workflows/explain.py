"""Explain: why a target is made again, or is not, as the differences to its last build, field by field."""

from pathlib import Path

from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.plan_report import Report, report

__all__ = ["explain_target", "explanation"]


def explain_target(folder: Path, target: str | None, setting: Setting) -> tuple[Report, ...]:
    """The reports of one target, or of all of them without a name, of the project in a folder.

    Raises what planning raises; UsageFailed for a target that is none.
    """
    found = report(folder, BuildOptions(targets=() if target is None else (target,)), setting)
    return tuple(
        each for each in found if target is None or target in {each.planned.label, each.planned.part.target.name}
    )


def explanation(found: Report) -> str:
    """One report as text: what would be done, and why."""
    source = f" ({found.source})" if found.source else ""
    return "\n".join([f"{found.planned.label}: {found.state}{source}", *(f"  {why}" for why in found.why)])

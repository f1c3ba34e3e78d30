"""``wasmbuild verify --offline``: what it shows."""

from typing import TYPE_CHECKING

from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.demand import Demand

__all__ = ["show_offline"]


def show_offline(console: Console, archive: str, demand: "Demand", name: str | None) -> None:
    """Verify all artifacts of an archive, and print them by digest, one a line."""
    from wasmbuild.workflows.offline import verify_offline

    verified = verify_offline(archive, demand, name, console.emit)
    lines = "\n".join(each.artifact.reference for each in verified.artifacts)
    console.result("verify", lines, verified.to_json())

"""``wasmbuild cache explain``."""

from pathlib import Path

from registry.client.registries import Registries
from registry.words import pasted
from wasmbuild.cli.building import setting
from wasmbuild.cli.common import FOLDER, argument, option, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@registry_verb("explain", "wasmbuild cache explain hello")
@argument("target", required=False)
@option("--project", type=FOLDER, default=".", help="The project. [default: .]")
def command(console: Console, registries: Registries, target: str | None, project: Path) -> None:
    """Say why TARGET, or each target, is built again, or is not: what changed since its last build."""
    from wasmbuild.workflows.explain import explain_target, explanation

    try:
        found = explain_target(project, target, setting(console, registries))
    except UsageFailed as failure:
        if failure.hint is None and target is not None and Path(target).is_dir():
            failure.hint = f"a project is named by --project: wasmbuild cache explain --project {pasted(target)}"
        raise
    document = [
        {
            "target": each.planned.label,
            "state": each.state,
            "cache": each.source,
            "actionKey": str(each.key) if each.key else None,
            "why": list(each.why),
            "changes": [
                {"action": change.action, "path": list(one.path), "before": one.before, "after": one.after}
                for change in each.changes
                for one in change.differences
            ],
        }
        for each in found
    ]
    console.result("cache explain", "\n".join(map(explanation, found)), {"targets": document})

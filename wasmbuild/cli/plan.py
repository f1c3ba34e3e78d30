"""``wasmbuild plan``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from wasmbuild.cli.building import building, setting
from wasmbuild.cli.common import FOLDER, argument, registry_verb
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.build.tool import Tool
    from wasmbuild.workflows.options import BuildOptions
    from wasmbuild.workflows.plan_report import Report


@registry_verb("plan", "wasmbuild plan")
@argument("folder", type=FOLDER, default=".")
@building
def command(console: Console, registries: Registries, *, folder: Path, options: "BuildOptions") -> None:
    """Say what would be built of the project in FOLDER, with which tools, and why; nothing is done.

    A target is unchanged, cached or to build. With -v, the commands are shown, as they are inside a sandbox.
    """
    from wasmbuild.workflows.plan_report import report

    found = report(folder, options, setting(console, registries))
    text = "\n".join(line for each in found for line in _lines(each, verbose=console.verbose))
    console.result("plan", text, {"targets": [_to_json(each) for each in found]})


def _lines(each: "Report", *, verbose: bool) -> list[str]:
    from wasmbuild.workflows.explain import explanation
    from wasmbuild.workflows.plan_report import command_words

    planned = each.planned
    lines = [explanation(each), f"  {planned.found.language}: {planned.found.why}"]
    lines += [f"  {tool}: {_origin(tool)}" for tool in each.tools] or [f"  {planned.toolchain.description}"]
    if planned.toolchain.reproducible is not None:
        lines.append(f"  not reproducible: {planned.toolchain.reproducible}")
    for step in each.steps:
        digest = step.key.digest if step.key else None
        lines.append(
            f"  {step.action.name}: {f'{digest.algorithm}:{digest.encoded[:12]}' if digest else 'not known yet'}"
        )
        if verbose:
            lines.append(f"    {command_words(step.action, each.private)}")
    return lines


def _origin(tool: "Tool") -> str:
    if not tool.pinned:
        return f"of this machine, not pinned: {tool.program or tool.root}"
    return "pinned, installed" if tool.root.is_dir() else "pinned, to be fetched"


def _to_json(each: "Report") -> dict[str, Any]:
    from wasmbuild.workflows.plan_report import command_words

    planned = each.planned
    return {
        "target": planned.label,
        "state": each.state,
        "cache": each.source,
        "why": list(each.why),
        "language": planned.found.language,
        "detected": planned.found.why,
        "reproducible": planned.toolchain.reproducible is None,
        "actionKey": str(each.key) if each.key else None,
        "tools": [_tool(tool) for tool in each.tools],
        "actions": [
            {
                "name": step.action.name,
                "command": command_words(step.action, each.private),
                "key": str(step.key) if step.key else None,
                "network": step.action.network,
            }
            for step in each.steps
        ],
        "changes": [
            {"action": change.action, "path": list(one.path), "before": one.before, "after": one.after}
            for change in each.changes
            for one in change.differences
        ],
    }


def _tool(tool: "Tool") -> dict[str, Any]:
    return {
        "name": tool.name,
        "version": tool.version,
        "pinned": tool.pinned,
        "installed": tool.root.is_dir(),
        "digest": str(tool.digest),
    }

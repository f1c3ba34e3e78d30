"""What the token of a workflow's job may do, against what the job does."""

import re
from collections.abc import Iterator, Sequence

from wasmbuild.workflows.ci.findings import Sheet
from wasmbuild.workflows.ci.scripts import needs
from wasmbuild.workflows.ci.steps import PLAIN_ACTIONS, action_name
from wasmbuild.workflows.ci.yamltree import Node

__all__ = ["check_permissions"]

_USED_BY = {
    "contents": ("release", "script", "dependency-submission"),
    "id-token": ("wasmbuild", "attest", "deploy-pages", "login", "script"),
    "packages": ("wasmbuild", "build-push-action", "attest", "login", "script", "package"),
}
"""Which actions of GitHub, Docker and ours have a use for a permission to write; part of the name is enough."""
_TOKEN = re.compile(r"\bgithub\.token\b|\bsecrets\.GITHUB_TOKEN\b", re.IGNORECASE)


def check_permissions(sheet: Sheet, workflow: Node, jobs: Sequence[tuple[Node, Node]]) -> None:
    """Find jobs whose token may do what the settings say, or more than they do."""
    common = workflow.own("permissions")
    if common is not None:
        _check_all(sheet, common, jobs)
    for name, job in jobs:
        own = job.own("permissions")
        if own is None and common is None:
            sheet.add("missing-permissions", name, f"the job {name.text} says nothing of permissions")
        elif own is not None:
            _check_own(sheet, own, job, name.text)
        elif common is not None and len(jobs) == 1:
            _check_scopes(sheet, common, job, name.text)


def _check_all(sheet: Sheet, common: Node, jobs: Sequence[tuple[Node, Node]]) -> None:
    if common.text == "write-all":
        sheet.add("wide-permissions", common, f"{common.text} for every job")
    elif len(jobs) > 1:
        for scope, value in _written(common):
            sheet.add("wide-permissions", value, f"{scope}: write for every job")


def _check_own(sheet: Sheet, permissions: Node, job: Node, name: str) -> None:
    if permissions.text == "write-all":
        sheet.add("wide-permissions", permissions, f"{permissions.text} for the job {name}")
    else:
        _check_scopes(sheet, permissions, job, name)


def _check_scopes(sheet: Sheet, permissions: Node, job: Node, name: str) -> None:
    if job.own("uses") is not None:  # what a called workflow does stands in another file
        return
    for scope, value in _written(permissions):
        if scope in _USED_BY and not _used(job, scope):
            sheet.add("wide-permissions", value, f"{scope}: write, and nothing in the job {name} shows a use for it")


def _written(permissions: Node) -> Iterator[tuple[str, Node]]:
    for key, value in permissions.pairs:
        if value.text == "write":
            yield key.text, value


def _used(job: Node, scope: str) -> bool:
    steps = job.own("steps")
    return any(_used_by(step, scope) for step in (steps.items if steps is not None else ()))


def _used_by(step: Node, scope: str) -> bool:
    run, uses = step.own("run"), step.own("uses")
    if run is not None:
        return needs(run.text, scope) or (scope != "id-token" and _has_token(step))
    if uses is None:
        return False
    name = action_name(uses)
    if name.startswith("actions/") and name.removeprefix("actions/").startswith(PLAIN_ACTIONS):
        return False
    if uses.text.startswith("./"):
        return True
    owner, _, action = name.partition("/")
    if owner in {"actions", "docker", "github"} or action == "wasmbuild":
        return any(each in action for each in _USED_BY[scope])
    return True  # what an action that nobody here knows does cannot be told from its name


def _has_token(step: Node) -> bool:
    """Whether a script gets the job's token by its environment, for something that is not seen here."""
    environment = step.own("env")
    given = environment.entries() if environment is not None else ()
    return any(_TOKEN.search(value.text) for _, value in given)

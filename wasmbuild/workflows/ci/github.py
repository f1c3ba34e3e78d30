"""Workflows and composite actions of GitHub: what makes a release of theirs unsafe."""

import re
from collections.abc import Sequence

from wasmbuild.workflows.ci.expressions import mentions_secrets
from wasmbuild.workflows.ci.findings import Sheet
from wasmbuild.workflows.ci.permissions import check_permissions
from wasmbuild.workflows.ci.scripts import commands
from wasmbuild.workflows.ci.steps import check_image, check_steps, check_uses, restores_cache, step_publishes
from wasmbuild.workflows.ci.yamltree import Node

__all__ = ["check_action", "check_workflow"]

_HEAD = re.compile(r"github\.head_ref|pull_request\.head\.|\bhead\.(?:sha|ref)|workflow_run\.head_|refs/pull/")
_PRIVILEGED = ("pull_request_target", "workflow_run", "issue_comment")
_CHECKED_OUT = re.compile(r"\bgit\b[^\n]{0,300}\b(?:checkout|fetch|pull|switch)\b|\bgh[ \t]+pr[ \t]+checkout\b")


def check_workflow(sheet: Sheet, workflow: Node) -> None:
    """Check a file of ``.github/workflows``."""
    found = workflow.own("jobs")
    jobs = [(key, job) for key, job in found.pairs if job.kind == "map"] if found is not None else []
    if not jobs:
        sheet.add("invalid-file", workflow, "there is no job in it")
    _check_environment(sheet, workflow, "every job")
    check_permissions(sheet, workflow, jobs)
    privileged = _privileged(workflow)
    for name, job in jobs:
        _check_job(sheet, job, name.text, privileged)


def check_action(sheet: Sheet, action: Node) -> None:
    """Check an ``action.yml``."""
    image = action.get("runs", "image")
    if image is not None and image.text.startswith("docker://"):
        check_image(sheet, image, image.text.removeprefix("docker://"))
    check_steps(sheet, action.get("runs", "steps"), static_matrix=False)


def _check_job(sheet: Sheet, job: Node, name: str, privileged: str | None) -> None:
    uses, inherited = job.own("uses"), job.own("secrets")
    if uses is not None:
        check_uses(sheet, uses)
    if inherited is not None and inherited.text == "inherit":
        sheet.add("secrets-everywhere", inherited, f"the workflow that {name} calls gets every secret")
    _check_images(sheet, job)
    steps = job.own("steps")
    check_steps(sheet, steps, static_matrix=_static_matrix(job))
    listed = steps.items if steps is not None else []
    _check_cache(sheet, listed, name)
    if privileged is not None:
        _check_checkout(sheet, listed, privileged)


def _check_environment(sheet: Sheet, holder: Node, whose: str) -> None:
    environment = holder.own("env")
    for key, value in environment.pairs if environment is not None else ():
        if mentions_secrets(value.text):
            sheet.add("secrets-everywhere", key, f"{key.text} is a secret in the environment of {whose}")


def _check_images(sheet: Sheet, job: Node) -> None:
    services = job.own("services")
    holders = [job.own("container"), *(value for _, value in (services.pairs if services is not None else ()))]
    for holder in holders:
        image = holder if holder is None or holder.kind == "text" else holder.own("image")
        if image is not None:
            check_image(sheet, image, image.text)


def _check_cache(sheet: Sheet, steps: Sequence[Node], name: str) -> None:
    if not any(step_publishes(step) for step in steps):
        return
    for step in steps:
        place, run = restores_cache(step), step.own("run")
        if place is not None:
            sheet.add("cache-in-publish", place, f"the job {name} publishes, and restores a cache")
        elif run is not None and any(map(_unsigned_cache, commands(run.text))):
            sheet.add("cache-in-publish", run, f"the job {name} publishes, and --cache-from takes what nobody signed")


def _unsigned_cache(line: str) -> bool:
    return "--cache-from" in line and "--cache-trust" not in line


def _check_checkout(sheet: Sheet, steps: Sequence[Node], event: str) -> None:
    for step in steps:
        uses, run, given = step.own("uses"), step.own("run"), step.own("with")
        said = "\n".join(value.text for _, value in given.pairs) if given is not None else ""
        if uses is not None and "checkout" in uses.text.lower() and _HEAD.search(said):
            sheet.add("untrusted-checkout", uses, f"a checkout of the head, on {event}")
        elif run is not None and _CHECKED_OUT.search(run.text) and _HEAD.search(_with_environment(step, run)):
            sheet.add("untrusted-checkout", run, f"a checkout of the head, on {event}")


def _with_environment(step: Node, run: Node) -> str:
    environment = step.own("env")
    return "\n".join([run.text, *(value.text for _, value in (environment.pairs if environment is not None else ()))])


def _privileged(workflow: Node) -> str | None:
    """The event that runs a workflow for a stranger, with this repository's permissions."""
    events = workflow.own("on")
    if events is None:
        return None
    names = [key.text for key, _ in events.pairs] or [each.text for each in events.each()]
    return next((name for name in names if name in _PRIVILEGED), None)


def _static_matrix(job: Node) -> bool:
    matrix = job.get("strategy", "matrix")
    return matrix is None or not _has_expression(matrix)


def _has_expression(node: Node) -> bool:
    waiting, looked = [node], 0
    while waiting and looked < 10_000:
        each = waiting.pop()
        looked += 1
        if "${{" in each.text:
            return True
        waiting += [*each.items, *(value for _, value in each.pairs)]
    return looked >= 10_000

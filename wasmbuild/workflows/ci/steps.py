"""Steps of a workflow's job or of a composite action: what they run, and what they use."""

import re

from wasmbuild.workflows.ci.expressions import check_script
from wasmbuild.workflows.ci.findings import Sheet
from wasmbuild.workflows.ci.scripts import PUBLISHING_VERBS, check_pipes, publishes
from wasmbuild.workflows.ci.yamltree import Node

__all__ = [
    "PLAIN_ACTIONS",
    "action_name",
    "check_image",
    "check_steps",
    "check_uses",
    "restores_cache",
    "step_publishes",
]

PLAIN_ACTIONS = ("checkout", "setup-", "cache", "upload-artifact", "download-artifact")
"""Of ``actions/``: those that need no permission to write."""

_COMMIT = re.compile(r"[^@\s]+@[0-9a-f]{40}")
_DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}")
_PUBLISHERS = (
    "pypa/gh-action-pypi-publish",
    "softprops/action-gh-release",
    "sigstore/gh-action-sigstore-python",
    "actions/attest-build-provenance",
    "actions/attest-sbom",
    "actions/attest",
)
_CACHES = frozenset(("actions/cache", "actions/cache/restore", "swatinem/rust-cache", "gradle/actions/setup-gradle"))
_CACHING = {
    "actions/setup-go": ("cache", "true"),
    "astral-sh/setup-uv": ("enable-cache", "auto"),
    "ruby/setup-ruby": ("bundler-cache", ""),
    "docker/build-push-action": ("cache-from", ""),
}
"""Actions that restore a cache besides, and where that is said, and what holds where nothing is."""


def check_steps(sheet: Sheet, steps: Node | None, *, static_matrix: bool) -> None:
    """Check each step of a list."""
    for step in steps.items if steps is not None else ():
        run, uses = step.get("run"), step.get("uses")
        if run is not None:
            check_script(sheet, run, static_matrix)
            check_pipes(sheet, run)
        if uses is not None:
            check_uses(sheet, uses)
            _check_use(sheet, step, action_name(uses), static_matrix)


def check_uses(sheet: Sheet, uses: Node) -> None:
    """Find what is used by a name that can be moved."""
    name = uses.text
    if name.startswith(("./", "../")) or "${{" in name:
        return
    if name.startswith("docker://"):
        check_image(sheet, uses, name.removeprefix("docker://"))
    elif not _COMMIT.fullmatch(name):
        sheet.add("unpinned-action", uses, f"{name} names no commit")


def check_image(sheet: Sheet, at: Node, name: str) -> None:
    """Find an image that is named by a tag."""
    if name and "${{" not in name and not _DIGEST.fullmatch(name):
        sheet.add("unpinned-image", at, f"{name} names no digest")


def action_name(uses: Node) -> str:
    """``owner/name`` or ``owner/name/path`` of what a step uses, in lower case."""
    return uses.text.partition("@")[0].lower()


def restores_cache(step: Node) -> Node | None:
    """Where a step restores a cache; None when it does not."""
    uses = step.get("uses")
    if uses is None:
        return None
    name = action_name(uses)
    if name in _CACHES:
        return uses
    key, usual = _CACHING.get(name, ("cache" if "/setup-" in name else "", ""))
    given = step.get("with", key)
    said = (given.text if given is not None else usual).lower()
    return (given or uses) if said not in {"", "false"} and (key != "cache-from" or "gha" in said) else None


def step_publishes(step: Node) -> bool:
    """Whether a step brings something to others."""
    run, uses = step.get("run"), step.get("uses")
    if run is not None:
        return publishes(run.text)
    if uses is None:
        return False
    name = action_name(uses)
    if name == "docker/build-push-action":
        push = step.get("with", "push")
        return push is not None and push.text.lower() != "false"
    return name in _PUBLISHERS or (name.rpartition("/")[2] == "wasmbuild" and not _rehearses(step))


def _rehearses(step: Node) -> bool:
    """Of our own action: whether what it is told publishes nothing."""
    given = step.get("with")
    told = {key.text: value.text for key, value in (given.pairs if given is not None else ())}
    if told.get("dry-run", "").lower() == "true" or {"--dry-run", "--snapshot"} & set(
        told.get("arguments", "").split()
    ):
        return True
    return told.get("command", "release") not in PUBLISHING_VERBS


def _check_use(sheet: Sheet, step: Node, name: str, static_matrix: bool) -> None:
    script = step.get("with", "script")
    if script is not None:  # of actions/github-script, and of others that name it so
        check_script(sheet, script, static_matrix)
    if name == "actions/checkout":
        kept = step.get("with", "persist-credentials")
        if kept is None or kept.text.lower() != "false":
            uses = step.get("uses")
            assert uses is not None
            sheet.add("persisted-credentials", uses, "the checkout keeps the job's token in the working tree")

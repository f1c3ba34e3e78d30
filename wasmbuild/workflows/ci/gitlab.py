"""Pipelines and components of GitLab: what makes a release of theirs unsafe."""

import re
from collections.abc import Iterator, Sequence

from wasmbuild.workflows.ci.findings import Sheet
from wasmbuild.workflows.ci.scripts import check_pipes, publishes
from wasmbuild.workflows.ci.yamltree import Node

__all__ = ["check_pipeline", "is_pipeline"]

_NO_JOBS = frozenset(
    ("default", "include", "stages", "variables", "workflow", "spec", "image", "services", "cache", "before_script")
) | {"after_script"}
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}")
_SECRET_NAME = re.compile(r"(?:^|_)(?:PASSWORD|PASSWD|TOKEN|SECRET|PRIVATE_KEY|API_KEY|ACCESS_KEY)$")
_INPUT = re.compile(r"\$\[\[(?:(?!\$\[\[|\]\]).)*+\]\]", re.DOTALL)
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_GUARDED = re.compile(
    r"CI_COMMIT_TAG\b(?!\s*==\s*(?:null|\"\"))|CI_COMMIT_REF_PROTECTED\s*==\s*[\"']true"
    r"|CI_COMMIT_(?:BRANCH|REF_NAME)\s*==\s*\$CI_DEFAULT_BRANCH"
)
_MAX_TEMPLATES = 32
"""Of one job, each of which extends others."""
_PARTS = frozenset(("default", "include", "stages", "variables", "workflow", "spec"))


def is_pipeline(documents: Sequence[Node]) -> bool:
    """Whether a file looks like a pipeline, or a part of one."""
    return any(
        not _PARTS.isdisjoint(document.values)
        or any(name.startswith(".") for name in document.values)
        or any(_jobs(document))
        for document in documents
    )


def check_pipeline(sheet: Sheet, documents: Sequence[Node], *, whole: bool) -> None:
    """Check a file; ``whole`` is whether it is a project's own ``.gitlab-ci.yml``, and not one that is included."""
    for document in documents:
        if document.kind != "map" or document.own("spec") is not None:
            continue
        _check_includes(sheet, document.own("include"))
        default = document.own("default")
        for holder in (document, default):
            if holder is not None:
                _check_job(sheet, holder, document, whole=whole)
        for name, job in _jobs(document):
            _check_job(sheet, job, document, whole=whole)
            _check_release(sheet, name, job, document)


def _jobs(document: Node) -> Iterator[tuple[Node, Node]]:
    for key, value in document.pairs:
        named = any(value.own(each) is not None for each in ("script", "extends", "trigger", "run"))
        if key.text not in _NO_JOBS and value.kind == "map" and named:
            yield key, value


def _check_job(sheet: Sheet, job: Node, document: Node, *, whole: bool) -> None:
    for image in _images(job):
        _check_image(sheet, image, document)
    _check_variables(sheet, job.own("variables"))
    tokens = job.own("id_tokens")
    if tokens is not None and not whole:
        sheet.add("included-id-token", tokens, "a token of identity in a file that others include")
    for script in _scripts(job, document):
        check_pipes(sheet, script)
        for found in _INPUT.finditer(sheet.source(script)):
            sheet.add_at("template-injection", script.start + found.start(), f"{found[0]} in a script")


def _check_release(sheet: Sheet, name: Node, job: Node, document: Node) -> None:
    if name.text.startswith("."):  # a template, of which nothing comes but by those who extend it
        return
    said, complete = _extended(job, document)
    if not publishes("\n".join(each.text for holder in said for each in _scripts(holder, document))):
        return
    cache = _first(said, "cache") or document.own("cache") or document.get("default", "cache")
    if cache is not None and (cache.pairs or cache.items) and not _only_pushes(cache):
        sheet.add("cache-in-publish", cache, f"the job {name.text} publishes, and restores a cache")
    rules = [_first(said, "rules"), _first(said, "only"), document.get("workflow", "rules")]
    if complete and not any(_guards(sheet, each, document) for each in rules if each is not None):
        sheet.add("unprotected-release", name, f"the job {name.text} publishes from any branch")


def _extended(job: Node, document: Node) -> tuple[list[Node], bool]:
    """A job and the templates it extends, the nearest first; whether all of them are in the file."""
    found: list[Node] = []
    waiting, complete = [job], True
    while waiting and len(found) < _MAX_TEMPLATES:
        each = waiting.pop(0)
        found.append(each)
        named = each.own("extends")
        for name in reversed(list(named.each())) if named is not None else ():
            template = document.own(name.text)
            complete = complete and template is not None
            waiting += [template] if template is not None else []
    return found, complete and not waiting


def _first(jobs: Sequence[Node], name: str) -> Node | None:
    return next((found for each in jobs if (found := each.own(name)) is not None), None)


def _guards(sheet: Sheet, rules: Node, document: Node) -> bool:
    """Whether each rule by which a job runs asks where the commit comes from; also those that stand elsewhere."""
    rules = _referenced(rules, document) or rules
    names = rules.own("refs") or rules
    if "tags" in [each.text for each in names.each()]:
        return True
    listed = [each for item in rules.items for each in _rules(item, document)]
    runs = [each for each in listed if (when := each.own("when")) is None or when.text != "never"]
    return bool(runs) and all(_GUARDED.search(sheet.source(each)) for each in runs)


def _rules(item: Node, document: Node) -> list[Node]:
    """One rule, or those that ``!reference [NAME, rules]`` stands for."""
    there = _referenced(item, document)
    return [item] if there is None else there.items


def _referenced(node: Node, document: Node) -> Node | None:
    """What ``!reference [NAME, KEY]`` names; None for anything else, and where the file does not have it."""
    return document.get(*(each.text for each in node.items)) if node.tag == "!reference" and node.items else None


def _only_pushes(cache: Node) -> bool:
    policy = cache.own("policy")
    return policy is not None and policy.text == "push"


def _images(job: Node) -> Iterator[Node]:
    services = job.own("services")
    for holder in (job.own("image"), *(services.items if services is not None else ())):
        image = holder.own("name") if holder is not None and holder.kind == "map" else holder
        if image is not None and image.kind == "text":
            yield image


def _check_image(sheet: Sheet, image: Node, document: Node) -> None:
    name, at = image.text, image
    variable = _VARIABLE.fullmatch(name)
    if variable:
        value = document.get("variables", variable[1])
        value = value.own("value") if value is not None and value.kind == "map" else value
        if value is None:  # it is the project's, and not to be seen here
            return
        name, at = value.text, value
    if "$[[" not in name and not _DIGEST.fullmatch(name):
        sheet.add("unpinned-image", at, f"{name} names no digest")


def _check_variables(sheet: Sheet, variables: Node | None) -> None:
    for key, value in variables.entries() if variables is not None else ():
        held = value.own("value") if value.kind == "map" else value
        if held is not None and held.text and "$" not in held.text and _SECRET_NAME.search(key.text.upper()):
            sheet.add("secret-in-file", key, f"{key.text} has a value in the file")


def _check_includes(sheet: Sheet, includes: Node | None) -> None:
    if includes is None:
        return
    for each in includes.items if includes.kind == "list" else [includes]:
        problem = _unpinned(each)
        if problem is not None:
            sheet.add("unpinned-include", each, problem)


def _unpinned(include: Node) -> str | None:
    if include.kind == "text":
        return f"{include.text} comes without its hash" if "://" in include.text else None
    values = {key.text: value.text for key, value in include.pairs}
    if "project" in values and not _COMMIT.fullmatch(values.get("ref", "")):
        return f"{values['project']} without a commit"
    if "remote" in values and not values.get("integrity"):
        return f"{values['remote']} comes without its hash"
    if "component" in values and not _COMMIT.fullmatch(values["component"].rpartition("@")[2]):
        return f"{values['component']} names no commit"
    return None


def _scripts(job: Node, document: Node) -> Iterator[Node]:
    for name in ("before_script", "script", "after_script"):
        script = job.own(name)
        for each in script.each() if script is not None else ():
            there = _referenced(each, document)
            yield from (each if there is None else there).each()  # a list may be in the list

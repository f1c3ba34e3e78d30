"""``sbom`` of a project: the file that it was built to, with the packages that its lock files name.

Not here: how locks are read (``wasmbuild.sbom.locks``), and the document (``sbom``).
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import Failure
from registry.words import pasted
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.events import Note, Sink
from wasmbuild.project.workspace import Part, Workspace
from wasmbuild.sbom.gathering import Known
from wasmbuild.sbom.locks import Package, lock_packages
from wasmbuild.toolchains import detect
from wasmbuild.workflows.compile import OUTPUT_FOLDER
from wasmbuild.workflows.planning import find_workspace, plan
from wasmbuild.workflows.sbom_built import REFINED, Refining

if TYPE_CHECKING:
    from wasmbuild.workflows.build import Built

__all__ = ["known_of_project", "packages_of_build", "project_packages"]

_MOST = 25_000
"""Packages and how they need each other, beside which a document has room for what is read off the file."""


def project_packages(folder: Path, language: str, sink: Sink) -> tuple[Package, ...]:
    """What the lock files of a project say of a build in a language, for those whom an odd lock shall not stop.

    One that is malformed, or names too much, is a warning, and nothing of the locks is used then.
    """
    try:
        found = lock_packages(folder, language)
    except InvalidProject as failure:
        sink(Note("warning", f"the lock files are left out of the SBOM: {failure.what}"))
        return ()
    if len(found) + sum(len(each.needs) for each in found) > _MOST:
        sink(Note("warning", "the lock files are left out of the SBOM: they name too much"))
        return ()
    return found


def packages_of_build(built: "Built", refining: Refining) -> tuple[Package, ...]:
    """The same for what was just built, with what the build itself knows."""
    planned = built.compiled.planned
    found = project_packages(planned.root, planned.toolchain.language, refining.sink)
    return refining.refine(found, planned, built.compiled.inputs)


def known_of_project(folder: Path, target: str | None, refining: Refining) -> tuple[Path, Known]:
    """The file that a project was built to last, and what is known of it.

    Raises NoProject, InvalidProject, also for a malformed lock file; UsageFailed when nothing is built yet, or
    when it is not clear which target is meant.
    """
    workspace = find_workspace(folder)
    part = _chosen(workspace, target)
    file = _file(part)
    if not file.is_file():
        raise UsageFailed(f"{part.label} is not built yet", hint=f"wasmbuild build {pasted(folder)}")
    language = _language(part)
    packages = lock_packages(part.project.root, language)
    if packages and language in REFINED:
        packages = _planned(folder, part, packages, refining)
    return file, Known(part.target.name, packages=packages)


def _planned(folder: Path, part: Part, packages: tuple[Package, ...], refining: Refining) -> tuple[Package, ...]:
    """With what the last build knows, as far as it is still here; without it the locks are all that is known."""
    from wasmbuild.build.statcache import digest_inputs  # noqa: PLC0415
    from wasmbuild.workflows.options import BuildOptions  # noqa: PLC0415

    options, sink = BuildOptions(targets=(part.label,), offline=True), refining.sink
    try:
        made = plan(folder, options, caches=refining.caches, environment=refining.environment, sink=sink, looking=True)
        (planned,) = (each for each in made.planned if each.label == part.label)
        inputs = digest_inputs(planned.root, planned.chain.inputs, made.digests)
    except (Failure, OSError) as failure:
        sink(Note("warning", f"{part.label}: only what its lock files say is known: {failure}"))
        return packages
    return refining.refine(packages, planned, inputs)


def _chosen(workspace: Workspace, target: str | None) -> Part:
    """The target that is asked for, or the only one; else the only one that is built."""
    parts = {part.label: part for part in workspace.parts}
    if target is not None:
        only = replace(workspace, needs=dict.fromkeys(parts, ()))
        (label,) = only.selected([target])
        return parts[label]
    built = [part for part in parts.values() if _file(part).is_file()]
    for among in (list(parts.values()), built):
        if len(among) == 1:
            return among[0]
    raise UsageFailed(
        "an SBOM is of one target",
        cause=f"this project has {', '.join(list(parts)[:20])}",
        hint=f"wasmbuild sbom . --target {pasted(next(iter(parts)))}" if parts else None,
    )


def _file(part: Part) -> Path:
    return part.project.root / OUTPUT_FOLDER / f"{part.target.name}.wasm"


def _language(part: Part) -> str | None:
    if part.target.language is not None:
        return part.target.language
    found = detect(SourceTree.of(part.project.root), part.target)
    return found[0].language if found else None

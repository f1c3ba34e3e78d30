"""``wasmbuild build``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from wasmbuild.cli.building import building, setting
from wasmbuild.cli.common import FOLDER, argument, option, registry_verb
from wasmbuild.errors import ExitCode
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.build import Built, Setting
    from wasmbuild.workflows.options import BuildOptions


@registry_verb("build", "wasmbuild build")
@argument("folder", type=FOLDER, default=".")
@building
@option("--watch", is_flag=True, help="Build again whenever a source changes, until Ctrl-C.")
def command(
    console: Console, registries: Registries, *, folder: Path, options: "BuildOptions", watch: bool
) -> ExitCode:
    """Compile the project in FOLDER and pack it into dist/oci, an OCI image layout.

    Prints a reference by digest for each target. With --since, it ends with 3 when nothing changed.
    """
    from wasmbuild.workflows.build import build_all

    own = setting(console, registries)
    if watch:
        _watch(console, folder, options, own)
        return ExitCode.OK
    finished = build_all(folder, options, own)
    built, failures = list(finished.results.values()), finished.failures
    if built or console.format == "json":
        _show(console, built, failures, finished.skipped)
    elif not failures:
        console.emit(Note("info", f"nothing changed after {options.since}"))
    for failure in failures.values():
        raise failure
    return ExitCode.OK if built else ExitCode.NOTHING_TO_DO


def _watch(console: Console, folder: Path, options: "BuildOptions", own: "Setting") -> None:
    from wasmbuild.workflows.build import build
    from wasmbuild.workflows.planning import find_workspace
    from wasmbuild.workflows.watch import watch

    find_workspace(folder, options.language)  # what is no project now is not waited for

    def once() -> None:
        built = build(folder, options, own)
        if built:
            _show(console, built)

    watch(folder, once, console.fail)


def _show(
    console: Console,
    built: Sequence["Built"],
    failures: Mapping[str, Exception] | None = None,
    skipped: Sequence[str] = (),
) -> None:
    references = [f"oci:{_near(each.layout)}@{each.manifest.digest}" for each in built]
    documents = [
        {
            "target": each.label,
            "reference": reference,
            "descriptor": each.manifest.to_json(),
            "file": str(_near(each.wasm_path)),
            "actionKey": str(each.action_key),
            "cached": each.compiled.source,
        }
        for each, reference in zip(built, references, strict=True)
    ]
    alone = documents[0] if len(documents) == 1 else {}
    failed = [{"target": label, "error": str(failure)} for label, failure in (failures or {}).items()]
    whole = {**alone, "targets": documents, "failed": failed, "skipped": list(skipped)}
    console.result("build", "\n".join(references), whole)


def _near(path: Path) -> Path:
    """A path as people write it: from where they are, when it is below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path

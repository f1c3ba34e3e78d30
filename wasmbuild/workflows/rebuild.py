"""``rebuild``: build an artifact's file again from its provenance, and compare it section by section.

The sources are those of the commit, the tools those of the lock, and nothing is taken from a cache of results.
Not here: which provenance counts (``provenances``), and how the outcome is shown (``rebuild_report``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from registry.digest import Digest
from registry.files import storage_errors
from registry.reference import Reference
from wasmbuild.build.drafts import draft_folder
from wasmbuild.build.tool import Artifact, ToolPin, Wheels
from wasmbuild.errors import InvalidAttestation, RebuildDiffers
from wasmbuild.events import Note, Sink
from wasmbuild.lock import LOCK_FILE, lock_tools
from wasmbuild.trust.authority import Authority
from wasmbuild.trust.provenance import GIT_COMMIT, Provenance
from wasmbuild.wasm.compare.sections import Comparison, Verdict, compare_sections
from wasmbuild.workflows.build import Built, Setting, build
from wasmbuild.workflows.demand import Demand
from wasmbuild.workflows.fetch import Fetched, fetch
from wasmbuild.workflows.git import check_out
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.planning import find_workspace
from wasmbuild.workflows.provenance import DIRTY, PIN
from wasmbuild.workflows.provenances import Origin, find_origin
from wasmbuild.workflows.wasmtools import content

__all__ = ["Again", "Rebuilt", "check", "pins_of", "rebuild"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Again:
    """How to build again: from which checkout, who must have signed the provenance, what the artifact must fulfil.

    ``allowed`` are patterns of custom sections that may differ.
    """

    source: Path
    authorities: Sequence[Authority] = ()
    demand: Demand | None = None
    allowed: tuple[str, ...] = ()
    offline: bool = False
    sandbox: str = "auto"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it: the artifact, its provenance, the file that was built again, and how that compares."""

    fetched: Fetched
    origin: Origin
    wasm: bytes
    comparison: Comparison
    allowed: tuple[str, ...]

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.fetched.reference

    @property
    def published(self) -> Digest:
        """The digest of the file that was published."""
        return self.fetched.located.layer.digest

    @property
    def digest(self) -> Digest:
        """The digest of the file that was built again."""
        return Digest.of(self.wasm)

    @property
    def verdict(self) -> Verdict:
        """What the comparison comes to."""
        return self.comparison.verdict(self.allowed)

    @property
    def accepted(self) -> bool:
        """Whether it is the same, but for sections that are allowed to differ."""
        return all(each.is_one_of(self.allowed) for each in self.comparison.differing)


def rebuild(reference: Reference, again: Again, setting: Setting) -> Rebuilt:
    """Build what a reference means now again, and compare it.

    Raises InvalidAttestation for a provenance that is missing, does not hold or is of another kind of build;
    UsageFailed when the checkout does not have the commit; and what fetching and building raise.
    """
    caches, sink = setting.caches, setting.sink
    fetched = fetch(reference, demand=again.demand, caches=caches, registries=setting.registries, sink=sink)
    located = fetched.located
    origin = find_origin(located.remote, again.authorities, sink, located.evidence)
    published = content(fetched.path)
    wasm = _built_again(origin.provenance, again, setting)
    return Rebuilt(fetched, origin, wasm, compare_sections(published, wasm), again.allowed)


def check(rebuilt: Rebuilt) -> None:
    """Insist that it is the same, but for sections that are allowed to differ. Raises RebuildDiffers."""
    if rebuilt.accepted:
        return
    names = rebuilt.comparison.names
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    equivalent = rebuilt.verdict is Verdict.EQUIVALENT
    raise RebuildDiffers(
        f"{rebuilt.reference} is not what its sources give: {shown} {'differs' if len(names) == 1 else 'differ'}",
        cause=f"published is {rebuilt.published}, built again is {rebuilt.digest}",
        hint=f"--allow-sections {','.join(names)}, if that is no matter" if equivalent else None,
    )


def _built_again(provenance: Provenance, again: Again, setting: Setting) -> bytes:
    """The file, built in a folder of its own that is gone afterwards."""
    source, parameters = provenance.source, provenance.parameters
    if source is None:
        raise InvalidAttestation(
            "the provenance names no commit to build from",
            cause="it was built outside of a repository of git, or before its first commit",
            hint="git init && git add . && git commit -m sources, and then push it again",
        )
    if source.annotations.get(DIRTY) == "true":
        setting.sink(Note("warning", "it was built from sources that were not as in the commit"))
    with storage_errors("there is no room to build in"), draft_folder(setting.caches.scratch()) as scratch:
        # A project without a project file is called like its folder.
        tree = scratch / "tree" / parameters.target.rpartition(":")[2]
        check_out(again.source, source.digests[GIT_COMMIT], scratch, tree, setting.environment)
        folder = tree / parameters.project
        if not folder.resolve().is_relative_to(tree.resolve()):
            raise InvalidAttestation("the provenance names a project outside of its sources")
        _keep_to_the_pins(provenance, folder, parameters.language)
        options = BuildOptions(
            (parameters.target,),
            language=parameters.language,
            optimize=parameters.optimize,  # type: ignore[arg-type]  # read strictly
            component=parameters.component,
            offline=again.offline,
            sandbox=again.sandbox,
            no_cache=True,
        )
        own = Setting(setting.caches, setting.environment, setting.sink, setting.registries, stays=False)
        built = next(each for each in build(folder, options, own) if each.label == parameters.target)
        _compare_tools(provenance, built, setting.sink)
        return content(built.wasm_path)


def _keep_to_the_pins(provenance: Provenance, folder: Path, language: str | None) -> None:
    """Where the commit has no lock, write one of the wheels that the provenance names."""
    root = find_workspace(folder, language).root
    pins = [pin for pin in pins_of(provenance) if isinstance(pin.source, Wheels)]
    if pins and not (root / LOCK_FILE).exists():
        lock_tools(root, pins)


def pins_of(provenance: Provenance) -> list[ToolPin]:
    """The pins of tools that are wheels, from the files that the provenance names."""
    files: dict[tuple[str, str, str], list[Artifact]] = {}
    for each in provenance.dependencies:
        package, at, rest = (each.uri or "").removeprefix("pkg:pypi/").partition("@")
        version, query, file_name = rest.partition("?file_name=")
        if PIN in each.annotations and each.name and at and query and "sha256" in each.digests:
            artifact = Artifact(unquote(file_name), each.digests["sha256"])
            files.setdefault((each.name, package, unquote(version)), []).append(artifact)
    return [ToolPin(*named, Wheels(tuple(artifacts))) for named, artifacts in files.items()]


def _compare_tools(provenance: Provenance, built: Built, sink: Sink) -> None:
    """Say which tools are of another release than those that are in the provenance."""
    recorded = {each.name: each.annotations[PIN] for each in provenance.dependencies if PIN in each.annotations}
    tools = built.compiled.planned.chain.tools.values()
    others = [tool.name for tool in tools if tool.name in recorded and str(tool.digest) != recorded[tool.name]]
    if others:
        sink(Note("warning", f"not the release that the provenance names: {', '.join(sorted(others))}"))

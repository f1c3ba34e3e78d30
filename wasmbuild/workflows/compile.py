"""From planned targets to wasm files under their final names, checked; what is as it was is left alone.

Not here: what is planned (``planning``), how commands run (``wasmbuild.build.engine``), and what is done
with the files afterwards (packed, stored).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from registry.digest import Digest
from registry.files import publish, storage_errors
from wasmbuild.build.action import ActionKey, InputFile
from wasmbuild.build.chain import Chain, Described, described
from wasmbuild.build.statcache import StatCache, digest_inputs
from wasmbuild.errors import CapabilityDenied
from wasmbuild.events import Note, Sink
from wasmbuild.project import Project
from wasmbuild.workflows.planning import DEPENDENCIES, Planned
from wasmbuild.workflows.records import Record, Records

if TYPE_CHECKING:
    from wasmbuild.build.engine import Performed

__all__ = ["OUTPUT_FOLDER", "Compiled", "Compiler", "said"]

OUTPUT_FOLDER = "dist"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A wasm file under its final name, and what made it.

    ``source`` is the cache that had it, ``unchanged`` when it was there already, or None when it was made.
    """

    planned: Planned
    wasm_path: Path
    digest: Digest
    action_key: ActionKey
    source: str | None


class Performer(Protocol):
    """Performs chains: the engine here, or a cluster."""

    def perform(
        self, chain: Chain, root: Path, inputs: Sequence[InputFile], depended: Mapping[str, Path], destination: Path
    ) -> "Performed":
        """As :meth:`wasmbuild.build.engine.Engine.perform`."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles planned targets, one at a time, from any thread."""

    engine: Performer
    digests: StatCache
    records: Records
    sink: Sink
    again: bool = False
    """Whether to compile also what is as it was."""

    def compile(self, planned: Planned, needed: Mapping[str, Compiled]) -> Compiled:
        """Have ``dist/NAME.wasm`` of a target; ``needed`` are those that it depends on, by label.

        Raises InvalidProject, ToolchainMissing, CompilationFailed with the compiler's own lines, ToolFailed,
        CapabilityDenied, StorageFailed. Nothing half-done stays.
        """
        self.sink(Note("info", f"{planned.label}: {planned.found.language}: {planned.found.why}"))
        depended = {f"{DEPENDENCIES}/{each.wasm_path.name}": each for each in needed.values()}
        inputs = self._inputs(planned, depended)
        destination = planned.root / OUTPUT_FOLDER / f"{planned.part.target.name}.wasm"
        steps = described(planned.chain, inputs)
        key = steps[planned.chain.last.name].key
        record = self.records.of(planned)
        if not self.again and record is not None and record.holds(key, said(planned.part.project), destination):
            self.sink(Note("info", f"{planned.label} is as it was"))
            return Compiled(planned, destination, record.digest, key, "unchanged")
        return self._compiled(planned, inputs, steps, depended, destination)

    def _compiled(
        self,
        planned: Planned,
        inputs: Sequence[InputFile],
        steps: Mapping[str, Described],
        depended: Mapping[str, Compiled],
        destination: Path,
    ) -> Compiled:
        from wasmbuild.build.drafts import draft_folder  # noqa: PLC0415  (what is unchanged needs none)

        failing = storage_errors(f"{planned.label} could not be compiled")
        with failing, _made(destination.parent), draft_folder(destination.parent) as draft:
            paths = {path: each.wasm_path for path, each in depended.items()}
            written = draft / destination.name
            performed = self.engine.perform(planned.chain, planned.root, inputs, paths, written)
            digest = self._finish(planned, written, performed.digest)
            publish(written, destination)
        self._remember(planned, performed, digest, destination, steps)
        if performed.source is not None:
            self.sink(Note("info", f"{planned.label} was in the cache ({performed.source})"))
        elif planned.toolchain.reproducible is not None:
            self.sink(Note("info", f"{planned.label} is not reproducible: {planned.toolchain.reproducible}"))
        return Compiled(planned, destination, digest, performed.key, performed.source)

    def _inputs(self, planned: Planned, depended: Mapping[str, Compiled]) -> tuple[InputFile, ...]:
        own = [path for path in planned.chain.inputs if path not in depended]
        others = [InputFile(path, each.digest, each.wasm_path.stat().st_size) for path, each in depended.items()]
        return (*digest_inputs(planned.root, own, self.digests), *others)

    def _finish(self, planned: Planned, written: Path, digest: Digest) -> Digest:
        """Check what the file asks for, and write into it what the project says about itself."""
        from wasmbuild.wasm.binary import read  # noqa: PLC0415  (what is unchanged is not read)
        from wasmbuild.wasm.metadata import add_metadata  # noqa: PLC0415

        project, data = planned.part.project, written.read_bytes()
        binary = read(data)
        denied = project.capabilities.denied(binary) if project.capabilities else ()
        if denied:
            shown = ", ".join(str(each) for each in denied[:5]) + (" …" if len(denied) > 5 else "")
            raise CapabilityDenied(
                f"{planned.label} asks for more than [capabilities] allows: {shown}",
                hint="wasmbuild inspect says what the file imports; allow it in wasmbuild.toml if that is meant",
            )
        about = said(project)
        if not about:
            return digest
        annotated = add_metadata(data, about)
        written.write_bytes(annotated)
        return Digest.of(annotated)

    def _remember(
        self,
        planned: Planned,
        performed: "Performed",
        digest: Digest,
        destination: Path,
        steps: Mapping[str, Described],
    ) -> None:
        record = Record.of(performed.key, digest, destination, said(planned.part.project))
        self.records.keep(planned, record, {name: each.description for name, each in steps.items()})


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Have a folder, which is gone again when nothing comes of it and it is empty. Raises OSError."""
    existed = folder.is_dir()
    folder.mkdir(exist_ok=True)
    try:
        yield
    except BaseException:
        if not existed:
            with suppress(OSError):
                folder.rmdir()
        raise


def said(project: Project) -> dict[str, str]:
    """What the project writes into its files."""
    if not project.settings.metadata:
        return {}
    return {"homepage" if name == "url" else name: text for name, text in project.about.items()}

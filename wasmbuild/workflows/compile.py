"""From planned targets to wasm files under their final names, checked; what is as it was is left alone.

Not here: what is planned (``planning``), how commands run (``wasmbuild.build.engine``), and what is done
with the files afterwards (packed, stored).
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from registry.digest import Digest
from registry.errors import StorageFailed
from registry.files import exclusive_folder, publish
from wasmbuild.build.action import ActionKey, InputFile
from wasmbuild.build.chain import Chain, Described, described
from wasmbuild.build.statcache import StatCache, digest_inputs
from wasmbuild.errors import CapabilityDenied
from wasmbuild.events import Note, Sink
from wasmbuild.project import Project
from wasmbuild.workflows.planning import DEPENDENCIES, Planned
from wasmbuild.workflows.records import Packaged, Record, Records

if TYPE_CHECKING:
    from wasmbuild.build.engine import Performed

__all__ = ["OUTPUT_FOLDER", "Compiled", "Compiler", "Pack", "Performer", "said"]

OUTPUT_FOLDER = "dist"

_TRIES = 10


@dataclass(frozen=True, slots=True)
class Compiled:
    """A wasm file under its final name, and what made it.

    ``source`` is the cache that had it, ``unchanged`` when it was there already, or None when it was made;
    ``inputs`` are all files that decided it.
    """

    planned: Planned
    wasm_path: Path
    digest: Digest
    action_key: ActionKey
    source: str | None
    inputs: tuple[InputFile, ...] = ()


Pack = Callable[[Compiled, Path], Packaged]
"""Makes an artifact of a compiled target, whose bytes are in a file; what it is, and where."""


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

    def compile(self, planned: Planned, needed: Mapping[str, Compiled], pack: Pack) -> tuple[Compiled, Packaged]:
        """Have ``dist/NAME.wasm`` of a target, and its artifact; ``needed`` are those that it depends on, by label.

        ``pack`` makes the artifact of a file that is not in its place yet. Raises InvalidProject, ToolchainMissing,
        CompilationFailed with the compiler's own lines, ToolFailed, CapabilityDenied, StorageFailed, and what
        ``pack`` raises. Nothing half-done stays.
        """
        self.sink(Note("info", f"{planned.label}: {planned.found.language}: {planned.found.why}"))
        depended = {f"{DEPENDENCIES}/{each.wasm_path.name}": each for each in needed.values()}
        inputs = self._inputs(planned, depended)
        steps = described(planned.chain, inputs)
        with _storage(planned.label):
            compiled = self._unchanged(planned, steps, pack) or self._compiled(planned, inputs, steps, depended, pack)
        return replace(compiled[0], inputs=inputs), compiled[1]

    def _unchanged(
        self, planned: Planned, steps: Mapping[str, Described], pack: Pack
    ) -> tuple[Compiled, Packaged] | None:
        record, destination = self.records.of(planned), _destination(planned)
        key, about = steps[planned.chain.last.name].key, said(planned.part.project)
        if self.again or record is None or not record.holds(key, about, destination):
            return None
        with exclusive_folder(destination.parent):  # whoever builds or cleans beside us waits
            if not record.holds(key, about, destination):
                return None
            self.sink(Note("info", f"{planned.label} is as it was"))
            compiled = Compiled(planned, destination, record.digest, key, "unchanged")
            packaged = pack(compiled, destination)
        self.records.keep_packaged(planned, packaged)
        return compiled, packaged

    def _compiled(
        self,
        planned: Planned,
        inputs: Sequence[InputFile],
        steps: Mapping[str, Described],
        depended: Mapping[str, Compiled],
        pack: Pack,
    ) -> tuple[Compiled, Packaged]:
        destination = _destination(planned)
        with _draft(destination.parent) as draft:
            paths = {path: each.wasm_path for path, each in depended.items()}
            written = draft / destination.name
            performed = self.engine.perform(planned.chain, planned.root, inputs, paths, written)
            digest = self._finish(planned, written, performed.digest)
            compiled = Compiled(planned, destination, digest, performed.key, performed.source)
            with exclusive_folder(destination.parent):
                packaged = pack(compiled, written)
                publish(written, destination)
                record = Record.of(performed.key, digest, destination, said(planned.part.project))
        self.records.keep(planned, record, {name: each.description for name, each in steps.items()})
        self.records.keep_packaged(planned, packaged)
        self._tell(compiled)
        return compiled, packaged

    def _tell(self, compiled: Compiled) -> None:
        label, why = compiled.planned.label, compiled.planned.toolchain.reproducible
        if compiled.source is not None:
            self.sink(Note("info", f"{label} was in the cache ({compiled.source})"))
        elif why is not None:
            self.sink(Note("info", f"{label} is not reproducible: {why}"))

    def _inputs(self, planned: Planned, depended: Mapping[str, Compiled]) -> tuple[InputFile, ...]:
        own = [path for path in planned.chain.inputs if path not in depended]
        others = [InputFile(path, each.digest, each.wasm_path.stat().st_size) for path, each in depended.items()]
        return (*digest_inputs(planned.root, own, self.digests), *others)

    def _finish(self, planned: Planned, written: Path, digest: Digest) -> Digest:
        """Check what the file asks for, and write into it what the project says about itself."""
        from wasmbuild.wasm.binary import read  # noqa: PLC0415  (what is unchanged is not read)
        from wasmbuild.wasm.editing.metadata import add_metadata  # noqa: PLC0415

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


def _destination(planned: Planned) -> Path:
    return planned.root / OUTPUT_FOLDER / f"{planned.part.target.name}.wasm"


@contextmanager
def _storage(label: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise StorageFailed(f"{label} could not be compiled", cause=f"{where}{error.strerror or error}") from error


@contextmanager
def _draft(output: Path) -> Iterator[Path]:
    """A folder to write in, in the output folder, which goes again when nothing comes of it and it is empty.

    Raises OSError.
    """
    from wasmbuild.build.drafts import draft_folder  # noqa: PLC0415  (what is unchanged needs none)

    existed = output.is_dir()
    with ExitStack() as held:
        for left in reversed(range(_TRIES)):
            try:
                output.mkdir(exist_ok=True)
                draft = held.enter_context(draft_folder(output))
                break
            except (FileNotFoundError, FileExistsError):  # perhaps somebody cleans at this very moment
                if not left or (os.path.lexists(output) and not output.is_dir()):
                    raise
        try:
            yield draft
        except BaseException:
            if not existed:
                held.close()
                with suppress(OSError):
                    output.rmdir()
            raise


def said(project: Project) -> dict[str, str]:
    """What the project writes into its files."""
    if not project.settings.metadata:
        return {}
    return {"homepage" if name == "url" else name: text for name, text in project.about.items()}

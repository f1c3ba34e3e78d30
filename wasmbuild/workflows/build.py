"""``build``: compile what is planned, pack it, store it in the projects' OCI image layouts."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from registry.errors import StorageFailed
from registry.model import Descriptor
from wasmbuild.build.action import ActionKey
from wasmbuild.build.schedule import Finished, Schedule
from wasmbuild.created import creation_time
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.compile import Compiled, Compiler
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.packing import Packing, layout_of
from wasmbuild.workflows.planning import Plan, plan
from wasmbuild.workflows.records import Packaged, Records
from wasmbuild.workflows.setting import Setting
from wasmbuild.workflows.workshop import Workshop, check_places

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from wasmbuild.artifact import Packed
    from wasmbuild.build.tool import ToolPin

__all__ = ["Built", "Making", "Setting", "build", "build_all"]

_ON_A_CLUSTER = 64
"""Targets that are waited for at once."""


@dataclass(frozen=True, slots=True)
class Making:
    """How and when a target was built: what was asked for, and the pins of the workspace's tools, by name.

    ``folder`` is the one that was asked to be built, ``workspace`` the one that the lock is in. ``started`` and
    ``finished`` are seconds since the epoch, of this target alone.
    """

    folder: Path
    workspace: Path
    options: BuildOptions
    pins: "Mapping[str, ToolPin]"
    started: float
    finished: float


@dataclass(frozen=True, slots=True)
class Built:
    """A target's artifact, and where it is: a file, and a manifest in a layout."""

    packing: Packing
    manifest: Descriptor
    making: Making

    @property
    def compiled(self) -> Compiled:
        """What it was packed of."""
        return self.packing.compiled

    @property
    def label(self) -> str:
        """What people call the target."""
        return self.compiled.planned.label

    @property
    def wasm_path(self) -> Path:
        """The file."""
        return self.compiled.wasm_path

    @property
    def action_key(self) -> ActionKey:
        """The key of the action that made it."""
        return self.compiled.action_key

    @property
    def layout(self) -> Path:
        """The folder of the layout."""
        return layout_of(self.compiled.planned)

    def packed(self) -> "Packed":
        """The artifact, to be copied from. Raises InvalidWasm, StorageFailed."""
        return self.packing.packed(self.wasm_path)


def build(folder: Path, options: BuildOptions, setting: Setting) -> tuple[Built, ...]:
    """Build the wanted targets of the project or workspace in a folder.

    Raises what planning and compiling raise, InvalidWasm, UsageFailed, StorageFailed; with several targets the
    first failure, after all that could still be built with ``keep_going``.
    """
    finished = build_all(folder, options, setting)
    for failure in finished.failures.values():
        raise failure
    return tuple(finished.results.values())


def build_all(folder: Path, options: BuildOptions, setting: Setting) -> Finished[Built]:
    """The same, without raising for what a target does; of several, each failure is told when it is over."""
    created = creation_time(setting.environment)
    check_places(options)
    planned = plan(folder, options, caches=setting.caches, environment=setting.environment, sink=setting.sink)
    parts = {each.label: each for each in planned.planned}
    records = Records(setting.caches)

    def job(label: str, needed: Mapping[str, Built]) -> Built:
        def pack(compiled: Compiled, file: Path) -> Packaged:
            return Packing.of(compiled, created).store(file, records, setting.sink)

        earlier, started = {name: each.compiled for name, each in needed.items()}, time()
        compiled, packaged = compiler.compile(parts[label], earlier, pack)
        pins = dict(planned.tools.installer.pins)
        making = Making(folder.absolute(), planned.workspace.root, options, pins, started, time())
        return Built(Packing.of(compiled, created), packaged.manifest, making)

    try:
        with Workshop(planned, options, setting) as workshop, _executor(options, len(parts), workshop) as executor:
            again = options.no_cache or bool(options.cache_to)
            compiler = Compiler(workshop, planned.digests, records, setting.sink, again=again)
            needs = planned.workspace.needs
            finished = Schedule(list(parts), needs, job, executor, keep_going=options.keep_going).perform()
    finally:
        if setting.stays:
            _save(planned, records, setting.sink)
    for label, failure in finished.failures.items() if len(parts) > 1 else ():
        setting.sink(Note("warning", f"{label}: {failure}"))
    if finished.skipped:
        setting.sink(Note("warning", f"not built: {', '.join(finished.skipped)}"))
    return finished


@contextmanager
def _executor(options: BuildOptions, targets: int, workshop: Workshop) -> "Iterator[Executor | None]":
    usual = _ON_A_CLUSTER if options.executor else os.cpu_count() or 1
    jobs = min(options.jobs or usual, targets)
    if jobs <= 1:
        yield None
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  (one target needs no thread)

    with ThreadPoolExecutor(jobs, thread_name_prefix="build") as executor:
        try:
            yield executor
        except BaseException:
            workshop.stop()
            raise


def _save(planned: Plan, records: Records, sink: Sink) -> None:
    try:
        planned.digests.save()
        records.save()
    except (OSError, StorageFailed) as error:
        sink(Note("warning", f"the cache could not be written: {error}"))

"""Jobs: what a build asks of another machine, as data, and what that machine does with it.

A worker needs wasmbuild, the caches that the job names, and a package index or a cache of toolchains;
nothing of the project is on it. Environment and credentials are the worker's own: none are sent. Not
here: who brings jobs to workers (``cluster``), and who makes them (``dispatch``).
"""

import os
import pickle
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import wasmbuild
from registry.client.registries import Registries
from registry.client.settings import Settings
from registry.errors import Failure
from registry.words import printable
from wasmbuild.build.action import ActionKey, InputFile
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.build.chain import Chain
from wasmbuild.build.drafts import draft_folder
from wasmbuild.build.engine import Engine, Performed
from wasmbuild.build.guard import Abort
from wasmbuild.build.parcel import unpack
from wasmbuild.build.sandbox import choose_sandbox
from wasmbuild.build.tool import ToolPin
from wasmbuild.caches import Caches
from wasmbuild.errors import ToolFailed
from wasmbuild.events import Event, Note, Sink, ToolOutput
from wasmbuild.workflows.caching import CacheName, local_cache
from wasmbuild.workflows.toolroom import Installer

__all__ = ["PARCEL", "Job", "JobDone", "Stopped", "perform_job", "shared_caches"]

PARCEL = "inputs"
"""The name of the parcel among the outputs of its entry in a cache."""

_MAX_EVENTS = 2000


@dataclass(frozen=True, slots=True)
class Job:
    """A chain to be performed elsewhere; ``parcel`` is the key under which the ``caches`` have its inputs.

    ``again`` means that no cache is asked for the result. ``sandbox`` is a name, or ``auto``.
    """

    chain: Chain
    inputs: tuple[InputFile, ...]
    parcel: ActionKey
    pins: tuple[ToolPin, ...]
    caches: tuple[str, ...]
    settings: Settings
    sandbox: str
    again: bool
    offline: bool

    def encode(self) -> bytes:
        """For :func:`perform_job` of the same version of wasmbuild."""
        settings = self.settings.heard_by(Settings().notice)  # who listens here cannot be sent
        return pickle.dumps(replace(self, settings=settings))


@dataclass(frozen=True, slots=True)
class JobDone:
    """What came of a job on a machine called ``host``, and what was said meanwhile; the file is in the caches."""

    host: str
    performed: Performed | None
    failure: Failure | None
    events: tuple[Event, ...]


class Stopped(Exception):
    """The job was given up half-way, and may be done elsewhere."""


def perform_job(version: str, encoded: bytes, abort: Abort | None = None) -> JobDone:
    """Do a job on the machine where this runs, with its own caches; the result is in the shared ones afterwards.

    What a person can act on is returned, not raised: it is no reason to try again elsewhere. Raises Stopped
    when ``abort`` was set.
    """
    abort, host = abort or Abort(), printable(platform.node(), 80)
    events: list[Event] = []

    def sink(event: Event) -> None:
        if isinstance(event, Note | ToolOutput) and len(events) < _MAX_EVENTS:
            events.append(event)

    try:
        performed = _perform(_decoded(version, encoded), sink, abort)
        return JobDone(host, performed, None, tuple(events))
    except Failure as failure:
        failed = failure
    except OSError as error:
        failed = ToolFailed(f"the worker {host} failed", cause=str(error))
    if abort.is_set():
        raise Stopped(host)
    return JobDone(host, None, failed, tuple(events))


def shared_caches(names: Sequence[str], settings: Settings, *, readable: bool = True) -> list[ActionCache]:
    """The caches that a cluster shares with whoever builds on it. Raises what reading their names does."""
    registries = Registries(settings)
    parsed = [CacheName.parse(name) for name in names]
    return [ActionCache(each.open(registries), name=each.text, readable=readable) for each in parsed]


def _decoded(version: str, encoded: bytes) -> Job:
    if version != wasmbuild.__version__:
        raise ToolFailed(
            f"a worker has wasmbuild {wasmbuild.__version__}, and was sent work of {version}",
            hint="install the same version on all of them",
        )
    # Whoever can send work to a worker can run anything on it as it is: that is what Dask does.
    job = pickle.loads(encoded)  # noqa: S301
    assert isinstance(job, Job)
    return job


def _perform(job: Job, sink: Sink, abort: Abort) -> Performed:
    caches = Caches.of_user()
    settings = job.settings.heard_by(lambda text: sink(Note("warning", text)))
    results = Layered(
        [
            *local_cache(caches, sink, readable=not job.again),
            *shared_caches(job.caches, settings, readable=not job.again),
        ],
        sink,
    )
    sandbox = choose_sandbox(job.sandbox)
    if sandbox.name == "none" and sandbox.hides:
        sink(Note("warning", sandbox.hides))
    installer = Installer(caches, {pin.name: pin for pin in job.pins}, sink, offline=job.offline)
    engine = Engine(caches, results, sandbox, installer.install, os.environ, sink, abort)
    with draft_folder(caches.scratch()) as draft:
        root = draft / "project"
        root.mkdir()
        _receive(Layered(shared_caches(job.caches, settings), sink), job, draft / PARCEL, root)
        tools = {name: installer.here(tool) for name, tool in job.chain.tools.items()}
        chain = replace(job.chain, tools=tools)
        return engine.perform(chain, root, job.inputs, {}, draft / "result")


def _receive(cache: Layered, job: Job, parcel: Path, root: Path) -> None:
    found = cache.find(job.parcel, (PARCEL,), shared=True)
    if found is None or not cache.fetch(found, found.output(PARCEL), parcel):
        raise ToolFailed(
            f"the worker {printable(platform.node(), 80)} does not find what it is to compile",
            cause=f"looked in {', '.join(cache.names)}",
            hint="--cache-to names a cache that this machine and all workers can write to and read from",
        )
    unpack(parcel, job.inputs, root)
    parcel.unlink()

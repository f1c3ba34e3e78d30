"""Dispatch: chains are performed by an Executor's workers; what they read and write travels through shared caches.

Not here: what a worker does (``jobs``), and how it is reached (``cluster``).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import BoundedSemaphore, Lock

import wasmbuild
from registry.client.settings import Settings
from registry.errors import Failure
from registry.words import printable
from wasmbuild.build.action import ActionKey, InputFile
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.chain import Chain, described
from wasmbuild.build.drafts import draft_folder
from wasmbuild.build.engine import Engine, Performed
from wasmbuild.build.parcel import contents, pack
from wasmbuild.build.tool import NpmTree, ToolPin
from wasmbuild.errors import ToolFailed
from wasmbuild.events import Event, Note, step
from wasmbuild.workflows.caching import CacheName, local_cache
from wasmbuild.workflows.jobs import PARCEL, Job, JobDone, perform_job, shared_caches
from wasmbuild.workflows.toolroom import Installer

__all__ = ["Dispatcher", "Orders", "Sender"]

_LOOK_SECONDS = 0.2
_NODE = "node"


@dataclass(frozen=True, slots=True)
class Orders:
    """What holds for all jobs of a build: the names of the shared caches, and how jobs are done.

    ``sandbox`` is as it was asked for: which one is best is for each worker to say.
    """

    caches: tuple[str, ...]
    settings: Settings
    sandbox: str = "auto"
    again: bool = False


class Dispatcher:
    """Performs chains by an executor, in the place of an engine; from any thread.

    ``work`` is what the executor runs: :func:`wasmbuild.workflows.jobs.perform_job`, or something around it.
    """

    def __init__(
        self,
        engine: Engine,
        executor: Executor,
        orders: Orders,
        installer: Installer,
        work: Callable[[str, bytes], JobDone] = perform_job,
    ) -> None:
        caches = shared_caches(orders.caches, orders.settings)
        self._engine = engine
        self._executor = executor
        # A relative path means something else on a worker.
        self._orders = replace(orders, caches=tuple(CacheName.parse(name).text for name in orders.caches))
        self._installer = installer
        self._work = work
        self._sender = Sender(Layered(caches, engine.sink), engine)
        # What a worker has made is kept here as well, and what was here before is not taken for it.
        self._made = Layered([*local_cache(engine.caches, engine.sink, readable=False), *caches], engine.sink)
        self._here = BoundedSemaphore(os.cpu_count() or 1)
        self._said: set[Event] = set()

    def perform(
        self, chain: Chain, root: Path, inputs: Sequence[InputFile], depended: Mapping[str, Path], destination: Path
    ) -> Performed:
        """As :meth:`wasmbuild.build.engine.Engine.perform`."""
        unpinned = [tool.name for tool in chain.tools.values() if not tool.pinned]
        if unpinned:
            said = f"{chain.label} is compiled here: {unpinned[0]} is a tool of this machine"
            self._engine.sink(Note("info", said))
            with self._here:
                return self._engine.perform(chain, root, inputs, depended, destination)
        last = described(chain, inputs)[chain.last.name]
        found = _fetched(self._engine.cache, chain, last.key, destination)
        if found is not None:
            return found
        parcel = self._sender.send(inputs, lambda file: depended.get(file.path, root / file.path))
        with step(self._engine.sink, "compile on the cluster", chain.label):
            done = self._done(chain.label, self._job(chain, inputs, parcel))
        self._tell(done)
        if done.failure is not None:
            raise done.failure
        if done.performed is None or done.performed.key != last.key:
            raise ToolFailed(
                f"{chain.label} has another key on the worker {done.host} than here",
                hint="install the same wasmbuild on all of them",
            )
        made = _fetched(self._made, chain, last.key, destination)
        if made is None:
            raise ToolFailed(
                f"{chain.label} was compiled on the cluster, and the result is not in the cache",
                cause=f"looked in {', '.join(self._orders.caches)}",
                hint="--cache-to names a cache that this machine and all workers can write to and read from",
            )
        source = made.source if done.performed.source else None
        return replace(made, source=source)

    def _job(self, chain: Chain, inputs: Sequence[InputFile], parcel: ActionKey) -> Job:
        orders, installer = self._orders, self._installer
        return Job(
            chain,
            tuple(inputs),
            parcel,
            _needed(installer.pins, chain),
            orders.caches,
            orders.settings,
            orders.sandbox,
            orders.again,
            installer.offline,
        )

    def _done(self, label: str, job: Job) -> JobDone:
        future = self._executor.submit(self._work, wasmbuild.__version__, job.encode())
        try:
            return self._awaited(future, label)
        except Failure:
            raise
        except (Exception, CancelledError) as error:
            raise ToolFailed(f"{label} could not be compiled on the cluster", cause=_words(error)) from error
        finally:
            future.cancel()  # nothing to a job that is done

    def _awaited(self, future: Future[JobDone], label: str) -> JobDone:
        while not wait((future,), timeout=_LOOK_SECONDS).done:
            if self._engine.abort.is_set():
                raise ToolFailed(f"{label} is not waited for: the build was stopped")
        return future.result()

    def _tell(self, done: JobDone) -> None:
        for event in done.events:
            said = replace(event, text=f"{done.host}: {event.text}") if isinstance(event, Note) else event
            if said not in self._said:
                self._engine.sink(said)
            if isinstance(said, Note):
                self._said.add(said)


@dataclass(slots=True)
class Sender:
    """Puts inputs into the shared caches, each parcel once, from any thread."""

    shared: Layered
    engine: Engine
    _locks: dict[ActionKey, Lock] = field(default_factory=dict)
    _sent: set[ActionKey] = field(default_factory=set)
    _changing: Lock = field(default_factory=Lock)

    def send(self, inputs: Sequence[InputFile], place: Callable[[InputFile], Path]) -> ActionKey:
        """Have the parcel of some inputs in a shared cache. Raises ToolFailed, InvalidProject, StorageFailed."""
        description = contents(inputs)
        key = ActionKey.of(description)
        with self._changing:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            if key not in self._sent and not self._has(key):
                with draft_folder(self.engine.caches.scratch()) as draft:
                    pack(inputs, place, draft / PARCEL)
                    self.shared.put(key, description, {PARCEL: draft / PARCEL}, shared=True)
                if not self._has(key):
                    raise ToolFailed(
                        "the inputs cannot be sent to the cluster: no cache has taken them",
                        cause=f"tried {', '.join(self.shared.names)}",
                        hint="--cache-to names a cache that this machine and all workers can write to and read from",
                    )
            self._sent.add(key)
        return key

    def _has(self, key: ActionKey) -> bool:
        return self.shared.find(key, (PARCEL,), shared=True) is not None


def _fetched(cache: Layered, chain: Chain, key: ActionKey, destination: Path) -> Performed | None:
    found = cache.find(key, chain.last.outputs, shared=True)
    if found is None or not cache.fetch(found, found.output(chain.output), destination):
        return None
    output = found.output(chain.output)
    return Performed(key, output.digest, output.size, found.source)


def _needed(pins: Mapping[str, ToolPin], chain: Chain) -> tuple[ToolPin, ...]:
    """The pins of a chain's tools, and of what installs them."""
    own = [pins[name] for name in sorted(chain.tools)]
    node = any(isinstance(pin.source, NpmTree) for pin in own) and _NODE not in chain.tools
    return (*own, *([pins[_NODE]] if node else []))


def _words(error: BaseException) -> str:
    if isinstance(error, CancelledError):
        return "the scheduler ended, or the connection to it"
    return f"{type(error).__name__}: {printable(str(error), 500)}" if str(error) else type(error).__name__

"""Workshop: what performs the chains of one build, made when the first target needs it.

Where nothing is to be done, nothing of it is imported.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from registry.errors import Failure
from wasmbuild.events import Note
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.planning import Plan
from wasmbuild.workflows.setting import Setting

if TYPE_CHECKING:
    from wasmbuild.build.action import InputFile
    from wasmbuild.build.chain import Chain
    from wasmbuild.build.engine import Engine, Performed
    from wasmbuild.workflows.compile import Performer

__all__ = ["Workshop", "check_places"]


def check_places(options: BuildOptions) -> None:
    """Refuse names of caches and clusters that are none, also where nothing will be asked of them.

    Raises UsageFailed, InvalidReference.
    """
    if options.cache_from or options.cache_to:
        from wasmbuild.workflows.caching import CacheName  # noqa: PLC0415  (most builds name none)

        for name in (*options.cache_from, *options.cache_to):
            CacheName.parse(name)
    if options.executor is not None:
        from wasmbuild.workflows.cluster import check_cluster  # noqa: PLC0415

        check_cluster(options.executor, options.cache_to)


class Workshop:
    """The engine here, or a cluster behind it; for several threads, and for one ``with`` block."""

    def __init__(self, plan: Plan, options: BuildOptions, setting: Setting) -> None:
        self._plan, self._options, self._setting = plan, options, setting
        self._lock = Lock()
        self._open = ExitStack()
        self._performer: Performer | None = None
        self._engine: Engine | None = None
        self._failure: Failure | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def perform(
        self,
        chain: "Chain",
        root: Path,
        inputs: "Sequence[InputFile]",
        depended: Mapping[str, Path],
        destination: Path,
    ) -> "Performed":
        """As :meth:`wasmbuild.build.engine.Engine.perform`; raises UsageFailed for what was asked for and cannot be."""
        with self._lock:
            performer = self._performer = self._performer or self._made()
        return performer.perform(chain, root, inputs, depended, destination)

    def stop(self) -> None:
        """End what runs, and begin nothing more."""
        if self._engine is not None:
            self._engine.abort.set()

    def _made(self) -> "Performer":
        """Make it, once: a scheduler that is not there is not waited for by each target again."""
        if self._failure is not None:
            raise self._failure
        try:
            return self._make()
        except Failure as failure:
            self._failure = failure
            raise

    def _make(self) -> "Performer":
        options, settings = self._options, self._setting.registries.settings
        self._engine = engine = _engine(self._plan, options, self._setting)
        if options.executor is None:
            return engine
        from wasmbuild.workflows.cluster import cluster_at  # noqa: PLC0415  (most builds have no cluster)
        from wasmbuild.workflows.dispatch import Orders  # noqa: PLC0415

        orders = Orders(options.cache_to, settings, options.sandbox, options.no_cache)
        signed = options.cache_keys is not None
        return self._open.enter_context(
            cluster_at(options.executor, orders, engine, self._plan.tools.installer, signed=signed)
        )


def _engine(plan: Plan, options: BuildOptions, setting: Setting) -> "Engine":
    from wasmbuild.build.engine import Engine  # noqa: PLC0415  (starts processes, which most builds need not)
    from wasmbuild.build.sandbox import choose_sandbox  # noqa: PLC0415
    from wasmbuild.workflows.caching import open_caches  # noqa: PLC0415

    cache = open_caches(
        setting.caches,
        cache_from=(*options.cache_from, *(options.cache_to if options.executor else ())),
        cache_to=options.cache_to,
        registries=setting.registries,
        sink=setting.sink,
        no_cache=options.no_cache,
        keys=options.cache_keys,
    )
    sandbox = choose_sandbox(options.sandbox, memory=setting.caches.root / "sandbox")
    if sandbox.name == "none" and sandbox.hides:
        setting.sink(Note("warning", sandbox.hides))
    install, environment = plan.tools.installer.install, setting.environment
    return Engine(setting.caches, cache, sandbox, install, environment, setting.sink, stays=setting.stays)

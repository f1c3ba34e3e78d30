"""A Dask cluster, reached: its address, its connection, and its noise. The only module that knows Dask.

Not here: what is sent there (``dispatch``), and what a worker does with it (``jobs``).
"""

import asyncio
import contextlib
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.words import printable
from wasmbuild.build.engine import Engine
from wasmbuild.build.guard import Abort
from wasmbuild.errors import ExtraMissing, ToolFailed, UsageFailed
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.dispatch import Dispatcher, Orders
from wasmbuild.workflows.jobs import JobDone, perform_job
from wasmbuild.workflows.toolroom import Installer

if TYPE_CHECKING:
    from distributed import Client, Worker

__all__ = ["check_cluster", "cluster_at", "perform_on_worker", "transport_address"]

_ADDRESS = re.compile(r"(dask|dask\+tls)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})/?")
_PATIENCE = 10
"""Seconds for a scheduler to answer."""
_RETRIES = 2
"""Times that a job which a worker did not end is begun again; what the compiler said is an end."""


@contextmanager
def cluster_at(
    address: str, orders: Orders, engine: Engine, installer: Installer, *, signed: bool
) -> Iterator[Dispatcher]:
    """The cluster behind ``dask://HOST:PORT`` or ``dask+tls://HOST:PORT``.

    Raises UsageFailed when the address is malformed, there is no shared cache, or results are to be
    ``signed``; ExtraMissing; ToolFailed when nobody answers.
    """
    url = check_cluster(address, orders.caches)
    if signed:
        raise UsageFailed(
            "--executor does not go with --cache-sign and --cache-trust",
            cause="workers have no keys, and what they write is signed by nobody",
            hint="build a release on one machine",
        )
    with _heard(engine.sink), _connected(address, url, engine.sink) as client:
        executor = client.get_executor(pure=False, retries=_RETRIES)
        yield Dispatcher(engine, executor, orders, installer, perform_on_worker)


def check_cluster(address: str, caches: Sequence[str]) -> str:
    """What Dask calls the scheduler. Raises UsageFailed when that is malformed, or there is no shared cache."""
    url = transport_address(address)
    if not caches:
        raise UsageFailed(
            "a cluster needs a cache that it shares with this machine",
            hint="--cache-to oci://registry.example.com/cache, or another place that all of them reach",
        )
    return url


def transport_address(address: str) -> str:
    """What Dask calls the scheduler at this address. Raises UsageFailed."""
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[3]) < 65536:
        raise UsageFailed(
            f"{printable(address, 120)!r} is no executor", hint="--executor dask://HOST:PORT, or dask+tls://HOST:PORT"
        )
    return f"{'tls' if match[1].endswith('tls') else 'tcp'}://{match[2]}:{match[3]}"


def perform_on_worker(version: str, encoded: bytes) -> JobDone:
    """As :func:`wasmbuild.workflows.jobs.perform_job`, on a worker: it ends early when nobody waits for it any more."""
    from distributed import get_worker  # noqa: PLC0415  (an extra)

    worker = get_worker()
    return perform_job(version, encoded, _Unwanted(worker, str(worker.get_current_task())))


class _Unwanted(Abort):
    """Set when a worker was told to forget its task, or ends itself: Dask does not interrupt what runs."""

    def __init__(self, worker: "Worker", key: str) -> None:
        super().__init__()
        self._worker = worker
        self._key = key

    def is_set(self) -> bool:
        task = self._worker.state.tasks.get(self._key)
        ending = self._worker.status.name in {"closing", "closed", "failed"}
        return super().is_set() or ending or task is None or task.state == "cancelled"


@contextmanager
def _connected(address: str, url: str, sink: Sink) -> Iterator["Client"]:
    try:
        from distributed import Client  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ExtraMissing(
            "clusters need a package that is not installed", cause=str(error), hint="pip install 'wasmbuild[cluster]'"
        ) from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            asyncio.run(_knocked(url))
            client = Client(url, timeout=_PATIENCE, set_as_default=False)
            workers = len(client.nthreads())
        except Exception as error:
            raise ToolFailed(
                f"the cluster {address} cannot be reached",
                cause=printable(str(error), 300) or type(error).__name__,
                hint="is a scheduler running there, and do certificates and versions go together? See docs/cluster.md",
            ) from error
    with client:
        for each in caught:
            sink(Note("warning", printable(str(each.message), 500)))
        if workers == 0:
            sink(Note("warning", f"the cluster {address} has no workers yet: they are waited for"))
        yield client


async def _knocked(url: str) -> None:
    """See that a scheduler answers: a client that finds something else there does not end well."""
    from distributed import Security  # noqa: PLC0415
    from distributed.comm.core import connect  # noqa: PLC0415

    comm = await connect(url, timeout=_PATIENCE, **Security().get_connection_args("client"))
    comm.abort()


@contextmanager
def _heard(sink: Sink) -> Iterator[None]:
    """While a cluster is used, what Dask has to say about it becomes notes; what its event loop says is dropped.

    Otherwise both would write on the terminal.
    """
    with contextlib.suppress(ImportError):  # which is said later
        import distributed  # noqa: F401, PLC0415  (sets up its loggers)
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in {"distributed", "tornado"}]
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.handlers[:], logger.propagate) for logger in loggers]
    teller = _Teller(sink)
    for logger in loggers:
        top = "." not in logger.name
        logger.handlers = [] if not top else [teller if logger.name == "distributed" else logging.NullHandler()]
        logger.propagate = not top
    try:
        yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate


class _Teller(logging.Handler):
    """Makes one note of each warning, and says it once; tracebacks are for those who look after the cluster."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(logging.WARNING)
        self._sink = sink
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        first, *_ = record.getMessage().strip().splitlines() or [""]
        text = f"the cluster: {printable(first, 300)}"
        if text not in self._said:
            self._said.add(text)
            self._sink(Note("warning", text))

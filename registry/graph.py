"""The one way content moves: from store to store, over the graph that manifests and indexes span.

Push, pull, mirror, save and load are each a few lines over :func:`copy`. It is told by hooks what
to report. Tagging is not its business: the caller tags last, when everything has arrived.
"""

import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event

from registry.content import ContentStore, Fetcher, Pusher, Readable, Referred, read_all
from registry.digest import Digest
from registry.errors import Failure, GraphTooLarge, Side
from registry.model import Descriptor, Index, Manifest, is_document, parse_document

__all__ = [
    "CopyHooks",
    "CopyReport",
    "Limits",
    "copy",
    "copy_with_referrers",
    "describe_referrer",
    "push_bytes",
    "read_document",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a graph may span before it is refused; the defaults are far above honest artifacts."""

    depth: int = 8
    nodes: int = 10_000


def _nothing(descriptor: Descriptor) -> None:
    """A hook for nobody."""


def _no_progress(descriptor: Descriptor, done: int) -> None:
    """A progress hook for nobody."""


@dataclass(frozen=True, slots=True)
class CopyHooks:
    """Called as content moves, possibly from several threads at once; ``moving`` gets bytes so far."""

    begun: Callable[[Descriptor], None] = _nothing
    moving: Callable[[Descriptor, int], None] = _no_progress
    done: Callable[[Descriptor], None] = _nothing
    skipped: Callable[[Descriptor], None] = _nothing


@dataclass(frozen=True, slots=True)
class CopyReport:
    """How many contents were copied and skipped, and how many bytes moved."""

    copied: int = 0
    skipped: int = 0
    bytes: int = 0


def read_document(store: Fetcher, descriptor: Descriptor) -> tuple[bytes, Manifest | Index]:
    """The verified bytes of a manifest or an index, and what they say."""
    data = read_all(store, descriptor)
    return data, parse_document(data, descriptor.media_type)


def push_bytes(store: Pusher, descriptor: Descriptor, data: bytes) -> None:
    """Push content that is held in memory."""
    store.push(descriptor, lambda: io.BytesIO(data))


def describe_referrer(descriptor: Descriptor, document: Manifest | Index) -> Descriptor:
    """How a referrers list shows a document (distribution-spec 1.1, "Listing Referrers")."""
    return replace(descriptor.plain(), artifact_type=document.kind, annotations=document.annotations)


def walk(store: Fetcher, root: Descriptor, limits: Limits = Limits()) -> Iterator[tuple[Descriptor, bytes | None]]:
    """Every content below ``root``, each once, children before the document that lists them.

    Documents come with their bytes, blobs with None. Raises GraphTooLarge over ``limits``.
    """
    yield from _Walk(store, limits, _keep).below(root, depth=1)


def _keep(node: Descriptor) -> bool:  # noqa: ARG001 - the shape of a question
    return False


class _Walk:
    """One traversal: what was claimed, and what may be left out with all below it."""

    def __init__(self, store: Fetcher, limits: Limits, leave_out: Callable[[Descriptor], bool]) -> None:
        self._store = store
        self._limits = limits
        self._leave_out = leave_out
        self._claimed: set[Digest] = set()

    def below(self, node: Descriptor, depth: int) -> Iterator[tuple[Descriptor, bytes | None]]:
        if node.digest in self._claimed:
            return
        self._claim(node, depth)
        if not is_document(node.media_type):
            yield node, None
            return
        if self._leave_out(node):
            return
        data, document = read_document(self._store, node)
        for child in document.successors:
            yield from self.below(child, depth + 1)
        yield node, data

    def _claim(self, node: Descriptor, depth: int) -> None:
        self._claimed.add(node.digest)
        if depth > self._limits.depth:
            raise GraphTooLarge(f"the graph is deeper than {self._limits.depth} levels")
        if len(self._claimed) > self._limits.nodes:
            raise GraphTooLarge(f"the graph has more than {self._limits.nodes} nodes")


def copy(
    source: Fetcher,
    destination: ContentStore,
    root: Descriptor,
    *,
    hooks: CopyHooks = CopyHooks(),
    concurrency: int = 4,
    limits: Limits = Limits(),
) -> CopyReport:
    """Copy ``root`` and all that it needs; what the destination has is left out.

    A document is pushed after everything below it, so that a destination never holds one whose
    content is missing. Failures carry the ``side`` they happened on.
    """
    return _Copy(source, destination, hooks).run(root, concurrency, limits)


def copy_with_referrers(
    source: Referred,
    destination: ContentStore,
    root: Descriptor,
    *,
    hooks: CopyHooks = CopyHooks(),
    concurrency: int = 4,
    limits: Limits = Limits(),
) -> CopyReport:
    """Copy ``root`` and all that refers to it, or to anything below it, and to those, and so on.

    What a list of referrers claims is believed only when the manifest itself says so. Raises
    GraphTooLarge when all of it together is over ``limits``.
    """
    report = copy(source, destination, root, hooks=hooks, concurrency=concurrency, limits=limits)
    queue, seen = deque([root]), {root.digest}
    subjects: set[Digest] = set()
    while queue:
        for referrer in _referrers_below(source, queue.popleft(), limits, subjects):
            if referrer.digest in seen:
                continue
            seen.add(referrer.digest)
            part = copy(source, destination, referrer, hooks=hooks, concurrency=concurrency, limits=limits)
            report = _sum(report, part)
            queue.append(referrer)
            if len(seen) > limits.nodes:
                raise GraphTooLarge(f"there are more than {limits.nodes} referrers")
    return report


def _referrers_below(source: Referred, root: Descriptor, limits: Limits, subjects: set[Digest]) -> Iterator[Descriptor]:
    """The referrers of every document below ``root`` that is not among ``subjects`` yet."""
    with _on("source"):
        for node, data in walk(source, root, limits):
            if data is None or node.digest in subjects:
                continue
            subjects.add(node.digest)
            for listed in source.referrers(node):
                subject = read_document(source, listed)[1].subject
                if subject is not None and subject.digest == node.digest:
                    yield listed.plain()


class _Abandoned(Exception):
    """Another transfer of the same copy failed, or the person gave up."""


class _Copy:
    """One copy between two stores."""

    def __init__(self, source: Fetcher, destination: ContentStore, hooks: CopyHooks) -> None:
        self._source = source
        self._destination = destination
        self._hooks = hooks
        self._abandoned = Event()

    def run(self, root: Descriptor, concurrency: int, limits: Limits) -> CopyReport:
        if not is_document(root.media_type):
            return self._blob(root)
        documents: list[tuple[Descriptor, bytes]] = []
        blobs: list[Descriptor] = []
        present: list[Descriptor] = []
        for node, data in self._nodes(root, limits, present):
            if data is None:
                blobs.append(node)
            else:
                documents.append((node, data))
        report = CopyReport(skipped=len(present))
        for part in self._in_parallel(blobs, concurrency):
            report = _sum(report, part)
        for node, data in documents:
            report = _sum(report, self._document(node, data))
        return report

    def _nodes(
        self, root: Descriptor, limits: Limits, present: list[Descriptor]
    ) -> Iterator[tuple[Descriptor, bytes | None]]:
        def leave_out(node: Descriptor) -> bool:
            with _on("destination"):
                there = self._destination.exists(node)
            if there:
                present.append(node)
                self._hooks.skipped(node)
            return there

        with _on("source"):
            yield from _Walk(self._source, limits, leave_out).below(root, depth=1)

    def _in_parallel(self, blobs: list[Descriptor], concurrency: int) -> list[CopyReport]:
        if len(blobs) < 2 or concurrency < 2:
            return [self._blob(blob) for blob in blobs]
        with ThreadPoolExecutor(min(concurrency, len(blobs)), "copy") as pool:
            futures = [pool.submit(self._blob, blob) for blob in blobs]
            try:
                _wait(futures)
            finally:
                # After a failure or Ctrl-C, what runs stops at its next read and what waits never begins.
                if not all(_succeeded(future) for future in futures):
                    self._abandoned.set()
                    pool.shutdown(wait=True, cancel_futures=True)
        return _results(futures)

    def _blob(self, blob: Descriptor) -> CopyReport:
        with _on("destination"):
            if self._destination.exists(blob):
                self._hooks.skipped(blob)
                return CopyReport(skipped=1)
            self._hooks.begun(blob)
            self._destination.push(blob, lambda: self._observed(blob))
        self._hooks.done(blob)
        return CopyReport(copied=1, bytes=blob.size)

    def _observed(self, blob: Descriptor) -> Readable:
        with _on("source"):
            return _Observed(self._source.fetch(blob), blob, self._hooks, self._abandoned)

    def _document(self, node: Descriptor, data: bytes) -> CopyReport:
        self._hooks.begun(node)
        with _on("destination"):
            push_bytes(self._destination, node, data)
        self._hooks.done(node)
        return CopyReport(copied=1, bytes=node.size)


class _Observed:
    """A reader of the source that reports how far it is, and whose failures are the source's."""

    def __init__(self, reader: Readable, descriptor: Descriptor, hooks: CopyHooks, abandoned: Event) -> None:
        self._reader = reader
        self._descriptor = descriptor
        self._moving = hooks.moving
        self._abandoned = abandoned
        self._seen = 0

    def read(self, size: int = -1, /) -> bytes:
        if self._abandoned.is_set():
            raise _Abandoned
        with _on("source"):
            data = self._reader.read(size)
        self._seen += len(data)
        self._moving(self._descriptor, self._seen)
        return data

    def close(self) -> None:
        self._reader.close()


def _wait(futures: list[Future[CopyReport]]) -> None:
    """Until all are done or one has failed; in short turns, since a signal may wake another thread than ours."""
    while True:
        done, pending = wait(futures, timeout=0.2, return_when=FIRST_EXCEPTION)
        if not pending or any(future.exception() for future in done):
            return


def _succeeded(future: Future[CopyReport]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _results(futures: list[Future[CopyReport]]) -> list[CopyReport]:
    """All results, or the failure that made the others stop."""
    for future in futures:
        if future.cancelled():
            continue
        error = future.exception()
        if error is not None and not isinstance(error, _Abandoned):
            raise error
    return [future.result() for future in futures]


def _sum(one: CopyReport, other: CopyReport) -> CopyReport:
    return CopyReport(one.copied + other.copied, one.skipped + other.skipped, one.bytes + other.bytes)


@contextmanager
def _on(side: Side) -> Iterator[None]:
    """Note on a failure which side it happened on; the innermost note stays."""
    try:
        yield
    except Failure as failure:
        failure.side = failure.side or side
        raise

"""The one way content moves: from store to store, with all that is below it, and all that refers to it.

Push, pull, mirror, save and load are each a few lines over :func:`copy`. It is told by hooks what
to report. Tagging is not its business: the caller tags last, when everything has arrived.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from registry.content import ContentStore, Fetcher, Mounter, Readable, Referred, VerifyingReader
from registry.digest import Digest
from registry.errors import ContentNotFound, Failure, Side, SizeMismatch
from registry.graph import DEFAULT_LIMITS, Budget, Limits, push_bytes, read_document
from registry.model import Descriptor, Index, Manifest, is_document
from registry.workers import Workers, check_abandoned

__all__ = ["Companions", "CopyHooks", "CopyReport", "copy", "copy_with_referrers", "on_side"]

Companions = Callable[[Descriptor], Iterable[Descriptor]]
"""Names, for a document, others that go along with it although they do not refer to it."""


def _nothing(descriptor: Descriptor) -> None:
    """A hook for nobody."""


def _no_progress(descriptor: Descriptor, done: int) -> None:
    """A progress hook for nobody."""


@dataclass(frozen=True, slots=True)
class CopyHooks:
    """Called as content moves, from several threads at once; ``moving`` gets bytes so far.

    Each content is ``skipped`` (the destination has it), ``mounted`` (it was taken over inside the
    registry), or ``begun``, ``moving`` and ``done``.
    """

    begun: Callable[[Descriptor], None] = _nothing
    moving: Callable[[Descriptor, int], None] = _no_progress
    done: Callable[[Descriptor], None] = _nothing
    skipped: Callable[[Descriptor], None] = _nothing
    mounted: Callable[[Descriptor], None] = _nothing


_UNHEARD = CopyHooks()


@dataclass(frozen=True, slots=True)
class CopyReport:
    """How many contents were copied, mounted and skipped, and how many bytes moved."""

    copied: int = 0
    mounted: int = 0
    skipped: int = 0
    bytes: int = 0

    def __add__(self, other: "CopyReport") -> "CopyReport":
        return CopyReport(
            self.copied + other.copied,
            self.mounted + other.mounted,
            self.skipped + other.skipped,
            self.bytes + other.bytes,
        )


def copy(
    source: Fetcher,
    destination: ContentStore,
    root: Descriptor,
    *,
    hooks: CopyHooks = _UNHEARD,
    concurrency: int = 4,
    limits: Limits = DEFAULT_LIMITS,
) -> CopyReport:
    """Copy ``root`` and all that it needs; what the destination has is left out.

    A document is pushed after everything below it, so that a destination never holds one whose
    content is missing. Failures carry the ``side`` they happened on. Raises GraphTooLarge over
    ``limits``.
    """
    return _Copy(_Ends(source, destination, hooks), concurrency, limits).run(root)


def copy_with_referrers(
    source: Referred,
    destination: ContentStore,
    root: Descriptor,
    *,
    companions: Companions | None = None,
    hooks: CopyHooks = _UNHEARD,
    concurrency: int = 4,
    limits: Limits = DEFAULT_LIMITS,
) -> CopyReport:
    """Copy ``root`` with all that refers to it, or to anything below it, and what it refers to itself.

    And so on for each of those; ``companions`` names more that goes along with a document. What a
    list of referrers claims is believed only when the manifest itself says so; a subject that the
    source does not have is left out. Raises GraphTooLarge when all of it together is over ``limits``.
    """

    def company(document: Descriptor) -> _Company:
        with on_side("source"):
            return _Company(tuple(source.referrers(document)), tuple(companions(document)) if companions else ())

    return _Copy(_Ends(source, destination, hooks), concurrency, limits, company).run(root)


@dataclass(frozen=True, slots=True)
class _Company:
    """What goes along with a document: what is said to refer to it, and what is named for it."""

    referrers: tuple[Descriptor, ...] = ()
    named: tuple[Descriptor, ...] = ()


_ALONE = _Company()


@dataclass(slots=True)
class _Node:
    """A content on its way; ``parents`` wait for it, and it waits for so many ``children``.

    ``there``: the destination has it, with all below it. ``needed``: something lists it, or it is
    the root; otherwise it is here only if the source has it and it truly refers to ``subject``.
    """

    descriptor: Descriptor
    depth: int = 1
    there: bool = False
    needed: bool = True
    subject: Digest | None = None
    children: int = 0
    parents: "list[_Node]" = field(default_factory=list)
    data: bytes = b""
    done: bool = False

    @property
    def key(self) -> tuple[Digest, bool]:
        """The same bytes may be a document for one and a blob for another."""
        return self.descriptor.digest, is_document(self.descriptor.media_type)


@dataclass(frozen=True, slots=True)
class _Look:
    """What looking at a document has shown; ``document`` is None when there is no need to look below it."""

    there: bool = False
    skipped: bool = False
    data: bytes = b""
    document: Manifest | Index | None = None
    company: _Company = _ALONE
    missing: ContentNotFound | None = None

    def genuine(self, node: _Node) -> bool:
        """Whether the node has its place here, though nothing lists it.

        A subject may be missing (image-spec, "subject"); a referrer that is listed may not.
        """
        if node.subject is None or self.missing is not None:
            return self.missing is None or node.subject is not None
        named = self.document.subject if self.document else None
        return named is not None and named.digest == node.subject


class _Copy:
    """One copy: which nodes there are, and which are ready. All of it happens in the calling thread."""

    def __init__(
        self, ends: "_Ends", concurrency: int, limits: Limits, company: Callable[[Descriptor], _Company] | None = None
    ) -> None:
        self._ends = ends
        self._company = company
        self._workers = Workers(concurrency)
        self._budget = Budget(limits)
        self._nodes: dict[tuple[Digest, bool], _Node] = {}
        self._report = CopyReport()

    def run(self, root: Descriptor) -> CopyReport:
        self._claim(_Node(root))
        self._workers.run()
        return self._report

    def _claim(self, node: _Node, parent: _Node | None = None) -> None:
        """Take a node in hand, unless it is already; the parent waits for it."""
        known = self._nodes.get(node.key)
        if known is None:
            self._budget.spend(node.descriptor, node.depth)
            self._nodes[node.key] = known = node
            self._begin(node)
        elif known.descriptor.size != node.descriptor.size:
            raise _two_sizes(known.descriptor, node.descriptor)
        known.needed |= node.needed
        if parent is not None and not known.done:
            known.parents.append(parent)
            parent.children += 1

    def _begin(self, node: _Node) -> None:
        if is_document(node.descriptor.media_type):
            look = partial(self._ends.look, node.descriptor, node.there, self._company)
            self._workers.add(look, partial(self._looked, node))
        else:
            self._workers.add(partial(self._ends.move_blob, node.descriptor), partial(self._moved, node))

    def _looked(self, node: _Node, look: _Look) -> None:
        if not node.needed and not look.genuine(node):
            del self._nodes[node.key]  # forgotten: something may list it yet
            return
        if look.missing is not None:
            raise look.missing
        node.there = look.there
        self._report += CopyReport(skipped=int(look.skipped))
        self._go_below(node, look)
        self._go_beside(node, look)
        if node.there:
            self._finish(node)
        elif not node.children:
            self._push(node, look.data)
        else:
            node.data = look.data

    def _go_below(self, node: _Node, look: _Look) -> None:
        for child in look.document.successors if look.document else ():
            if not node.there:
                self._claim(_Node(child, node.depth + 1), parent=node)
            elif is_document(child.media_type):
                self._claim(_Node(child, node.depth + 1, there=True))  # for what refers to it

    def _go_beside(self, node: _Node, look: _Look) -> None:
        for referrer in look.company.referrers:
            self._claim(_Node(referrer.plain(), needed=False, subject=node.descriptor.digest))
        for companion in look.company.named:
            self._claim(_Node(companion))
        if self._company is not None and look.document is not None and look.document.subject is not None:
            self._claim(_Node(look.document.subject.plain(), needed=False))

    def _push(self, node: _Node, data: bytes) -> None:
        self._workers.add(partial(self._ends.move_document, node.descriptor, data), partial(self._moved, node))

    def _moved(self, node: _Node, report: CopyReport) -> None:
        self._report += report
        self._finish(node)

    def _finish(self, node: _Node) -> None:
        node.done, node.data = True, b""
        for parent in node.parents:
            parent.children -= 1
            if not parent.children:
                self._push(parent, parent.data)


@dataclass(frozen=True, slots=True)
class _Ends:
    """The two stores of a copy, asked and told from the threads of its workers."""

    source: Fetcher
    destination: ContentStore
    hooks: CopyHooks

    def look(self, node: Descriptor, there: bool, company: Callable[[Descriptor], _Company] | None) -> _Look:
        """Read a document, unless the destination has it and nobody asks for its company."""
        skipped = not there and self._has(node)
        there = there or skipped
        if there and company is None:
            return _Look(there=True, skipped=skipped)
        try:
            with on_side("source"):
                data, document = read_document(self.source, node)
        except ContentNotFound as failure:
            return _Look(missing=failure)
        return _Look(there, skipped, data, document, company(node) if company else _ALONE)

    def move_blob(self, blob: Descriptor) -> CopyReport:
        """Bring a blob to the destination, in the cheapest way."""
        destination = self.destination
        with on_side("destination"):
            if isinstance(destination, Mounter) and destination.mount(blob, self.source):
                self.hooks.mounted(blob)
                return CopyReport(mounted=1)
        if self._has(blob):
            return CopyReport(skipped=1)
        self.hooks.begun(blob)
        with on_side("destination"):
            destination.push(blob, lambda: self._open(blob))
        self.hooks.done(blob)
        return CopyReport(copied=1, bytes=blob.size)

    def move_document(self, node: Descriptor, data: bytes) -> CopyReport:
        """Bring a document to the destination, which has all that is below it."""
        self.hooks.begun(node)
        with on_side("destination"):
            push_bytes(self.destination, node, data)
        self.hooks.done(node)
        return CopyReport(copied=1, bytes=node.size)

    def _has(self, node: Descriptor) -> bool:
        with on_side("destination"):
            there = self.destination.exists(node)
        if there:
            self.hooks.skipped(node)
        return there

    def _open(self, blob: Descriptor) -> Readable:
        with on_side("source"):
            return _Observed(self.source.fetch(blob), self.hooks)


class _Observed(VerifyingReader):
    """The source's own verifying reader, which reports how far it is, and whose failures are the source's."""

    def __init__(self, reader: VerifyingReader, hooks: CopyHooks) -> None:  # no second hash: the reader has one
        self.descriptor = reader.descriptor
        self._reader = reader
        self._moving = hooks.moving
        self._seen = 0

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(self)
        check_abandoned()
        with on_side("source"):
            data = self._reader.read(size)
        self._seen += len(data)
        self._moving(self.descriptor, self._seen)
        return data

    def resume(self, have: Iterable[bytes], count: int) -> bool:
        with on_side("source"):
            resumed = self._reader.resume(have, count)
        self._seen += count if resumed else 0
        return resumed

    def close(self) -> None:
        self._reader.close()


def _two_sizes(one: Descriptor, other: Descriptor) -> Failure:
    failure = SizeMismatch(f"{one.digest} is listed with two sizes", cause=f"{one.size} and {other.size} bytes")
    failure.side = "source"
    return failure


@contextmanager
def on_side(side: Side) -> Iterator[None]:
    """Note on a failure which side of a copy it happened on; the innermost note stays."""
    try:
        yield
    except Failure as failure:
        failure.side = failure.side or side
        raise

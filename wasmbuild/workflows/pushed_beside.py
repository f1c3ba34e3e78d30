"""What ``push`` puts beside an artifact before the tags are set: documents, attestations, signatures, side by side.

Not here: how each is made (``unsigned``, ``attest``, ``sign``), and what is said in them (``companions``).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from registry.errors import RegistryRefused
from registry.model import Descriptor
from registry.workers import together
from wasmbuild.events import Event, Sink
from wasmbuild.workflows.beside import Attached, Beside
from wasmbuild.workflows.companions import Companion
from wasmbuild.workflows.unsigned import Unsigned, attach_documents

if TYPE_CHECKING:
    from wasmbuild.trust.candidate import SignatureKind
    from wasmbuild.trust.keys import PublicKey
    from wasmbuild.trust.signer import Signatory
    from wasmbuild.workflows.attest import Attestation
    from wasmbuild.workflows.sign import Signature

__all__ = ["PutBeside", "put_beside"]


@dataclass(slots=True)
class PutBeside:
    """What is beside the artifact now; signatures and attestations are those of the key that was given."""

    documents: tuple[Unsigned, ...] = ()
    attestations: "tuple[Attestation, ...]" = ()
    signatures: "tuple[Signature, ...]" = ()


@dataclass(slots=True)
class _InTurn:
    """A key that is asked for one signature at a time: who is behind it may be a person, or one device."""

    key: "Signatory"
    _lock: Lock = field(default_factory=Lock)

    @property
    def public(self) -> "PublicKey":
        """The other half of the key."""
        return self.key.public

    def sign(self, message: bytes, /) -> bytes:
        """As the key does."""
        with self._lock:
            return self.key.sign(message)


def put_beside(
    where: Attached,
    key: "Signatory | None",
    kinds: "tuple[SignatureKind, ...] | None",
    companions: Sequence[Companion],
    created: str,
    sink: Sink,
) -> PutBeside:
    """Put everything beside the artifact at once; what refers to it is listed once. Raises the first failure."""
    put, store = PutBeside(), Beside(where.repository)
    where = replace(where, repository=store)
    tasks: list[Callable[[Sink], None]] = [
        partial(_attach_documents, put, store, where.subject, companions, created, signed=key is not None)
    ]
    if key is not None:
        tasks += _signing(put, where, _InTurn(key), kinds, companions, created)
    with _excused(companions):
        _run(tasks, sink)
    return put


def _attach_documents(
    put: PutBeside,
    store: Beside,
    subject: Descriptor,
    companions: Sequence[Companion],
    created: str,
    sink: Sink,
    *,
    signed: bool,
) -> None:
    put.documents = attach_documents(store, subject, companions, created, sink, signed=signed)


def _signing(
    put: PutBeside,
    where: Attached,
    key: "Signatory",
    kinds: "tuple[SignatureKind, ...] | None",
    companions: Sequence[Companion],
    created: str,
) -> list[Callable[[Sink], None]]:
    from wasmbuild.workflows.attest import Said, attach_attestations  # noqa: PLC0415 - imports cryptography
    from wasmbuild.workflows.sign import ALL_KINDS, Wish, attach_signatures  # noqa: PLC0415

    wish = Wish(key, created, kinds or ALL_KINDS)
    said = [Said(each.predicate, each.subjects) for each in companions]

    def attest(sink: Sink) -> None:
        put.attestations = attach_attestations(where, said, wish, sink)

    def sign(sink: Sink) -> None:
        put.signatures = attach_signatures(where, wish, sink)

    return [attest, sign] if said else [sign]


def _run(tasks: Sequence[Callable[[Sink], None]], sink: Sink) -> None:
    """Run tasks side by side; of several is told at the end, in their order, so that nothing is mixed up."""
    if len(tasks) == 1:
        tasks[0](sink)
        return
    told: list[list[Event]] = [[] for _ in tasks]
    try:
        together([partial(task, events.append) for task, events in zip(tasks, told, strict=True)], len(tasks))
    finally:
        for events in told:
            for event in list(events):
                sink(event)


@contextmanager
def _excused(companions: Sequence[Companion]) -> Iterator[None]:
    """Tell how to push without what a registry refuses."""
    try:
        yield
    except RegistryRefused as failure:
        if companions:
            failure.hint = failure.hint or "--sbom none --provenance none --no-capabilities pushes without them"
        raise

"""``push``: content, manifest, what is said of it, signatures, and the tags last, so that nobody sees half of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.copying import CopyReport, copy, on_side
from registry.errors import RegistryRefused
from registry.reference import Reference
from wasmbuild.artifact import Packed
from wasmbuild.created import creation_time
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.workflows.places import checked_tags
from wasmbuild.workflows.remote import Remote, counted, observed

if TYPE_CHECKING:
    from registry.client.repository import Repository
    from wasmbuild.trust.candidate import SignatureKind
    from wasmbuild.trust.signer import Signatory
    from wasmbuild.workflows.attest import Attestation
    from wasmbuild.workflows.companions import Companion
    from wasmbuild.workflows.sign import Signature
    from wasmbuild.workflows.unsigned import Unsigned

__all__ = ["Destination", "Pushed", "push"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A repository, and the tags to set at the end; nothing has been asked of the registry yet."""

    reference: Reference
    repository: "Repository"
    tags: tuple[str, ...]

    @classmethod
    def open(
        cls, reference: Reference, more_tags: Iterable[str], registries: Registries, *, file: Path | None = None
    ) -> "Destination":
        """Where a reference says: its own tag and ``more_tags``; ``file`` is what is pushed, if it is one.

        Raises UsageFailed for a reference with a digest, without any tag, or for what is no tag.
        """
        if reference.digest is not None:
            raise UsageFailed(f"{reference} names a digest, and a push decides it", hint=f"{reference.name}:TAG")
        tags = checked_tags([reference.tag, *more_tags] if reference.tag else more_tags)
        if not tags:
            pushed = "" if file is None else f" {file}"
            raise UsageFailed(f"{reference} names no tag", hint=f"wasmbuild push {reference.name}:1.0.0{pushed}")
        return cls(reference, registries.repository(reference), tags)

    @property
    def shown(self) -> str:
        """For a line of progress."""
        return f"{self.reference.name}:{', '.join(self.tags)}"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a registry has now that it may not have had before.

    ``signatures`` and ``attestations`` are those of the key that was given.
    """

    remote: Remote
    tags: tuple[str, ...]
    report: CopyReport
    signatures: "tuple[Signature, ...]" = ()
    documents: "tuple[Unsigned, ...]" = ()
    attestations: "tuple[Attestation, ...]" = ()

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        beside: tuple[Unsigned | Signature | Attestation, ...] = (*self.documents, *self.signatures, *self.attestations)
        return {
            **self.remote.to_json(),
            "tags": list(self.tags),
            "copied": counted(self.report),
            "referrers": [each.manifest.to_json() for each in beside if each.is_new_referrer],
            "signatures": [each.to_json() for each in self.signatures],
            "documents": [each.to_json() for each in self.documents],
            "attestations": [each.to_json() for each in self.attestations],
        }


def push(  # noqa: PLR0913 - each of them is a choice of the caller's
    source: Packed,
    destination: Destination,
    *,
    key: "Signatory | None",
    kinds: "tuple[SignatureKind, ...] | None" = None,
    companions: "Sequence[Companion]" = (),
    sink: Sink,
    environment: Mapping[str, str],
    concurrency: int = 4,
) -> Pushed:
    """Push an artifact and its ``companions``, its signatures when there is a key, and then the tags.

    Signatures and attestations are in all forms or ``kinds``. Raises UsageFailed for a malformed
    SOURCE_DATE_EPOCH, and what the client raises.
    """
    created = creation_time(environment)
    repository, manifest = destination.repository, source.manifest
    remote = Remote(destination.reference, repository, manifest)
    report = copy(source, repository, manifest, hooks=observed(sink), concurrency=concurrency)
    pushed = Pushed(remote, destination.tags, report)
    if key is not None or companions:
        with on_side("destination"), _excused(companions):
            pushed = _beside(pushed, key, kinds, companions, created, sink)
    with on_side("destination"), step(sink, "tag", destination.shown):
        repository.tag_all(manifest, destination.tags)
    return pushed


@contextmanager
def _excused(companions: "Sequence[Companion]") -> Iterator[None]:
    """Tell how to push without what a registry refuses."""
    try:
        yield
    except RegistryRefused as failure:
        if companions:
            failure.hint = failure.hint or "--sbom none --provenance none --no-capabilities pushes without them"
        raise


def _beside(
    pushed: Pushed,
    key: "Signatory | None",
    kinds: "tuple[SignatureKind, ...] | None",
    companions: "Sequence[Companion]",
    created: str,
    sink: Sink,
) -> Pushed:
    """Put everything beside the artifact; what refers to it is listed once."""
    from wasmbuild.workflows.beside import Beside  # noqa: PLC0415
    from wasmbuild.workflows.unsigned import attach_documents  # noqa: PLC0415

    remote = pushed.remote
    store = Beside(remote.repository)
    documents = attach_documents(store, remote.descriptor, companions, created, sink, signed=key is not None)
    if key is None:
        return replace(pushed, documents=documents)
    from wasmbuild.workflows.attest import Said, attach_attestations  # noqa: PLC0415 - imports cryptography
    from wasmbuild.workflows.sign import ALL_KINDS, Attached, Wish, attach_signatures  # noqa: PLC0415

    where = Attached(store, remote.pinned, remote.descriptor)
    wish = Wish(key, created, kinds or ALL_KINDS)
    said = [Said(each.predicate, each.subjects) for each in companions]
    attestations = attach_attestations(where, said, wish, sink) if said else ()
    signatures = attach_signatures(where, wish, sink)
    return replace(pushed, documents=documents, attestations=attestations, signatures=signatures)

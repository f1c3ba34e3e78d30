"""``push``: content, manifest, what is said of it, signatures, and the tags last, so that nobody sees half of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.copying import CopyReport, copy, on_side
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

__all__ = ["Destination", "Pushed", "push", "stage"]


def _none() -> "tuple[Companion, ...]":
    """The companions of a push that attaches nothing."""
    return ()


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


def stage(  # noqa: PLR0913 - each of them is a choice of the caller's
    source: Packed,
    remote: Remote,
    *,
    key: "Signatory | None",
    kinds: "tuple[SignatureKind, ...] | None" = None,
    companions: "Callable[[], tuple[Companion, ...]]" = _none,
    sink: Sink,
    environment: Mapping[str, str],
    concurrency: int = 4,
) -> Pushed:
    """Push an artifact, its ``companions``, and its signatures when there is a key; it has no tag then.

    The companions are asked for when the artifact is there, so that they may be made meanwhile. Signatures and
    attestations are in all forms or ``kinds``. Raises UsageFailed for a malformed SOURCE_DATE_EPOCH, what making
    companions raises, and what the client raises.
    """
    created = creation_time(environment)
    hooks = observed(sink)
    pushed = Pushed(remote, (), copy(source, remote.repository, source.manifest, hooks=hooks, concurrency=concurrency))
    made = companions()
    if key is None and not made:
        return pushed
    from wasmbuild.workflows.beside import Attached  # noqa: PLC0415
    from wasmbuild.workflows.pushed_beside import put_beside  # noqa: PLC0415 - with all that signing needs

    with on_side("destination"):
        where = Attached(remote.repository, remote.pinned, remote.descriptor)
        beside = put_beside(where, key, kinds, made, created, sink)
    return replace(pushed, documents=beside.documents, attestations=beside.attestations, signatures=beside.signatures)


def push(  # noqa: PLR0913 - each of them is a choice of the caller's
    source: Packed,
    destination: Destination,
    *,
    key: "Signatory | None",
    kinds: "tuple[SignatureKind, ...] | None" = None,
    companions: "Callable[[], tuple[Companion, ...]]" = _none,
    sink: Sink,
    environment: Mapping[str, str],
    concurrency: int = 4,
) -> Pushed:
    """Stage an artifact, and then set the tags. Raises as :func:`stage`."""
    repository, manifest = destination.repository, source.manifest
    pushed = stage(
        source,
        Remote(destination.reference, repository, manifest),
        key=key,
        kinds=kinds,
        companions=companions,
        sink=sink,
        environment=environment,
        concurrency=concurrency,
    )
    with on_side("destination"), step(sink, "tag", destination.shown):
        repository.tag_all(manifest, destination.tags)
    return replace(pushed, tags=destination.tags)

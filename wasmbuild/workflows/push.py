"""``push``: content, manifest, signature, and the tags last, so that nobody sees half of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    from wasmbuild.workflows.sign import Signature

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
    """What a registry has now that it may not have had before; ``signatures`` are those of the key that was given."""

    remote: Remote
    tags: tuple[str, ...]
    report: CopyReport
    signatures: "tuple[Signature, ...]"

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            **self.remote.to_json(),
            "tags": list(self.tags),
            "copied": counted(self.report),
            "referrers": [signature.manifest.to_json() for signature in self.signatures if signature.is_new_referrer],
            "signatures": [signature.to_json() for signature in self.signatures],
        }


def push(
    source: Packed,
    destination: Destination,
    *,
    key: "Signatory | None",
    kinds: "tuple[SignatureKind, ...] | None" = None,
    sink: Sink,
    environment: Mapping[str, str],
    concurrency: int = 4,
) -> Pushed:
    """Push an artifact, its signatures when there is a key, in all forms or ``kinds``, and then the tags.

    Raises UsageFailed for a malformed SOURCE_DATE_EPOCH, and what the client raises.
    """
    created = creation_time(environment)
    repository, manifest = destination.repository, source.manifest
    remote = Remote(destination.reference, repository, manifest)
    report = copy(source, repository, manifest, hooks=observed(sink), concurrency=concurrency)
    signatures: tuple[Signature, ...] = ()
    if key is not None:
        from wasmbuild.workflows.sign import ALL_KINDS, Attached, Wish, attach_signatures  # noqa: PLC0415 - imports cryptography

        where = Attached(repository, remote.pinned, manifest)
        signatures = attach_signatures(where, Wish(key, created, kinds or ALL_KINDS), sink)
    with on_side("destination"), step(sink, "tag", destination.shown):
        repository.tag_all(manifest, destination.tags)
    return Pushed(remote, destination.tags, report, signatures)

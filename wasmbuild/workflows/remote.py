"""What the workflows on registries share: resolving, copying with events, and results as JSON."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from registry.client.registries import Registries
from registry.content import TagStore
from registry.copying import CopyHooks, CopyReport
from registry.digest import Digest
from registry.errors import RemoteNotFound
from registry.model import TITLE, Descriptor, is_document
from registry.reference import Reference
from registry.words import printable
from wasmbuild.events import Sink, Transfer

if TYPE_CHECKING:
    from registry.client.repository import Repository

__all__ = ["DEFAULT_TAG", "Remote", "counted", "observed", "repositories_hint", "resolved"]

DEFAULT_TAG = "latest"
"""What a reference without tag and digest means, as for every other client."""

_NO_REPOSITORY = "NAME_UNKNOWN"
"""What a registry may say of a repository that it does not have (distribution-spec 1.1, "Error Codes")."""


@dataclass(frozen=True, slots=True)
class Remote:
    """An artifact in a registry: what was asked for, where it is, and what it is right now."""

    asked: Reference
    repository: "Repository"
    descriptor: Descriptor

    @classmethod
    def resolve(cls, reference: Reference, registries: Registries) -> Self:
        """Find out, once, what a reference means.

        Raises RemoteNotFound, and what the client raises.
        """
        repository = registries.repository(reference)
        return cls(reference, repository, resolved(repository, reference.name, reference.tag, reference.digest))

    @property
    def pinned(self) -> Reference:
        """The reference by digest."""
        return self.asked.pinned(self.descriptor.digest)

    def to_json(self) -> dict[str, Any]:
        """The fields that every result about an artifact has."""
        return {"reference": str(self.pinned), "descriptor": self.descriptor.to_json()}


def resolved(store: TagStore, name: str, tag: str | None, digest: Digest | None) -> Descriptor:
    """What a tag or a digest means in a store that is called ``name``: the digest if there is one.

    Raises ContentNotFound, for a tag with the command that lists those that there are, or, where the
    registry says that it has no such repository, with the one that lists repositories.
    """
    try:
        return store.resolve(str(digest) if digest else tag or DEFAULT_TAG)
    except RemoteNotFound as failure:
        if digest is None:
            unknown = _NO_REPOSITORY in (failure.cause or "")
            failure.hint = failure.hint or (repositories_hint(name) if unknown else f"wasmbuild tags {name}")
        raise


def repositories_hint(name: str) -> str:
    """What to do where a registry has no repository ``name``, which begins with its host."""
    return f"if the registry lists its repositories: wasmbuild ls {name.partition('/')[0]}"


def counted(report: CopyReport) -> dict[str, int]:
    """What a copy did, as results show it."""
    return {
        "contents": report.copied,
        "mounted": report.mounted,
        "skipped": report.skipped,
        "bytes": report.bytes,
    }


def observed(sink: Sink) -> CopyHooks:
    """Hooks that turn a copy into events."""
    return CopyHooks(
        begun=lambda content: sink(Transfer(_name(content), "begun", 0, content.size)),
        moving=lambda content, done: sink(Transfer(_name(content), "moving", done, content.size)),
        done=lambda content: sink(Transfer(_name(content), "done", content.size, content.size)),
        skipped=lambda content: sink(Transfer(_name(content), "skipped", content.size, content.size)),
        mounted=lambda content: sink(Transfer(_name(content), "mounted", content.size, content.size)),
    )


def _name(content: Descriptor) -> str:
    short = f"{content.digest.algorithm}:{content.digest.encoded[:12]}"
    if is_document(content.media_type):
        return f"{short} manifest"
    title = content.annotations.get(TITLE, "")
    return f"{short} {printable(title, 60)}" if title else short

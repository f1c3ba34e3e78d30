"""``push --dry-run``: what a push would bring to a registry, asked without writing anything."""

from dataclasses import dataclass
from typing import Any

from registry.errors import ContentNotFound
from registry.model import TITLE, Descriptor
from registry.reference import Reference
from registry.words import printable
from wasmbuild.artifact import Packed
from wasmbuild.workflows.push import Destination

__all__ = ["Rehearsed", "rehearse"]


@dataclass(frozen=True, slots=True)
class _Content:
    """One of the contents, and whether the registry has it already."""

    descriptor: Descriptor
    exists: bool

    def line(self) -> str:
        title = self.descriptor.annotations.get(TITLE)
        name = f" {printable(title, 60)}" if title else ""
        state = "exists" if self.exists else "to push"
        return f"{state:<9} {self.descriptor.digest} {self.descriptor.media_type} ({self.descriptor.size} B){name}"

    def to_json(self) -> dict[str, Any]:
        return {"descriptor": self.descriptor.to_json(), "exists": self.exists}


@dataclass(frozen=True, slots=True)
class _Tag:
    """A tag, and what it means now."""

    name: str
    now: Descriptor | None

    def line(self, becomes: Descriptor) -> str:
        if self.now is None:
            return f"{'new tag':<9} {self.name}"
        if self.now.digest == becomes.digest:
            return f"{'same tag':<9} {self.name}"
        return f"{'move tag':<9} {self.name} from {self.now.digest}"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would be pushed where."""

    reference: Reference
    manifest: Descriptor
    contents: tuple[_Content, ...]
    tags: tuple[_Tag, ...]
    signs: bool
    attaches: tuple[str, ...] = ()

    def lines(self) -> str:
        """For people: the reference by digest, and then a line for each content and tag."""
        first = [str(self.reference), *(content.line() for content in self.contents)]
        signature = ["to sign   with the key that was given"] if self.signs else []
        attached = [f"{'to attach':<9} {name}" for name in self.attaches]
        return "\n".join([*first, *attached, *signature, *(tag.line(self.manifest) for tag in self.tags)])

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            "dryRun": True,
            "reference": str(self.reference),
            "descriptor": self.manifest.to_json(),
            "contents": [content.to_json() for content in self.contents],
            "tags": [tag.name for tag in self.tags],
            "tagsNow": {tag.name: tag.now.to_json() if tag.now else None for tag in self.tags},
            "signs": self.signs,
            "attaches": list(self.attaches),
        }


def rehearse(source: Packed, destination: Destination, *, signs: bool, attaches: tuple[str, ...] = ()) -> Rehearsed:
    """Ask what the registry has of an artifact, and what its tags mean now; the right to read is enough.

    ``attaches`` are names of what would be put beside it. Raises what the client raises.
    """
    repository = destination.repository
    contents = [_Content(each, repository.exists(each)) for each in (source.config, source.layer, source.manifest)]
    tags = [_Tag(name, _meaning(destination, name)) for name in destination.tags]
    pinned = destination.reference.pinned(source.manifest.digest)
    return Rehearsed(pinned, source.manifest, tuple(contents), tuple(tags), signs, attaches)


def _meaning(destination: Destination, tag: str) -> Descriptor | None:
    try:
        return destination.repository.resolve(tag)
    except ContentNotFound:
        return None

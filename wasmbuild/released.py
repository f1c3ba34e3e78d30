"""Released: what a release came to, as data.

Not here: how it is made (``workflows.release``), and how it is shown (``ui``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Attached", "Made", "Release", "ReleasedTarget", "Standing"]

Standing = Literal["planned", "released", "unchanged", "snapshot"]
"""Whether a version is to be released, is new in the registry, was there already, or was kept on this machine."""

Made = Literal["compiled", "cached", "unchanged", "published"]
"""Where the file comes from: the compiler, a cache, an earlier build in ``dist``, or the registry."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A manifest beside an artifact: ``kind`` is what people call it: ``SBOM``, ``provenance``, ``signature``."""

    kind: str
    digest: str
    media_type: str

    def to_json(self) -> dict[str, Any]:
        """For the document of the release."""
        return {"kind": self.kind, "digest": self.digest, "mediaType": self.media_type}


@dataclass(frozen=True, slots=True)
class ReleasedTarget:
    """One target of a release.

    ``reference`` is ``REPOSITORY@sha256:…``; of a plan, which has no ``digest`` yet, the repository with the version.
    ``size`` is the file's in bytes, ``seconds`` what building it took. ``capabilities`` are what the file asks for, in
    words, ``gained`` those of them that ``previous`` (a tag) did not have; None where nobody has looked. ``verify`` is
    the command that verifies it, None where it is not signed. ``sbom`` is a file on this machine.
    """

    label: str
    repository: str
    version: str
    tags: tuple[str, ...]
    reference: str
    standing: Standing
    digest: str | None = None
    action_key: str | None = None
    size: int | None = None
    seconds: float | None = None
    made: Made | None = None
    reproducible: bool | None = None
    attached: tuple[Attached, ...] = ()
    capabilities: tuple[str, ...] | None = None
    gained: tuple[str, ...] | None = None
    previous: str | None = None
    verify: str | None = None
    sbom: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For the document of the release."""
        return {
            "target": self.label,
            "repository": self.repository,
            "version": self.version,
            "tags": list(self.tags),
            "reference": self.reference,
            "standing": self.standing,
            "digest": self.digest,
            "actionKey": self.action_key,
            "size": self.size,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "made": self.made,
            "reproducible": self.reproducible,
            "attached": [each.to_json() for each in self.attached],
            "capabilities": None if self.capabilities is None else list(self.capabilities),
            "gained": None if self.gained is None else list(self.gained),
            "previous": self.previous,
            "verify": self.verify,
            "sbom": self.sbom,
        }


@dataclass(frozen=True, slots=True)
class Release:
    """A release of one or several targets; ``commit`` and ``ref`` are git's, None outside of a repository.

    ``atomic`` is whether all tags were set in one transaction, None where none was set. ``results`` is the file that
    the document is kept in.
    """

    targets: tuple[ReleasedTarget, ...]
    commit: str | None = None
    ref: str | None = None
    atomic: bool | None = None
    results: Path | None = None

    @property
    def nothing_to_do(self) -> bool:
        """Whether all of it was there already."""
        return all(each.standing == "unchanged" for each in self.targets)

    def to_json(self) -> dict[str, Any]:
        """The document of the command; its JSON Schema is ``release.schema.json``."""
        return {
            "commit": self.commit,
            "ref": self.ref,
            "atomic": self.atomic,
            "nothingToDo": self.nothing_to_do,
            "targets": [each.to_json() for each in self.targets],
        }

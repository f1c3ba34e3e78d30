"""Companions: what a push attaches beside an artifact: its SBOM, how it was built, what it is able to do.

Each is made by one entry of a table. Not here: how something is signed (``attest``), and when the tags are set.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from registry.digest import Digest
from registry.errors import DigestMismatch, Failure
from registry.model import TITLE
from registry.reference import Reference
from registry.workers import Workers
from wasmbuild.artifact import Packed
from wasmbuild.events import Note, Sink
from wasmbuild.trust.predicates import CYCLONEDX, SPDX
from wasmbuild.trust.statement import IN_TOTO, Predicate, Statement, Subject

if TYPE_CHECKING:
    from registry.client.exchange import Verified
    from wasmbuild.sbom.locks import Package
    from wasmbuild.workflows.build import Built

__all__ = [
    "MAKERS",
    "Companion",
    "Document",
    "Maker",
    "SbomForm",
    "Source",
    "Wanted",
    "begin_companions",
    "companions",
    "names",
]

_PREDICATE_TYPE = "in-toto.io/predicate-type"
"""What BuildKit annotates statements with that nobody signed."""

SbomForm = Literal["cyclonedx", "spdx", "none"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to be attached; a capability attestation is nothing without a signature."""

    sbom: SbomForm = "cyclonedx"
    provenance: bool = True
    capabilities: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """What is pushed: the artifact, its reference by digest, its file, and the build that it came from, if any.

    ``verified`` is what the registry has verified of this run, where it was logged in by its identity.
    """

    packed: Packed
    reference: Reference
    path: Path
    built: "Built | None"
    wanted: Wanted
    environment: Mapping[str, str]
    sink: Sink
    verified: "Verified | None" = None

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The file, as a subject beside the manifest, so that the same statement is about a file without it."""
        layer = self.packed.layer
        return (Subject({layer.digest.algorithm: layer.digest.encoded}, layer.annotations.get(TITLE)),)

    def check(self, digest: Digest) -> None:
        """Insist that what was read is what is pushed. Raises DigestMismatch."""
        if digest != self.packed.layer.digest:
            raise DigestMismatch(f"{self.path} has changed since it was packed", cause=f"it is {digest} now")


@dataclass(frozen=True, slots=True)
class Document:
    """What is attached as it is, for those who look at no signature; ``annotations`` are its layer's."""

    media_type: str
    data: bytes
    annotations: Mapping[str, str]
    unless_signed: bool = False


@dataclass(frozen=True, slots=True)
class Companion:
    """Something said of an artifact; ``words`` are for people. Without a ``document`` only a signature makes it one."""

    words: str
    predicate: Predicate
    document: Document | None = None
    subjects: tuple[Subject, ...] = ()


Maker = Callable[[Source], Companion | None]
"""Makes a companion, or None when it is not wanted or there is nothing to say. Raises Failure."""


def begin_companions(source: Source, *, signed: bool) -> Callable[[], tuple[Companion, ...]]:
    """Begin to make all that is to be attached beside other work; what is given back waits for it.

    What asks a build's tools is made at once: no process is left behind when the other work fails. Raises, then or
    at the end, as :func:`companions`.
    """
    if source.built is not None:
        now = companions(source, signed=signed)
        return lambda: now
    made: list[tuple[Companion, ...]] = []
    workers = Workers(1)
    workers.add(partial(companions, source, signed=signed), made.append)

    def finished() -> tuple[Companion, ...]:
        workers.run()
        return made[0]

    return finished


def companions(source: Source, *, signed: bool) -> tuple[Companion, ...]:
    """All that is to be attached. What cannot be made is a warning: a push does not fail for an SBOM.

    Raises DigestMismatch when the file is not what is pushed.
    """
    # What nobody signs is not worked out.
    wanted = replace(source.wanted, capabilities=source.wanted.capabilities and signed)
    source = replace(source, wanted=wanted)
    made: list[Companion] = []
    for words, make in MAKERS.items():
        try:
            companion = make(source)
        except DigestMismatch:
            raise
        except Failure as failure:
            source.sink(Note("warning", f"no {words} is attached: {failure}"))
            continue
        if companion is not None and (signed or companion.document is not None):
            made.append(companion)
    return tuple(made)


def names(wanted: Wanted, *, built: bool, signed: bool) -> tuple[str, ...]:
    """What would be attached, in words, without making it."""
    sbom = {"cyclonedx": "SBOM (CycloneDX)", "spdx": "SBOM (SPDX)", "none": None}[wanted.sbom]
    capabilities = "capabilities" if wanted.capabilities and signed else None
    provenance = "provenance" if wanted.provenance and built else None
    return tuple(each for each in (sbom, provenance, capabilities) if each is not None)


def _sbom(source: Source) -> Companion | None:
    """The same document as ``wasmbuild sbom`` writes of the artifact."""
    form = source.wanted.sbom
    if form == "none":
        return None
    from wasmbuild.workflows.sbom import Subject as Described  # noqa: PLC0415  (with a library that takes 100 ms)
    from wasmbuild.workflows.sbom import artifact_known, make_sbom  # noqa: PLC0415

    known = artifact_known(source.reference, _locked(source))
    described = Described(source.path, str(source.reference), known)
    made = make_sbom(described, form, source.environment)
    source.check(Digest.parse(made.digest))
    predicate = Predicate(CYCLONEDX if form == "cyclonedx" else SPDX, json.loads(made.text))
    title = "sbom.cdx.json" if form == "cyclonedx" else "sbom.spdx.json"
    return Companion("SBOM", predicate, Document(made.media_type, made.text.encode(), {TITLE: title}))


def _locked(source: Source) -> "tuple[Package, ...]":
    """The packages that the locks of the project name; of a file that is pushed as it is nobody knows any."""
    if source.built is None:
        return ()
    from wasmbuild.caches import Caches  # noqa: PLC0415
    from wasmbuild.workflows.sbom_built import Refining  # noqa: PLC0415
    from wasmbuild.workflows.sbom_project import packages_of_build  # noqa: PLC0415

    return packages_of_build(source.built, Refining(Caches.of_user(), source.environment, source.sink))


def _provenance(source: Source) -> Companion | None:
    """How it was built; without a signature as a bare statement, which is better than to keep it to oneself."""
    if source.built is None or not source.wanted.provenance:
        return None
    from wasmbuild.workflows.provenance import provenance_of  # noqa: PLC0415  (a file that is pushed has none)

    predicate = provenance_of(source.built, source.environment, source.verified)
    digest = source.packed.manifest.digest
    statement = Statement.about(digest, source.reference.name, predicate, source.subjects)
    bare = Document(IN_TOTO, statement.encode(), {_PREDICATE_TYPE: predicate.type}, unless_signed=True)
    return Companion("provenance", predicate, bare, source.subjects)


def _capabilities(source: Source) -> Companion | None:
    if not source.wanted.capabilities:
        return None
    from wasmbuild.workflows.capability_claim import capability_claim  # noqa: PLC0415

    claim = capability_claim(source.path)
    source.check(claim.digest)
    return Companion("capabilities", claim.to_predicate(), subjects=source.subjects)


MAKERS: Mapping[str, Maker] = {"SBOM": _sbom, "provenance": _provenance, "capabilities": _capabilities}
"""The makers, by what people call what they make."""

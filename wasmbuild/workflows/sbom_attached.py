"""``sbom --attached``: the SBOM that somebody put beside an artifact, attested or as it is.

Not here: one that is made of the bytes (``sbom``), and how attestations are judged (``wasmbuild.trust``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.content import read_all
from registry.digest import Digest
from registry.errors import GraphTooLarge, InvalidDocument
from registry.graph import read_document
from registry.model import Descriptor, Manifest
from registry.reference import Reference
from registry.strictjson import load_json
from wasmbuild.errors import InvalidAttestation
from wasmbuild.events import Sink, step
from wasmbuild.sbom import cyclonedx, spdx
from wasmbuild.trust.predicates import CYCLONEDX, SPDX
from wasmbuild.workflows.demand import Refused, refusal_of
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority
    from wasmbuild.trust.evidence import Evidence
    from wasmbuild.workflows.demand import Demand
    from wasmbuild.workflows.sbom import Form

__all__ = ["AttachedSbom", "Wanted", "attached_sbom"]

MAX_SBOM = 64 * 1024 * 1024
"""Bytes of an SBOM that is attached as it is."""

_MEDIA_TYPES: "dict[Form, str]" = {"cyclonedx": cyclonedx.MEDIA_TYPE, "spdx": spdx.MEDIA_TYPE}
_NAMES: "dict[Form, str]" = {"cyclonedx": "CycloneDX", "spdx": "SPDX"}
_TYPES: "dict[Form, str]" = {"cyclonedx": CYCLONEDX, "spdx": SPDX}
_MOST = 20


@dataclass(frozen=True, slots=True)
class AttachedSbom:
    """A document as somebody attached it: its text, and whether somebody who is trusted has signed it."""

    reference: Reference
    media_type: str
    text: str
    verified: bool

    def to_json(self) -> dict[str, Any]:
        """The fields of the command's document."""
        return {"name": str(self.reference), "mediaType": self.media_type, "verified": self.verified}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which SBOM: its form, who must have attested it, what the artifact must fulfil, and the manifest it is in."""

    form: "Form"
    authorities: "Sequence[Authority]" = ()
    demand: "Demand | None" = None
    manifest: Digest | None = None


def attached_sbom(reference: Reference, wanted: Wanted, *, registries: Registries, sink: Sink) -> AttachedSbom:
    """The SBOM that is attached to what a reference means now.

    With ``authorities`` it is the one that one of them has attested; else one that what fulfils the demand has
    shown to hold; else the one that anybody attached. Raises what the demand raises, InvalidAttestation when there
    is none, UsageFailed when there are several that differ, and what the client raises.
    """
    remote = Remote.resolve(reference, registries)
    evidence = wanted.demand.check(remote, sink) if wanted.demand is not None else None
    if wanted.authorities:
        evidence = _judged(remote, wanted, sink)
    vouched = evidence is not None and any(each.holds for each in evidence.of_type(_TYPES[wanted.form]))
    if evidence is not None and (vouched or wanted.authorities):
        return AttachedSbom(remote.pinned, _MEDIA_TYPES[wanted.form], _attested(remote, wanted, evidence), True)
    return AttachedSbom(remote.pinned, _MEDIA_TYPES[wanted.form], _raw(remote, wanted), False)


def _judged(remote: Remote, wanted: Wanted, sink: Sink) -> "Evidence":
    from wasmbuild.trust.discovery import found  # noqa: PLC0415  (with cryptography)
    from wasmbuild.trust.verifier import Verifier  # noqa: PLC0415

    with step(sink, "verify", remote.pinned.short):
        candidates = found(remote.repository, remote.descriptor, _TYPES[wanted.form].__eq__)
        return Verifier(wanted.authorities).verify(remote.descriptor, candidates)


def _attested(remote: Remote, wanted: Wanted, evidence: "Evidence") -> str:
    from wasmbuild.workflows.attest import required_attestations  # noqa: PLC0415  (with cryptography)
    from wasmbuild.workflows.attestations import kept_to, statements_of  # noqa: PLC0415

    with refusal_of(remote):
        held = required_attestations(kept_to(evidence, wanted.manifest), _TYPES[wanted.form])
    there = [(dict(statement.predicate), finding.manifest) for statement, finding in statements_of(held)]
    return _only(there, remote, wanted)


def _raw(remote: Remote, wanted: Wanted) -> str:
    media_type = _MEDIA_TYPES[wanted.form]
    listed = remote.repository.referrers(remote.descriptor, media_type)
    listed = [entry for entry in listed if entry.artifact_type == media_type]
    listed = [entry for entry in listed if wanted.manifest in {None, entry.digest}]
    if len(listed) > _MOST:
        raise GraphTooLarge(f"{remote.pinned} has {len(listed)} SBOMs", cause=f"at most {_MOST} are looked at")
    layers = {layer.digest: (layer, entry) for entry in listed for layer in _layers(remote, entry, media_type)}
    if not layers:
        raise _missing(remote, wanted)
    return _only([(_read(remote, layer), entry) for layer, entry in layers.values()], remote, wanted)


def _missing(remote: Remote, wanted: Wanted) -> InvalidAttestation:
    from wasmbuild.trust.evidence import Evidence  # noqa: PLC0415  (with cryptography)

    where = f" in {wanted.manifest}" if wanted.manifest else ""
    failure = InvalidAttestation(
        f"no SBOM in the form of {_NAMES[wanted.form]} is attached to {remote.pinned}{where}",
        hint=f"wasmbuild sbom {remote.pinned}  makes one from the bytes",
    )
    failure.details = Refused(remote, Evidence(remote.descriptor.digest, (), wanted=(_TYPES[wanted.form],)))
    return failure


def _layers(remote: Remote, entry: Descriptor, media_type: str) -> list[Descriptor]:
    """Where a manifest has the document: what only looks like a referrer has none."""
    manifest = read_document(remote.repository, entry)[1]
    if not isinstance(manifest, Manifest) or manifest.subject is None:
        return []
    if manifest.subject.digest != remote.descriptor.digest:
        return []
    return [layer.plain() for layer in manifest.layers if layer.media_type == media_type]


def _read(remote: Remote, layer: Descriptor) -> dict[str, Any]:
    found = load_json(read_all(remote.repository, layer, MAX_SBOM), "the attached SBOM")
    if not isinstance(found, dict):
        raise InvalidDocument("the attached SBOM is not an object")
    return found


def _text(document: dict[str, Any]) -> str:
    # Escaped: what strangers write must not reach a terminal as it is.
    return json.dumps(document, indent=2) + "\n"


def _only(there: "Sequence[tuple[dict[str, Any], Descriptor | None]]", remote: Remote, wanted: Wanted) -> str:
    """The text of the one document, which several manifests may have, each in its own order. Raises UsageFailed."""
    different: dict[str, tuple[dict[str, Any], Descriptor | None]] = {}
    for document, manifest in there:
        different.setdefault(json.dumps(document, sort_keys=True), (document, manifest))
    if len(different) != 1:
        from wasmbuild.workflows.attestations import ambiguous  # noqa: PLC0415  (with cryptography)

        form = "" if wanted.form == "cyclonedx" else f" --format {wanted.form}"
        trusted = " --key wasmbuild.pub" if wanted.authorities else ""
        raise ambiguous(
            f"{len(different)} different SBOMs in the form of {_NAMES[wanted.form]} are attached to {remote.pinned}",
            [manifest for _, manifest in different.values()],
            f"wasmbuild sbom {remote.pinned} --attached{form}{trusted}",
        )
    ((document, _),) = different.values()
    return _text(document)

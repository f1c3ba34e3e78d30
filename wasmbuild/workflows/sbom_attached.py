"""``sbom --attached``: the SBOM that somebody put beside an artifact, attested or as it is.

Not here: one that is made of the bytes (``sbom``), and how attestations are judged (``wasmbuild.trust``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.content import read_all
from registry.errors import GraphTooLarge, InvalidDocument
from registry.graph import read_document
from registry.model import Descriptor, Manifest, load_json
from registry.reference import Reference
from wasmbuild.errors import InvalidAttestation, UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.sbom import cyclonedx, spdx
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority
    from wasmbuild.workflows.sbom import Form

__all__ = ["AttachedSbom", "attached_sbom"]

MAX_SBOM = 64 * 1024 * 1024
"""Bytes of an SBOM that is attached as it is."""

_MEDIA_TYPES: "dict[Form, str]" = {"cyclonedx": cyclonedx.MEDIA_TYPE, "spdx": spdx.MEDIA_TYPE}
_NAMES: "dict[Form, str]" = {"cyclonedx": "CycloneDX", "spdx": "SPDX"}
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


def attached_sbom(
    reference: Reference, form: "Form", authorities: "Sequence[Authority]", *, registries: Registries, sink: Sink
) -> AttachedSbom:
    """The SBOM of a form that is attached to what a reference means now.

    With ``authorities`` it is the one that one of them has attested, without any the one that anybody attached.
    Raises InvalidAttestation when there is none, UsageFailed when there are several that differ, and what the
    client raises.
    """
    remote = Remote.resolve(reference, registries)
    text = _attested(remote, form, authorities, sink) if authorities else _raw(remote, form)
    return AttachedSbom(remote.pinned, _MEDIA_TYPES[form], text, bool(authorities))


def _attested(remote: Remote, form: "Form", authorities: "Sequence[Authority]", sink: Sink) -> str:
    from wasmbuild.trust.discovery import found  # noqa: PLC0415  (with cryptography)
    from wasmbuild.trust.predicates import CYCLONEDX, SPDX  # noqa: PLC0415
    from wasmbuild.trust.verifier import Verifier, require_attestation  # noqa: PLC0415

    wanted = CYCLONEDX if form == "cyclonedx" else SPDX
    with step(sink, "verify", remote.pinned.short):
        candidates = found(remote.repository, remote.descriptor, wanted.__eq__)
        evidence = Verifier(authorities).verify(remote.descriptor, candidates)
        require_attestation(evidence, wanted, str(remote.pinned))
    held = [each for each in evidence.attestations if each.holds and each.predicate_type == wanted]
    predicates = [each.claim.statement.predicate for each in held if each.claim and each.claim.statement]
    return _only({_text(dict(each)) for each in predicates}, remote, form)


def _raw(remote: Remote, form: "Form") -> str:
    media_type = _MEDIA_TYPES[form]
    listed = remote.repository.referrers(remote.descriptor, media_type)
    listed = [entry for entry in listed if entry.artifact_type == media_type]
    if len(listed) > _MOST:
        raise GraphTooLarge(f"{remote.pinned} has {len(listed)} SBOMs", cause=f"at most {_MOST} are looked at")
    layers = [layer for entry in listed for layer in _layers(remote, entry, media_type)]
    if not layers:
        raise InvalidAttestation(
            f"no SBOM in the form of {_NAMES[form]} is attached to {remote.pinned}",
            hint=f"wasmbuild sbom {remote.pinned}  makes one from the bytes",
        )
    return _only({_read(remote, layer) for layer in {each.digest: each for each in layers}.values()}, remote, form)


def _layers(remote: Remote, entry: Descriptor, media_type: str) -> list[Descriptor]:
    """Where a manifest has the document: what only looks like a referrer has none."""
    manifest = read_document(remote.repository, entry)[1]
    if not isinstance(manifest, Manifest) or manifest.subject is None:
        return []
    if manifest.subject.digest != remote.descriptor.digest:
        return []
    return [layer.plain() for layer in manifest.layers if layer.media_type == media_type]


def _read(remote: Remote, layer: Descriptor) -> str:
    found = load_json(read_all(remote.repository, layer, MAX_SBOM), "the attached SBOM")
    if not isinstance(found, dict):
        raise InvalidDocument("the attached SBOM is not an object")
    return _text(found)


def _text(document: dict[str, Any]) -> str:
    # Escaped: what strangers write must not reach a terminal as it is.
    return json.dumps(document, indent=2) + "\n"


def _only(texts: set[str], remote: Remote, form: "Form") -> str:
    if len(texts) != 1:
        raise UsageFailed(
            f"{len(texts)} different SBOMs in the form of {_NAMES[form]} are attached to {remote.pinned}",
            cause="which of them is meant is not clear",
            hint=f"wasmbuild discover {remote.pinned}",
        )
    (text,) = texts
    return text

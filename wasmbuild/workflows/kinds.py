"""What the things that refer to an artifact are called, in few words.

Words for people, from what a manifest says of itself; nothing is decided by them.
"""

import re

from registry.model import Index, Manifest
from registry.words import printable
from wasmbuild.kinds import kind_of
from wasmbuild.trust.referrer import PREDICATE_TYPE
from wasmbuild.trust.statement import COSIGN_SIGN

__all__ = ["COSIGN_SUFFIXES", "referrer_in_words"]

COSIGN_SUFFIXES = {".sig": "cosign signature", ".att": "cosign attestation", ".sbom": "cosign SBOM"}
"""The ends of cosign's tags ``<algorithm>-<hex>.sig`` and so on, and what is behind them."""

_BUNDLE = "application/vnd.dev.sigstore.bundle"
_PREDICATES = {
    COSIGN_SIGN: "signature",
    "https://slsa.dev/provenance/v0.2": "provenance (SLSA)",
    "https://slsa.dev/provenance/v1": "provenance (SLSA)",
    "https://spdx.dev/Document": "SBOM (SPDX)",
    "https://cyclonedx.org/bom": "SBOM (CycloneDX)",
    "https://openvex.dev/ns": "statement on vulnerabilities (OpenVEX)",
    "https://wasmbuild.dev/capabilities/v1": "capabilities",
    "https://wasmbuild.dev/rebuild/v1": "verdict of a rebuild",
}


def referrer_in_words(document: Manifest | Index) -> str:
    """What a referrer is, on one line; its artifact type where there are no words for it."""
    artifact_type = document.kind
    if artifact_type is None:
        return "index"
    if artifact_type.startswith(_BUNDLE):
        return _bundle_in_words(document.annotations.get(PREDICATE_TYPE, ""))
    known = kind_of(document) if isinstance(document, Manifest) else None
    return re.sub("^an? ", "", known) if known else printable(artifact_type, 150)


def _bundle_in_words(predicate: str) -> str:
    said = _PREDICATES.get(predicate) or (f"attestation {printable(predicate, 100)}" if predicate else "")
    return f"{said}, sigstore bundle" if said else "sigstore bundle"

"""What an artifact is, in words, by the media types that its writer gave it.

For the person who asked for WebAssembly and named something else. Not here: which layer holds the
WebAssembly (``wasmbuild.artifact``).
"""

from registry.model import Manifest

__all__ = ["kind_of", "kind_of_type"]

_BY_TYPE = {
    "application/vnd.cncf.helm.config.v1+json": "a Helm chart",
    "application/vnd.cncf.notary.signature": "a signature of Notation",
    "application/vnd.cncf.flux.config.v1+json": "an artifact of Flux",
    "application/vnd.cncf.openpolicyagent.config.v1+json": "a bundle of policies",
    "application/sarif+json": "a report (SARIF)",
    "application/vnd.cyclonedx": "an SBOM (CycloneDX)",
    "application/vnd.cyclonedx+json": "an SBOM (CycloneDX)",
    "application/vnd.cyclonedx+xml": "an SBOM (CycloneDX)",
    "application/vnd.dev.cosign.simplesigning.v1+json": "a signature of cosign",
    "application/vnd.dsse.envelope.v1+json": "an attestation (DSSE)",
    "application/vnd.fermyon.spin.application.v1+config": "a Spin application",
    "application/vnd.openvex+json": "a statement on vulnerabilities (OpenVEX)",
    "application/vnd.syft+json": "an SBOM (Syft)",
    "application/vnd.in-toto+json": "an attestation (in-toto)",
    "application/spdx+json": "an SBOM (SPDX)",
    "text/spdx+json": "an SBOM (SPDX)",
    "text/spdx": "an SBOM (SPDX)",
}
_BY_START = {"application/vnd.dev.sigstore.bundle": "a signature or attestation (sigstore bundle)"}
_IMAGE_CONFIGS = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
_COMPAT = "module.wasm.image/variant"


def kind_of(manifest: Manifest) -> str | None:
    """What the artifact is, such as "a Helm chart"; None when its types are known to nobody here."""
    types = [manifest.artifact_type or "", manifest.config.media_type, *(each.media_type for each in manifest.layers)]
    for media_type in types:
        if words := kind_of_type(media_type):
            return words
    if not _IMAGE_CONFIGS.intersection(types[:2]):
        return None
    if _COMPAT in manifest.annotations:
        return "a container image with WebAssembly inside its file system (the compat variant)"
    return "a container image"


def kind_of_type(media_type: str) -> str | None:
    """What something of a media type is; None when that says nothing, or is known to nobody here."""
    if media_type in _BY_TYPE:
        return _BY_TYPE[media_type]
    return next((words for start, words in _BY_START.items() if media_type.startswith(start)), None)

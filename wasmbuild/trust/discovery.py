"""Find the signatures of an artifact: the walk from a subject to its bundles. Judging them is ``verifier``'s."""

from registry.content import Referred, read_all
from registry.errors import GraphTooLarge
from registry.model import Descriptor, Manifest, parse_document
from wasmbuild.trust.bundle import BUNDLE, MAX_BUNDLE
from wasmbuild.trust.referrer import PREDICATE_TYPE
from wasmbuild.trust.statement import COSIGN_SIGN

__all__ = ["MAX_REFERRERS", "found_signatures", "signatures_of"]

MAX_REFERRERS = 100
"""Bundles of one artifact that we look at; notation's bound for signatures."""

_BUNDLE_TYPES = "application/vnd.dev.sigstore.bundle"


def signatures_of(store: Referred, subject: Descriptor) -> list[bytes]:
    """The bundles that refer to ``subject``, without their manifests (see :func:`found_signatures`)."""
    return [bundle for _, bundle in found_signatures(store, subject)]


def found_signatures(store: Referred, subject: Descriptor) -> list[tuple[Descriptor, bytes]]:
    """The bundles that refer to ``subject``, as bytes that match their digests, each after its manifest.

    What only looks like a referrer (another subject, several layers), and what calls itself an
    attestation, is passed over and not fetched. Raises DigestMismatch or SizeMismatch for content
    that is not what it is listed as, GraphTooLarge for more than 100 referrers, ContentTooLarge, and
    whatever the store raises when it cannot answer: none of that ever means "unsigned".
    """
    listed = store.referrers(subject, BUNDLE)
    if len(listed) > MAX_REFERRERS:
        raise GraphTooLarge(
            f"{subject.digest} has {len(listed)} signatures and attestations",
            cause=f"at most {MAX_REFERRERS} are looked at",
        )
    manifests = [parse_document(read_all(store, item), item.media_type) for item in listed]
    layers = [
        (item, layer)
        for item, manifest in zip(listed, manifests, strict=True)
        for layer in _bundle_layers(manifest, subject)
    ]
    return [(item.plain(), read_all(store, layer, MAX_BUNDLE)) for item, layer in layers]


def _bundle_layers(manifest: object, subject: Descriptor) -> tuple[Descriptor, ...]:
    if not isinstance(manifest, Manifest) or manifest.subject is None or manifest.subject.digest != subject.digest:
        return ()
    if len(manifest.layers) != 1 or not manifest.layers[0].media_type.startswith(_BUNDLE_TYPES):
        return ()
    if manifest.annotations.get(PREDICATE_TYPE, COSIGN_SIGN) != COSIGN_SIGN:
        return ()
    return manifest.layers

"""Find the signatures of an artifact: from a subject to what may be one. Judging them is ``verifier``'s."""

from registry.content import Referred, Store, read_all
from registry.digest import Digest
from registry.errors import GraphTooLarge
from registry.model import Descriptor, Manifest, parse_document
from wasmbuild.trust.bundle import BUNDLE, MAX_BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.referrer import PREDICATE_TYPE
from wasmbuild.trust.sigtag import read_tagged, signature_layers
from wasmbuild.trust.simplesigning import CERTIFICATE, MAX_PAYLOAD, SIGNATURE
from wasmbuild.trust.statement import COSIGN_SIGN

__all__ = ["MAX_PAYLOADS", "MAX_REFERRERS", "found_bundles", "found_signatures", "found_under_tag"]

MAX_REFERRERS = 100
"""Bundles of one artifact that we look at; notation's bound for signatures."""

MAX_PAYLOADS = 100
"""Different payloads under one ``.sig`` tag that we fetch; signers who say the same share theirs."""

_BUNDLE_TYPES = "application/vnd.dev.sigstore.bundle"


def found_signatures(store: Store, subject: Descriptor) -> list[Candidate]:
    """All that may be a signature of ``subject``: bundles that refer to it, and its ``.sig`` tag.

    Raises what :func:`found_bundles` and :func:`found_under_tag` raise.
    """
    return [*found_bundles(store, subject), *found_under_tag(store, subject)]


def found_bundles(store: Referred, subject: Descriptor) -> list[Candidate]:
    """The bundles that refer to ``subject``, as bytes that match their digests.

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
    return [Candidate(SignatureKind.BUNDLE, read_all(store, layer, MAX_BUNDLE), item.plain()) for item, layer in layers]


def found_under_tag(store: Store, subject: Descriptor) -> list[Candidate]:
    """The simple signatures under the ``.sig`` tag of ``subject``, payloads as bytes that match their digests.

    Layers of another media type are passed over. Raises as :func:`found_bundles` does, GraphTooLarge for
    more than 1000 layers or 100 different payloads, InvalidDocument for a tag that is no manifest.
    """
    found = read_tagged(store, subject.digest)
    if found is None:
        return []
    descriptor, manifest = found
    layers = signature_layers(manifest)
    distinct = {layer.digest: layer for layer in layers}
    if len(distinct) > MAX_PAYLOADS:
        raise GraphTooLarge(
            f"{subject.digest} has {len(distinct)} signed payloads under its .sig tag",
            cause=f"at most {MAX_PAYLOADS} are looked at",
        )
    payloads: dict[Digest, bytes] = {
        digest: read_all(store, layer.plain(), MAX_PAYLOAD) for digest, layer in distinct.items()
    }
    return [_simple(layer, payloads[layer.digest], descriptor) for layer in layers]


def _simple(layer: Descriptor, payload: bytes, manifest: Descriptor) -> Candidate:
    signature, certified = layer.annotations.get(SIGNATURE), CERTIFICATE in layer.annotations
    return Candidate(SignatureKind.LEGACY, payload, manifest.plain(), signature, certified)


def _bundle_layers(manifest: object, subject: Descriptor) -> tuple[Descriptor, ...]:
    if not isinstance(manifest, Manifest) or manifest.subject is None or manifest.subject.digest != subject.digest:
        return ()
    if len(manifest.layers) != 1 or not manifest.layers[0].media_type.startswith(_BUNDLE_TYPES):
        return ()
    if manifest.annotations.get(PREDICATE_TYPE, COSIGN_SIGN) != COSIGN_SIGN:
        return ()
    return manifest.layers

"""Find what is signed about an artifact: from a subject to candidates. Judging them is ``verifier``'s.

What a manifest says of itself (its artifact type, which predicate is in it) is signed by nobody. It is
used to leave out what is not asked for, and what it leaves out counts as absent: never as a signature.
"""

from collections.abc import Callable

from registry.content import Referred, Store, read_all
from registry.digest import Digest
from registry.errors import GraphTooLarge
from registry.model import Descriptor, Manifest, parse_document
from wasmbuild.trust.bundle import BUNDLE_TYPES, MAX_BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.companion import Suffix, read_tagged, tagged_layers
from wasmbuild.trust.dsse import DSSE
from wasmbuild.trust.referrer import PREDICATE_TYPE
from wasmbuild.trust.simplesigning import MAX_PAYLOAD, SIMPLE_SIGNING
from wasmbuild.trust.statement import COSIGN_SIGN, SIGNATURES

__all__ = [
    "MAX_PAYLOADS",
    "MAX_REFERRERS",
    "Wanted",
    "all_wanted",
    "attestations_wanted",
    "found",
    "found_referrers",
    "found_under_tag",
    "signatures_wanted",
]

MAX_REFERRERS = 100
"""Bundles and signatures of one artifact that we look at; notation's bound for signatures."""

MAX_PAYLOADS = 100
"""Different contents under one ``.sig`` or ``.att`` tag that we fetch; signers who say the same share theirs."""

_ATTESTED_TYPE = "predicateType"
"""The annotation of a layer under an ``.att`` tag that says what kind of statement is in it."""

Wanted = Callable[[str], bool]
"""Whether something of a predicate type is asked for."""


def signatures_wanted(predicate_type: str) -> bool:
    """Plain signatures alone."""
    return predicate_type in SIGNATURES


def attestations_wanted(predicate_type: str) -> bool:
    """Attestations alone."""
    return predicate_type not in SIGNATURES


def all_wanted(_: str) -> bool:
    """Both."""
    return True


def found(store: Store, subject: Descriptor, wanted: Wanted = signatures_wanted) -> list[Candidate]:
    """All that may be signed about ``subject``: what refers to it, and its ``.sig`` and ``.att`` tags.

    Raises what :func:`found_referrers` and :func:`found_under_tag` raise.
    """
    candidates = found_referrers(store, subject, wanted)
    if wanted(COSIGN_SIGN):
        candidates += found_under_tag(store, subject)
    if wanted is not signatures_wanted:
        candidates += found_under_tag(store, subject, "att", wanted)
    return candidates


def found_referrers(store: Referred, subject: Descriptor, wanted: Wanted = signatures_wanted) -> list[Candidate]:
    """The bundles and signatures that refer to ``subject``, as bytes that match their digests.

    What only looks like a referrer (another subject, several layers), and what calls itself something
    that is not wanted, is passed over and not fetched. Raises DigestMismatch or SizeMismatch for content
    that is not what it is listed as, GraphTooLarge for more than 100 referrers, ContentTooLarge, and
    whatever the store raises when it cannot answer: none of that ever means "unsigned".
    """
    listed = [
        entry
        for entry in store.referrers(subject)
        if _kind(entry.artifact_type) is not None and _may_be(entry.annotations.get(PREDICATE_TYPE), wanted)
    ]
    if len(listed) > MAX_REFERRERS:
        raise GraphTooLarge(
            f"{subject.digest} has {len(listed)} signatures and attestations",
            cause=f"at most {MAX_REFERRERS} are looked at",
        )
    candidates = (_referrer(store, entry, subject, wanted) for entry in listed)
    return [candidate for candidate in candidates if candidate is not None]


def found_under_tag(
    store: Store, subject: Descriptor, suffix: Suffix = "sig", wanted: Wanted = signatures_wanted
) -> list[Candidate]:
    """The signatures under the ``.sig`` tag of ``subject``, or attestations under ``.att``, as bytes of their digests.

    Layers of another media type are passed over. Raises as :func:`found_referrers` does, GraphTooLarge for
    more than 1000 layers or 100 different contents, InvalidDocument for a tag that is no manifest.
    """
    tagged = read_tagged(store, subject.digest, suffix)
    if tagged is None:
        return []
    descriptor, manifest = tagged
    media_type, limit = (SIMPLE_SIGNING, MAX_PAYLOAD) if suffix == "sig" else (DSSE, MAX_BUNDLE)
    layers = [
        layer for layer in tagged_layers(manifest, media_type) if _may_be(layer.annotations.get(_ATTESTED_TYPE), wanted)
    ]
    distinct = {layer.digest: layer for layer in layers}
    if len(distinct) > MAX_PAYLOADS:
        raise GraphTooLarge(
            f"{subject.digest} has {len(distinct)} signed contents under its .{suffix} tag",
            cause=f"at most {MAX_PAYLOADS} are looked at",
        )
    contents: dict[Digest, bytes] = {
        digest: read_all(store, layer.plain(), limit) for digest, layer in distinct.items()
    }
    return [
        Candidate(
            SignatureKind.LEGACY,
            media_type,
            contents[layer.digest],
            descriptor.plain(),
            layer.annotations,
            layer.annotations.get(_ATTESTED_TYPE),
        )
        for layer in layers
    ]


def _may_be(declared: str | None, wanted: Wanted) -> bool:
    """Whether something may be what is asked for; some registries' lists leave out what would tell."""
    return declared is None or wanted(declared)


def _kind(artifact_type: str | None) -> SignatureKind | None:
    """In which form a referrer of an artifact type is, None for what is no signature."""
    if artifact_type is not None and artifact_type.startswith(BUNDLE_TYPES):
        return SignatureKind.BUNDLE
    return None


def _referrer(store: Referred, entry: Descriptor, subject: Descriptor, wanted: Wanted) -> Candidate | None:
    manifest = parse_document(read_all(store, entry), entry.media_type)
    if not isinstance(manifest, Manifest) or manifest.subject is None or manifest.subject.digest != subject.digest:
        return None
    if len(manifest.layers) != 1:
        return None
    layer, declared = manifest.layers[0], manifest.annotations.get(PREDICATE_TYPE)
    kind = _kind(layer.media_type)
    if kind is None or not _may_be(declared, wanted):
        return None
    content = read_all(store, layer, MAX_BUNDLE)
    return Candidate(kind, layer.media_type, content, entry.plain(), manifest.annotations, declared)

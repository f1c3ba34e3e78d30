"""Companion tags: tags that are there for another artifact's sake, told by their names and by what they mean.

A tag that looks like cosign's (``sha256-….sig``, ``.att``) or like a list of referrers (``sha256-…``) could
mean anything. It is a companion only when all that is behind it speaks of the artifact in its name, and
nothing in it is something that anybody would run.
"""

import re

from registry.content import Store, read_all
from registry.digest import Digest
from registry.errors import Failure
from registry.model import MANIFEST_TYPES, OCI_EMPTY, Descriptor, Index, Manifest, parse_document
from registry.strictjson import load_json
from wasmbuild.trust.bundle import BUNDLE_TYPES, MAX_BUNDLE
from wasmbuild.trust.companion import MAX_LAYERS
from wasmbuild.trust.discovery import MAX_ATTESTATIONS, MAX_PAYLOADS
from wasmbuild.trust.dsse import DSSE, Envelope
from wasmbuild.trust.simplesigning import MAX_PAYLOAD, SIMPLE_SIGNING, Payload
from wasmbuild.trust.statement import IN_TOTO, Statement
from wasmbuild.workflows.cosigntags import REFERRERS_TAG

__all__ = ["MAX_LISTED", "companion_fault", "looks_like_companion"]

MAX_LISTED = 1000
"""Entries of a list of referrers under a tag."""

_SIGNED_TAG = re.compile(r"sha256-(?P<encoded>[0-9a-f]{64})\.(?P<suffix>sig|att)")
_CONFIGS = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json", OCI_EMPTY}
)
_SPEAKING = frozenset(
    {
        SIMPLE_SIGNING,
        DSSE,
        IN_TOTO,
        OCI_EMPTY,
        "application/vnd.cncf.notary.signature",
        "application/jose+json",
        "application/cose",
        "application/spdx+json",
        "text/spdx+json",
        "application/vnd.cyclonedx+json",
    }
)
"""Media types of what is said about artifacts: signatures, attestations, lists of components."""


def looks_like_companion(tag: str) -> bool:
    """Whether a tag has the name of a companion."""
    return bool(_SIGNED_TAG.fullmatch(tag) or REFERRERS_TAG.fullmatch(tag))


def companion_fault(store: Store, tag: str, descriptor: Descriptor) -> str | None:
    """Why a tag with such a name is no companion, when it means this document; None: it is one.

    Raises what the store raises, ContentTooLarge and InvalidDocument for what is not as it should be.
    """
    document = parse_document(read_all(store, descriptor), descriptor.media_type)
    named = _SIGNED_TAG.fullmatch(tag)
    if named is None:
        return _list_fault(store, tag, document)
    if not isinstance(document, Manifest) or document.artifact_type is not None:
        return "it is no manifest of signatures"
    return _layers_fault(store, Digest("sha256", named["encoded"]), document, named["suffix"])


def _layers_fault(store: Store, subject: Digest, manifest: Manifest, suffix: str) -> str | None:
    signs = suffix == "sig"
    wanted, limit, most = (SIMPLE_SIGNING, MAX_PAYLOAD, MAX_PAYLOADS) if signs else (DSSE, MAX_BUNDLE, MAX_ATTESTATIONS)
    if manifest.config.media_type not in _CONFIGS:
        return f"its config is of the type {manifest.config.media_type}"
    if not 1 <= len(manifest.layers) <= MAX_LAYERS:
        return f"it does not have 1 to {MAX_LAYERS} layers"
    other = next((layer.media_type for layer in manifest.layers if layer.media_type != wanted), None)
    if other is not None:
        return f"it has a layer of the type {other}"
    distinct = {layer.digest: layer.plain() for layer in manifest.layers}
    if len(distinct) > most:
        return f"it has more than {most} different contents"
    for layer in distinct.values():
        if not _is_about(read_all(store, layer, limit), subject, suffix):
            return "it has a layer that does not speak of the artifact in its name"
    return None


def _is_about(content: bytes, subject: Digest, suffix: str) -> bool:
    try:
        if suffix == "sig":
            return Payload.parse(content).digest == subject
        envelope = Envelope.from_json(load_json(content, "the envelope"))
        return any(each.is_about(subject) for each in Statement.parse(envelope.payload).subjects)
    except Failure:
        return False


def _list_fault(store: Store, tag: str, document: Manifest | Index) -> str | None:
    if not isinstance(document, Index) or document.subject is not None:
        return "it is no list of referrers"
    if len(document.manifests) > MAX_LISTED:
        return f"it lists more than {MAX_LISTED} referrers"
    for entry in document.manifests:
        if entry.media_type not in MANIFEST_TYPES:
            return f"it lists something of the type {entry.media_type}"
        found = parse_document(read_all(store, entry.plain()), entry.media_type)
        if not isinstance(found, Manifest) or not _refers(found, tag):
            return f"it lists {entry.digest}, which is about something else"
        if not _only_speaks(found):
            return f"it lists {entry.digest}, which is more than a signature or an attestation"
    return None


def _refers(manifest: Manifest, tag: str) -> bool:
    subject = manifest.subject
    return subject is not None and f"{subject.digest.algorithm}-{subject.digest.encoded[:64]}" == tag


def _only_speaks(manifest: Manifest) -> bool:
    """Whether nothing in it is of a type that is run or unpacked; the config of an image makes one of anything."""
    types = [manifest.config.media_type, *(layer.media_type for layer in manifest.layers)]
    if manifest.artifact_type is not None:
        types.append(manifest.artifact_type)
    return all(kind in _SPEAKING or kind.startswith(BUNDLE_TYPES) for kind in types)

"""Unsigned: documents beside an artifact as they are, for scanners and others who look at no signature.

Each is the one layer of a manifest that refers to the artifact, whose artifact type is that of the document.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from registry.content import Store, read_all
from registry.errors import ContentTooLarge, InvalidDocument
from registry.graph import read_document
from registry.model import CREATED, EMPTY, TITLE, Descriptor, Manifest, describe
from wasmbuild.events import Sink, step
from wasmbuild.trust.predicates import MAX_PREDICATE
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.referrer import PREDICATE_TYPE, Referrer
from wasmbuild.trust.statement import IN_TOTO, Statement
from wasmbuild.workflows.companions import Companion, Document

__all__ = ["Unsigned", "attach_documents"]

_MOST_COMPARED = 20
_MAX_STATEMENT = MAX_PREDICATE + 1024 * 1024


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A document beside an artifact; ``added`` is False when the same one was there before."""

    manifest: Descriptor
    media_type: str
    added: bool

    @property
    def is_new_referrer(self) -> bool:
        """Whether there is one manifest more now that refers to the artifact."""
        return self.added

    def to_json(self) -> dict[str, Any]:
        """An entry of a command's document."""
        return {"artifactType": self.media_type, "manifest": self.manifest.to_json(), "added": self.added}


def attach_documents(
    store: Store, subject: Descriptor, made: Sequence[Companion], created: str, sink: Sink, *, signed: bool
) -> tuple[Unsigned, ...]:
    """Put the documents beside an artifact, as manifests that refer to it; what is there is not written again.

    Raises what the store raises.
    """
    wanted = [each for each in made if each.document and not (signed and each.document.unless_signed)]
    if not wanted:
        return ()
    there = {entry.digest for entry in store.referrers(subject)}
    attached: list[Unsigned] = []
    for each in wanted:
        assert each.document is not None
        referrer = _referrer(each.document, subject, created)
        known = referrer.manifest if referrer.manifest.digest in there else _said_before(store, subject, each)
        if known is None:
            with step(sink, "attach", each.words):
                referrer.push_to(store)
        attached.append(Unsigned(known or referrer.manifest, each.document.media_type, added=known is None))
    return tuple(attached)


def _referrer(document: Document, subject: Descriptor, created: str) -> Referrer:
    plain = describe(document.media_type, document.data)
    layer = replace(plain, annotations=dict(document.annotations))
    manifest = Manifest(
        config=EMPTY,
        layers=(layer,),
        artifact_type=document.media_type,
        subject=subject.plain(),
        annotations={CREATED: created, **{name: text for name, text in document.annotations.items() if name != TITLE}},
    )
    data = manifest.encode()
    return Referrer(describe(manifest.media_type, data), data, layer, document.data)


def _said_before(store: Store, subject: Descriptor, companion: Companion) -> Descriptor | None:
    """The manifest of a statement that says the same, at another time, whether somebody has signed it or nobody."""
    if companion.document is None or companion.document.media_type != IN_TOTO:
        return None
    from wasmbuild.trust.attesting import essence  # noqa: PLC0415  (with cryptography; a file that is pushed needs none)

    said = Statement.parse(companion.document.data)
    wanted = essence(said)
    listed = store.referrers(subject)
    bare = [each for each in listed if each.artifact_type == IN_TOTO]
    signed = [each for each in listed if each.annotations.get(PREDICATE_TYPE) == said.predicate_type]
    for entry in (*signed[-_MOST_COMPARED:], *bare[-_MOST_COMPARED:]):
        statement = _statement_in(store, entry)
        if statement is not None and essence(statement) == wanted:
            return entry.plain()
    return None


def _statement_in(store: Store, entry: Descriptor) -> Statement | None:
    """The statement of somebody's referrer, if it is one; who signed it, and whether that holds, is not asked."""
    from wasmbuild.trust.bundle import BUNDLE_TYPES, MAX_BUNDLE, Bundle  # noqa: PLC0415

    try:
        document = read_document(store, entry)[1]
        if not isinstance(document, Manifest) or len(document.layers) != 1:
            return None
        layer = document.layers[0]
        if layer.media_type.startswith(BUNDLE_TYPES):
            envelope = Bundle.parse(read_all(store, layer, MAX_BUNDLE)).envelope
            return Statement.parse(envelope.payload) if envelope.payload_type == IN_TOTO else None
        return Statement.parse(read_all(store, layer, _MAX_STATEMENT))
    except (ContentTooLarge, InvalidDocument, Rejected):
        return None

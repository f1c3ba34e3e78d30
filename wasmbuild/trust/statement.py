"""Statement: in-toto's sentence "these subjects have this predicate" (in-toto attestation v1).

What the predicates say is the business of those who make them; who signs is in ``dsse``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.strictjson import canonical_json, load_json

__all__ = ["COSIGN_SIGN", "IN_TOTO", "NOTARY_SIGN", "SIGNATURES", "STATEMENT_V1", "Predicate", "Statement", "Subject"]

IN_TOTO = "application/vnd.in-toto+json"
"""The DSSE payload type of a statement."""

STATEMENT_V1 = "https://in-toto.io/Statement/v1"
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"
"""The predicate type of a plain signature, as cosign 3 makes it; its predicate is empty."""

NOTARY_SIGN = "application/vnd.cncf.notary.payload.v1+json"
"""What we call the sentence of a Notary Project signature, which has no predicate: its payload's type."""

SIGNATURES = frozenset({COSIGN_SIGN, NOTARY_SIGN})
"""The predicate types of plain signatures; a statement of any other is an attestation."""

_STATEMENT_V01 = "https://in-toto.io/Statement/v0.1"
"""What ``cosign attest`` writes still."""

_MAX_SUBJECTS = 1024
_MAX_DIGESTS = 32
_MAX_TEXT = 4096
_HEX = re.compile(r"(?:[0-9a-f]{2})+")


@dataclass(frozen=True, slots=True)
class Predicate:
    """What can be said of an artifact, before it is: JSON of a form that ``type``, a URI, decides."""

    type: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: digests in hex by algorithm, perhaps a name, and what a signer adds to it."""

    digests: Mapping[str, str]
    name: str | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)

    def is_about(self, digest: Digest) -> bool:
        """Whether it names these bytes."""
        return self.digests.get(digest.algorithm) == digest.encoded


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement; ``predicate`` is JSON of a form that ``predicate_type`` decides."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def signature_of(cls, digest: Digest, name: str, annotations: Mapping[str, str] | None = None) -> Self:
        """The statement that a plain signature signs; ``name`` is ``host/repository``."""
        return cls((Subject({digest.algorithm: digest.encoded}, name, annotations or {}),), COSIGN_SIGN)

    @classmethod
    def about(cls, digest: Digest, name: str, predicate: Predicate, more: Iterable[Subject] = ()) -> Self:
        """A predicate of an artifact, which is the first subject, and of ``more`` besides; ``name`` as above."""
        own = Subject({digest.algorithm: digest.encoded}, name)
        return cls((own, *more), predicate.type, predicate.content)

    @property
    def is_signature(self) -> bool:
        """Whether it says no more than that its subjects are the signer's."""
        return self.predicate_type in SIGNATURES

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a statement of version 1; an attestation may be of version 0.1, which has the same fields.

        Fields that in-toto does not know are passed over, as it asks.

        Raises InvalidDocument.
        """
        value = load_json(data, "the statement")
        if not isinstance(value, dict) or value.get("_type") not in (STATEMENT_V1, _STATEMENT_V01):
            raise InvalidDocument("the signed text is not an in-toto statement of version 1")
        subjects = value.get("subject")
        if not isinstance(subjects, list) or not 1 <= len(subjects) <= _MAX_SUBJECTS:
            raise InvalidDocument(f"the statement does not have 1 to {_MAX_SUBJECTS} subjects")
        predicate_type = value.get("predicateType")
        if not isinstance(predicate_type, str) or not 0 < len(predicate_type) <= _MAX_TEXT:
            raise InvalidDocument("the statement has no predicate type")
        if predicate_type in SIGNATURES and value["_type"] != STATEMENT_V1:
            raise InvalidDocument("the signed text is not an in-toto statement of version 1")
        predicate = value.get("predicate")
        if predicate is not None and not isinstance(predicate, dict):
            raise InvalidDocument("the statement's predicate is not an object")
        return cls(tuple(_subject(subject) for subject in subjects), predicate_type, predicate or {})

    def encode(self) -> bytes:
        """The bytes to sign."""
        return canonical_json(
            {
                "_type": STATEMENT_V1,
                "subject": [_subject_json(subject) for subject in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": dict(self.predicate),
            }
        )


def _subject_json(subject: Subject) -> dict[str, Any]:
    named = {} if subject.name is None else {"name": subject.name}
    annotated = {"annotations": dict(sorted(subject.annotations.items()))} if subject.annotations else {}
    return {**named, "digest": dict(subject.digests), **annotated}


def _subject(value: Any) -> Subject:  # noqa: ANN401  (JSON, read here)
    if not isinstance(value, dict):
        raise InvalidDocument("a subject of the statement is not an object")
    name, digests = value.get("name"), value.get("digest")
    if name is not None and not isinstance(name, str):
        raise InvalidDocument("a subject of the statement has a malformed name")
    if not isinstance(digests, dict) or not 1 <= len(digests) <= _MAX_DIGESTS:
        raise InvalidDocument(f"a subject of the statement does not have 1 to {_MAX_DIGESTS} digests")
    if not all(isinstance(text, str) and _HEX.fullmatch(text) for text in digests.values()):
        raise InvalidDocument("a subject of the statement has a digest that is not hex")
    annotations = value.get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        raise InvalidDocument("a subject of the statement has malformed annotations")
    return Subject(digests, name, annotations or {})

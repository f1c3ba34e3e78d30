"""Attesting: a statement, signed once, in both forms that verifiers read.

A bundle is for cosign 3, an envelope under the ``.att`` tag for cosign 2. Nothing is fetched or pushed here.
"""

import json
from dataclasses import dataclass
from typing import Any

from registry.model import Descriptor, describe
from registry.strictjson import canonical_json
from wasmbuild.trust.bundle import Bundle
from wasmbuild.trust.dsse import DSSE, Envelope, pae
from wasmbuild.trust.encoding import to_base64
from wasmbuild.trust.predicates import PROVENANCE
from wasmbuild.trust.proof import Material
from wasmbuild.trust.signer import Signatory
from wasmbuild.trust.simplesigning import SIGNATURE
from wasmbuild.trust.statement import IN_TOTO, Statement

__all__ = ["Attested", "attest", "essence"]

_PREDICATE_TYPE = "predicateType"


@dataclass(frozen=True, slots=True)
class Attested:
    """A signed statement: the bytes of a bundle, and the layer of an ``.att`` tag with the bytes of its envelope."""

    predicate_type: str
    bundle: bytes
    layer: Descriptor
    envelope: bytes


def attest(statement: Statement, key: Signatory) -> Attested:
    """Sign a statement. Raises what the signatory raises."""
    payload = statement.encode()
    signature = key.sign(pae(IN_TOTO, payload))
    bundle = Bundle(Envelope(payload, IN_TOTO, signature), Material(key.public.hint)).encode()
    envelope = canonical_json(
        {
            "payloadType": IN_TOTO,
            "payload": to_base64(payload),
            "signatures": [{"keyid": "", "sig": to_base64(signature)}],
        }
    )
    plain = describe(DSSE, envelope)
    annotations = {SIGNATURE: "", _PREDICATE_TYPE: statement.predicate_type}  # cosign reads the first, though empty
    layer = Descriptor(plain.media_type, plain.digest, plain.size, annotations=annotations)
    return Attested(statement.predicate_type, bundle, layer, envelope)


def essence(statement: Statement) -> str:
    """What makes two statements the same: subjects by digest, and the predicate; of a provenance not its times.

    A name is where it was said, and an artifact may be copied with what is said of it.
    """
    subjects = sorted(json.dumps(dict(subject.digests), sort_keys=True) for subject in statement.subjects)
    content: Any = statement.predicate
    if statement.predicate_type == PROVENANCE:
        run = content.get("runDetails")
        content = [content.get("buildDefinition"), run.get("builder") if isinstance(run, dict) else None]
    return json.dumps([subjects, statement.predicate_type, content], sort_keys=True)

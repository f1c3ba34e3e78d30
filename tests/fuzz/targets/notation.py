"""Any bytes are an envelope of the Notary Project, as JWS or as COSE, or are refused: InvalidDocument, or Rejected.

What is read has the payload that the signature is over. COSE that is read is encoded in the one way, and a JWS
whose text is changed is over other bytes.
"""

import json
import random
from datetime import UTC, datetime

import cbor2

from registry.errors import InvalidDocument
from tests.certified import KEYS, LEAF, certificate, cose, headers, jws
from tests.fuzz.mutate import bytes_changed, json_mutated
from tests.fuzz.target import Corpus, Target
from wasmbuild.trust.notation.envelope import COSE, JWS, Envelope
from wasmbuild.trust.notation.opening import open_envelope, parse_envelope
from wasmbuild.trust.proof import Rejected

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_TEXT = "2026-01-01T00:00:00Z"
_PAYLOAD = {"targetArtifact": {"mediaType": "a/b", "digest": f"sha256:{'a' * 64}", "size": 1}}
_CHAIN = (certificate("leaf", "leaf", LEAF, by=KEYS["leaf"]),)
_TIMESTAMP = {"io.cncf.notary.timestampSignature": "AAAA"}


def check(data: bytes) -> bool:
    """Whether it is an envelope of either kind."""
    taken = [kind for kind in (JWS, COSE) if _taken(data, kind)]
    assert len(taken) < 2, "it is a JWS and a COSE_Sign1"
    return bool(taken)


def _taken(data: bytes, kind: str) -> bool:
    try:
        envelope = parse_envelope(data, kind)
    except (InvalidDocument, Rejected):
        return False
    _check_signed(envelope, data, kind)
    try:
        open_envelope(data, kind)
    except (InvalidDocument, Rejected):
        return True
    return True


def _check_signed(envelope: Envelope, data: bytes, kind: str) -> None:
    assert envelope.chain
    assert envelope.terms.expires_at is None or envelope.terms.expires_at > envelope.terms.signed_at
    if kind == COSE:
        assert cbor2.loads(envelope.message)[3] == envelope.payload
        assert envelope.signature in data
    else:
        protected, _, payload = envelope.message.decode().partition(".")
        document = json.loads(data)
        assert (document["protected"], document["payload"]) == (protected, payload)


def mutated(corpus: Corpus, rng: random.Random) -> bytes:
    """JSON by its values, CBOR by its bytes."""
    chosen = rng.choice(corpus)
    return json_mutated([chosen], rng) if chosen.startswith(b"{") else bytes_changed(chosen, corpus, rng)


_EXPIRY = "io.cncf.notary.expiry"
_SCHEME = "io.cncf.notary.signingScheme"

TARGET = Target(
    "notation",
    beginning=(
        jws(_PAYLOAD, headers(_TEXT), _CHAIN),
        jws(
            _PAYLOAD, headers(_TEXT, expiry="2027-01-01T00:00:00+01:00", crit=[_SCHEME, _EXPIRY]), _CHAIN, **_TIMESTAMP
        ),
        cose(_PAYLOAD, headers(_NOW), _CHAIN),
        cose(_PAYLOAD, headers(_NOW, expiry=_NOW.replace(year=2027), crit=[_SCHEME, _EXPIRY]), _CHAIN),
    ),
    check=check,
    words=(
        b"\xd2",
        b"\xc1\x1a",
        b"\xfb",
        b"\xf9\x7e\x00",
        b"\x9f",
        b"\xff",
        b"\xf6",
        b"\x01\x26",
        b'"crit":[],',
        b"==",
    ),
    mutate=mutated,
)

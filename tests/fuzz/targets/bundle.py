"""Any bytes are a sigstore bundle, a statement or a simple-signing payload, or are refused with InvalidDocument.

The bytes that a signature is over are those of the payload that was read, and no others; what is read with a
key's hint can be written and read again.
"""

import base64
import json
import re
from pathlib import Path

from registry.errors import InvalidDocument
from registry.model import EMPTY
from tests.fuzz.mutate import json_mutated
from tests.fuzz.target import Target
from wasmbuild.trust.bundle import Bundle
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import sign
from wasmbuild.trust.simplesigning import Payload
from wasmbuild.trust.statement import Statement

_ASSETS = Path(__file__).parents[2] / "assets/trust"
_DIGEST = b'"sha256:' + b"a" * 64 + b'"'
_SIMPLE = (
    b'{"critical":{"identity":{"docker-reference":"r.io/a/b"},"image":{"docker-manifest-digest":'
    + _DIGEST
    + b'},"type":"cosign container image signature"},"optional":{"creator":"x","timestamp":1}}'
)
_STATEMENT = (
    b'{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"'
    + b"b" * 64
    + b'"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"a":[1]}}'
)

_BUNDLE = sign(EMPTY, "r.io/a/b", PrivateKey.generate(), "1970-01-01T00:00:00Z").bundle_bytes
_ENTRY = b'{"inclusionProof":{"logIndex":"1"},"canonicalizedBody":"AA=="}'
_CERTIFIED = re.sub(
    rb'"publicKey":\{[^}]*\}',
    b'"certificate":{"rawBytes":"AAAA"},"tlogEntries":[%s],"timestampVerificationData":'
    b'{"rfc3161Timestamps":[{"signedTimestamp":"AAAA"}]}' % _ENTRY,
    _BUNDLE,
)


def _defective() -> list[bytes]:
    """Bundles with one defect each, which the tests of verification have."""
    return [
        base64.b64decode(json.loads(path.read_bytes())["content"]) for path in sorted(_ASSETS.glob("bundle-*.json"))
    ]


def check(data: bytes) -> bool:
    """Whether it is any of the three."""
    return any([_bundle(data), _statement(data), _simple(data)])


def _bundle(data: bytes) -> bool:
    try:
        bundle = Bundle.parse(data)
    except InvalidDocument:
        return False
    assert bundle.envelope.signed_bytes.endswith(bundle.envelope.payload)
    assert bool(bundle.material.chain) == (bundle.material.key_hint is None)
    if bundle.material.key_hint is not None:
        again = Bundle.parse(bundle.encode())
        assert again.envelope == bundle.envelope
        assert again.material.key_hint == bundle.material.key_hint
    _statement(bundle.envelope.payload)
    return True


def _statement(data: bytes) -> bool:
    try:
        statement = Statement.parse(data)
    except InvalidDocument:
        return False
    assert Statement.parse(statement.encode()) == statement
    return True


def _simple(data: bytes) -> bool:
    try:
        payload = Payload.parse(data)
    except InvalidDocument:
        return False
    assert Payload.parse(payload.encode()).digest == payload.digest
    return True


TARGET = Target(
    "bundle",
    beginning=(_STATEMENT, _SIMPLE, _BUNDLE, _CERTIFIED, *_defective()),
    check=check,
    words=(
        b'"certificate":{"rawBytes":"AA=="},',
        b'"tlogEntries":[{}],',
        b'"publicKey":{"hint":""},',
        b'"keyid":"",',
        b'"rfc3161Timestamps":[{"signedTimestamp":"AA=="}]',
        b'"inclusionProof":{},',
        b"====",
        b"-_",
        b"\\ud800",
    ),
    mutate=json_mutated,
)

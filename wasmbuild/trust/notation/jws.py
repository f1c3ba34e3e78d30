"""JWS: an envelope as flattened JSON (RFC 7515; Notary Project, "JWS Signature Envelope")."""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from registry.errors import InvalidDocument
from registry.strictjson import canonical_json, load_json
from wasmbuild.trust.encoding import from_base64, to_base64
from wasmbuild.trust.notation.envelope import (
    AGENT,
    ALGORITHM,
    CONTENT_TYPE,
    CRITICAL,
    EXPIRY,
    SCHEME,
    SIGNING_TIME,
    X509,
    Envelope,
    read_chain_header,
    read_terms,
    read_timestamp_header,
)
from wasmbuild.trust.proof import Terms
from wasmbuild.trust.statement import NOTARY_SIGN

__all__ = ["encode", "parse", "to_be_signed"]

_CHAIN = "x5c"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def parse(data: bytes) -> Envelope:
    """Read an envelope of exactly one signature. Raises InvalidDocument and Rejected."""
    value = load_json(data, "the envelope")
    if not isinstance(value, dict) or value.keys() != {"payload", "protected", "header", "signature"}:
        raise InvalidDocument("the envelope does not have payload, protected, header and signature alone")
    protected = load_json(_decoded(value["protected"]), "the protected header")
    header = value["header"]
    if not isinstance(protected, dict) or not isinstance(header, dict):
        raise InvalidDocument("a header of the envelope is not an object")
    if protected.keys() & header.keys():
        raise InvalidDocument("a header of the envelope is there twice")
    algorithm = protected.get(ALGORITHM)
    if not isinstance(algorithm, str):
        raise InvalidDocument("the envelope does not name an algorithm")
    return Envelope(
        payload=_decoded(value["payload"]),
        message=f"{value['protected']}.{value['payload']}".encode("ascii"),
        signature=_decoded(value["signature"]),
        algorithm=algorithm,
        terms=read_terms(protected, _time),
        chain=read_chain_header(header.get(_CHAIN), from_base64),
        timestamp=read_timestamp_header(header, from_base64),
    )


def to_be_signed(payload: bytes, algorithm: str, terms: Terms) -> bytes:
    """What is signed for a payload, under the scheme of certificates."""
    critical = [SCHEME]
    headers: dict[str, Any] = {ALGORITHM: algorithm, CRITICAL: critical, CONTENT_TYPE: NOTARY_SIGN}
    if terms.expires_at is not None:
        critical.append(EXPIRY)
        headers[EXPIRY] = _text(terms.expires_at)
    protected = canonical_json({**headers, SCHEME: X509, SIGNING_TIME: _text(terms.signed_at)})
    return f"{_encoded(protected)}.{_encoded(payload)}".encode("ascii")


def encode(message: bytes, signature: bytes, chain: Sequence[bytes], agent: str) -> bytes:
    """The envelope of what :func:`to_be_signed` gave."""
    protected, _, payload = message.decode("ascii").partition(".")
    header: dict[str, Any] = {_CHAIN: [to_base64(each) for each in chain], AGENT: agent}
    return canonical_json(
        {"payload": payload, "protected": protected, "header": header, "signature": _encoded(signature)}
    )


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(value: Any) -> datetime:  # noqa: ANN401  (JSON, read here)
    """A time of RFC 3339 in whole seconds."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise InvalidDocument("a time in the envelope is malformed")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidDocument("a time in the envelope is malformed") from error


def _encoded(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: Any) -> bytes:  # noqa: ANN401  (JSON, read here)
    """The bytes behind it; there is one way to write any."""
    if isinstance(text, str) and text.isascii():
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if data and _encoded(data) == text:
            return data
    raise InvalidDocument("a part of the envelope is not base64url")

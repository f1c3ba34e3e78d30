"""COSE: an envelope as a tagged COSE_Sign1 (RFC 9052; Notary Project, "COSE Signature Envelope").

One way to write any value is read: an envelope that would be encoded otherwise, with a key twice or
with an unknown length, is refused, since two readers could read it in two ways.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from registry.errors import InvalidDocument
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

_SIGN1 = b"\xd2"
"""How an envelope begins: with tag 18."""

_NAMES = {1: ALGORITHM, 2: CRITICAL, 3: CONTENT_TYPE}
_LABELS = {name: label for label, name in _NAMES.items()}
_CHAIN = 33
_ALGORITHMS = {-7: "ES256", -35: "ES384", -36: "ES512", -37: "PS256", -38: "PS384", -39: "PS512"}
_NUMBERS = {name: number for number, name in _ALGORITHMS.items()}
_CONTEXT = "Signature1"


def parse(data: bytes) -> Envelope:
    """Read an envelope. Raises InvalidDocument and Rejected."""
    if not data.startswith(_SIGN1):
        raise InvalidDocument("the envelope is not a COSE_Sign1")
    parts = _loaded(data.removeprefix(_SIGN1))
    if not isinstance(parts, list) or [type(part) for part in parts] != [bytes, dict, bytes, bytes]:
        raise InvalidDocument("the envelope does not have headers, a payload and a signature")
    encoded, unprotected, payload, signature = parts
    protected = _loaded(encoded)
    if not isinstance(protected, dict) or protected.keys() & unprotected.keys():
        raise InvalidDocument("the envelope's headers are malformed, or there twice")
    if any(type(label) not in (int, str) for label in (*protected, *unprotected)):  # 1.0 and True are found as 1
        raise InvalidDocument("a header of the envelope is called neither by a number nor by a text")
    algorithm = protected.get(_LABELS[ALGORITHM])
    if type(algorithm) is not int or algorithm not in _ALGORITHMS:
        raise InvalidDocument("the envelope does not name an algorithm that is known")
    return Envelope(
        payload=payload,
        message=_structure(encoded, payload),
        signature=signature,
        algorithm=_ALGORITHMS[algorithm],
        terms=read_terms(_named(protected), _time),
        chain=read_chain_header(unprotected.get(_CHAIN), _bytes),
        timestamp=read_timestamp_header(unprotected, _bytes),
    )


def to_be_signed(payload: bytes, algorithm: str, terms: Terms) -> bytes:
    """What is signed for a payload, under the scheme of certificates."""
    critical = [SCHEME]
    headers: dict[int | str, Any] = {_LABELS[ALGORITHM]: _NUMBERS[algorithm], _LABELS[CRITICAL]: critical}
    if terms.expires_at is not None:
        critical.append(EXPIRY)
        headers[EXPIRY] = terms.expires_at
    headers |= {_LABELS[CONTENT_TYPE]: NOTARY_SIGN, SCHEME: X509, SIGNING_TIME: terms.signed_at}
    return _structure(_dumped(headers, canonical=True), payload)


def encode(message: bytes, signature: bytes, chain: Sequence[bytes], agent: str) -> bytes:
    """The envelope of what :func:`to_be_signed` gave."""
    _, protected, _, payload = _loaded(message)
    unprotected = {_CHAIN: list(chain), AGENT: agent}
    return _SIGN1 + _dumped([protected, unprotected, payload, signature], canonical=True)


def _structure(protected: bytes, payload: bytes) -> bytes:
    """``Sig_structure`` (RFC 9052, section 4.4), without external data."""
    return _dumped([_CONTEXT, protected, b"", payload])


def _named(protected: dict[Any, Any]) -> dict[str, Any]:
    """Headers by the names that they have in both encodings; those with other labels are not known."""
    named = {_NAMES.get(label, label) if type(label) is int else label: value for label, value in protected.items()}
    return {name: value for name, value in named.items() if isinstance(name, str)}


def _time(value: Any) -> datetime:  # noqa: ANN401  (CBOR, read here)
    """A time of tag 1 in whole seconds; what has another tag or is a fraction, is not encoded as it would be."""
    if not isinstance(value, datetime):
        raise InvalidDocument("a time in the envelope is malformed")
    return value.astimezone(UTC)


def _bytes(value: Any) -> bytes:  # noqa: ANN401  (CBOR, read here)
    if not isinstance(value, bytes):
        raise ValueError("it is not a byte string")  # noqa: TRY004  (a malformed document, not a wrong call)
    return value


def _loaded(data: bytes) -> Any:  # noqa: ANN401  (CBOR)
    import cbor2  # noqa: PLC0415  (who verifies with a key needs none)

    try:
        value = cbor2.loads(data)
        if _dumped(value) == data:
            return value
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidDocument("the envelope is not CBOR", cause=str(error)[:200]) from error
    raise InvalidDocument("the envelope is not encoded in the one way that is read")


def _dumped(value: Any, *, canonical: bool = False) -> bytes:  # noqa: ANN401  (CBOR)
    import cbor2  # noqa: PLC0415  (see above)

    return cbor2.dumps(value, canonical=canonical, datetime_as_timestamp=True, timezone=UTC)

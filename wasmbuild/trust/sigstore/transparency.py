"""Transparency: that a signature is in a public log, by the word of the log (Rekor, versions 1 and 2).

A log says so in two ways: a proof of inclusion under a signed checkpoint, and a promise (the "signed
entry timestamp", version 1 only), which is the one that dates the entry. What is there is checked, and
one of them must be. What an entry must say is in ``entries``, how trees are hashed in ``merkle``.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.strictjson import canonical_json
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.proof import Proof, Rejected
from wasmbuild.trust.sigstore.entries import check_entry
from wasmbuild.trust.sigstore.merkle import Checkpoint, root_of

if TYPE_CHECKING:
    from wasmbuild.trust.sigstore.trusted_root import Log

__all__ = ["Logged", "check_log_entry"]

_V1 = frozenset({("hashedrekord", "0.0.1"), ("dsse", "0.0.1"), ("intoto", "0.0.2")})
"""The kinds of Rekor's first version, whose checkpoints have another count than its entries."""

_MAX_BODY = 8 * 1024 * 1024
_MAX_NUMBER = 2**63 - 1
_FIELDS = frozenset(
    {"logIndex", "logId", "kindVersion", "integratedTime", "inclusionPromise", "inclusionProof", "canonicalizedBody"}
)


@dataclass(frozen=True, slots=True)
class Logged:
    """A log that has a signature; ``at`` is the time that it has promised, if it did."""

    log: "Log"
    at: datetime | None


def check_log_entry(entry: Mapping[str, Any], proof: Proof, key: PublicKey, logs: "Mapping[bytes, Log]") -> Logged:
    """See that a log which is trusted has the signature of a proof, made with ``key``. Raises Rejected."""
    try:
        return _check(entry, proof, key, logs)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise Rejected("a log entry is malformed") from error


def _check(entry: Mapping[str, Any], proof: Proof, key: PublicKey, logs: "Mapping[bytes, Log]") -> Logged:
    if not entry.keys() <= _FIELDS:
        raise Rejected("a log entry has fields that are not known")
    log = logs.get(from_base64(entry["logId"]["keyId"]))
    if log is None:
        raise Rejected("a log entry is of a log that is not trusted")
    kind = (entry["kindVersion"]["kind"], entry["kindVersion"]["version"])
    body = from_base64(entry["canonicalizedBody"])
    if len(body) > _MAX_BODY:
        raise Rejected(f"a log entry is larger than {_MAX_BODY} bytes")
    check_entry(body, *kind, proof, key)
    promised = entry.get("inclusionPromise")
    included = entry.get("inclusionProof")
    if promised is None and included is None:
        raise Rejected("a log entry proves nothing")
    if included is not None:
        _check_included(included, body, log, None if kind in _V1 else _number(entry.get("logIndex", 0)))
    if promised is None:
        return Logged(log, None)
    if kind not in _V1:
        raise Rejected("a log entry has a promise that its kind does not have")
    return Logged(log, _promised(promised, entry, log))


def _check_included(included: Mapping[str, Any], body: bytes, log: "Log", expected: int | None) -> None:
    """That the entry is in the tree of a checkpoint that the log has signed; at ``expected``, unless that is None."""
    index, size = _number(included.get("logIndex", 0)), _number(included["treeSize"])
    if expected is not None and index != expected:
        raise Rejected("a log entry is at another place than its proof")
    hashes = included.get("hashes") or []
    if not isinstance(hashes, list):
        raise Rejected("a proof of inclusion is malformed")
    root = root_of(body, index, size, tuple(map(from_base64, hashes[: 64 + 1])))
    if not hmac.compare_digest(root, from_base64(included["rootHash"])):
        raise Rejected("a log entry is not in the log that its proof is of")
    checkpoint = Checkpoint.parse(_text(included["checkpoint"]["envelope"]))
    if (checkpoint.size, checkpoint.root) != (size, root):
        raise Rejected("a checkpoint is of another log than the proof")
    if not checkpoint.is_signed_by(log.key, log.id):
        raise Rejected("a checkpoint is not signed by its log")


def _promised(promise: Mapping[str, Any], entry: Mapping[str, Any], log: "Log") -> datetime:
    """The time that a log has promised (Rekor's "signed entry timestamp", over RFC 8785 JSON)."""
    since = _number(entry["integratedTime"])
    signed = canonical_json(
        {
            "body": entry["canonicalizedBody"],
            "integratedTime": since,
            "logID": log.id.hex(),
            "logIndex": _number(entry.get("logIndex", 0)),
        }
    )
    if not log.key.verify(from_base64(promise["signedEntryTimestamp"]), signed):
        raise Rejected("the promise of a log is not signed by it")
    moment = datetime.fromtimestamp(since, UTC)
    if not log.window.holds(moment):
        raise Rejected("a log was not trusted when it made an entry")
    return moment


def _number(value: Any) -> int:  # noqa: ANN401  (JSON, read here)
    """A number as protobuf's JSON has it: in a text, or bare. Raises ValueError."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_NUMBER:
        raise ValueError("it is not a number")
    return value


def _text(value: Any) -> str:  # noqa: ANN401  (JSON, read here)
    if not isinstance(value, str):
        raise ValueError("it is not a text")  # noqa: TRY004  (a malformed document, not a wrong call)
    return value

"""What cosign 2 keeps in annotations beside a signature: an entry of the log, and a timestamp.

They say the same as a bundle does, and are turned into the same words; nothing of them is trusted here.
"""

from collections.abc import Mapping
from typing import Any

from registry.errors import InvalidDocument
from registry.strictjson import load_json
from wasmbuild.trust.encoding import from_base64, to_base64

__all__ = ["LOGGED", "TIMESTAMPED", "annotated_log_entries", "annotated_timestamps"]

LOGGED = "dev.sigstore.cosign/bundle"
"""The annotation with an entry of the log and the log's promise, as JSON (cosign ``SIGNATURE_SPEC``)."""

TIMESTAMPED = "dev.sigstore.cosign/rfc3161timestamp"
"""The annotation with an RFC 3161 response, as JSON."""

_MAX_TEXT = 1024 * 1024


def annotated_log_entries(annotations: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """The entries that annotations hold, as a bundle would hold them: none, or one.

    Raises InvalidDocument.
    """
    if LOGGED not in annotations:
        return ()
    try:
        value = _object(annotations[LOGGED])
        said = value["Payload"]
        body = load_json(from_base64(said["body"]), "the log entry")
        entry = {
            "logIndex": said["logIndex"],
            "logId": {"keyId": to_base64(bytes.fromhex(said["logID"]))},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": said["integratedTime"],
            "inclusionPromise": {"signedEntryTimestamp": value["SignedEntryTimestamp"]},
            "canonicalizedBody": said["body"],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidDocument("the log entry in an annotation is malformed") from error
    return (entry,)


def annotated_timestamps(annotations: Mapping[str, str]) -> tuple[bytes, ...]:
    """The RFC 3161 responses that annotations hold: none, or one.

    Raises InvalidDocument.
    """
    if TIMESTAMPED not in annotations:
        return ()
    try:
        return (from_base64(_object(annotations[TIMESTAMPED])["SignedRFC3161Timestamp"]),)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidDocument("the timestamp in an annotation is malformed") from error


def _object(text: str) -> Any:  # noqa: ANN401  (JSON, read here)
    if len(text) > _MAX_TEXT:
        raise InvalidDocument("an annotation is too long")
    return load_json(text.encode(), "the annotation")

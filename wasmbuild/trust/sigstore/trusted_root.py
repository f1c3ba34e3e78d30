"""TrustedRoot: the file that says which authorities and logs are trusted, and when (protobuf-specs ``trustroot``).

Where it comes from is the caller's business; whoever may write it may sign as anybody. Keys of kinds
that are not known are passed over, so that nothing which they sign counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from registry.errors import InvalidDocument
from registry.strictjson import load_json
from wasmbuild.errors import InvalidKey
from wasmbuild.trust.algorithms import Algorithm
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.sigstore.certificates import parse_certificate
from wasmbuild.trust.sigstore.windows import Window

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["MAX_TRUSTED_ROOT", "CertificateAuthority", "Log", "TrustedRoot"]

MAX_TRUSTED_ROOT = 1024 * 1024
"""Bytes of a trusted root that we read."""

_MEDIA_TYPES = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)
_KINDS = {
    "PKIX_ECDSA_P256_SHA_256": Algorithm.P256,
    "PKIX_ECDSA_P384_SHA_384": Algorithm.P384,
    "PKIX_ECDSA_P521_SHA_512": Algorithm.P521,
    "PKIX_ED25519": Algorithm.ED25519,
    "PKIX_RSA_PKCS1V15_2048_SHA256": Algorithm.RSA,
    "PKIX_RSA_PKCS1V15_3072_SHA256": Algorithm.RSA,
    "PKIX_RSA_PKCS1V15_4096_SHA256": Algorithm.RSA,
}
_MAX_LISTED = 100
_MAX_CHAIN = 10

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency log, of signatures or of certificates; ``id`` is what its entries call it."""

    id: bytes
    key: PublicKey
    window: Window


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A chain, from below to its root, and when it is trusted: of Fulcio, or of a timestamp authority."""

    chain: "tuple[Certificate, ...]"
    window: Window


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """Everybody who is trusted."""

    logs: Mapping[bytes, Log]
    certificate_logs: Mapping[bytes, Log]
    authorities: tuple[CertificateAuthority, ...]
    timestamp_authorities: tuple[CertificateAuthority, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a trusted root of version 0.1 or 0.2.

        Raises InvalidDocument.
        """
        if len(data) > MAX_TRUSTED_ROOT:
            raise InvalidDocument(f"the trusted root is larger than {MAX_TRUSTED_ROOT} bytes")
        value = load_json(data, "the trusted root")
        if not isinstance(value, dict) or value.get("mediaType") not in _MEDIA_TYPES:
            raise InvalidDocument("the file is not a trusted root of version 0.1 or 0.2")
        try:
            return cls(
                _by_id(_listed(value, "tlogs", _log)),
                _by_id(_listed(value, "ctlogs", _log)),
                tuple(_listed(value, "certificateAuthorities", _authority)),
                tuple(_listed(value, "timestampAuthorities", _authority)),
            )
        except (ValueError, TypeError, KeyError, AttributeError, Rejected) as error:
            raise InvalidDocument("the trusted root is malformed", cause=str(error)[:200]) from error


def _listed(value: Mapping[str, Any], name: str, make: "Callable[[Any], _Made | None]") -> list[_Made]:
    entries = value.get(name) or []
    if not isinstance(entries, list) or len(entries) > _MAX_LISTED:
        raise ValueError(f"{name} is not a list of at most {_MAX_LISTED}")
    return [made for made in map(make, entries) if made is not None]


def _by_id(logs: Sequence[Log]) -> dict[bytes, Log]:
    found = {log.id: log for log in logs}
    if len(found) != len(logs):
        raise ValueError("two logs have the same id")
    return found


def _log(value: Any) -> Log | None:  # noqa: ANN401  (JSON, read here)
    """A log, or None for one whose key is of a kind that is not known."""
    key = value["publicKey"]
    kind = _KINDS.get(key.get("keyDetails", ""))
    if kind is None or value.get("hashAlgorithm", "SHA2_256") != "SHA2_256":
        return None
    try:
        loaded = PublicKey.of(serialization.load_der_public_key(from_base64(key["rawBytes"])))
    except (UnsupportedAlgorithm, InvalidKey):
        return None
    if loaded.algorithm is not kind:
        raise ValueError("a log has a key of another kind than it says")
    return Log(from_base64(value["logId"]["keyId"]), loaded, _window(key.get("validFor")))


def _authority(value: Any) -> CertificateAuthority:  # noqa: ANN401  (JSON, read here)
    listed = value["certChain"]["certificates"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MAX_CHAIN:
        raise ValueError(f"an authority does not have 1 to {_MAX_CHAIN} certificates")
    chain = tuple(parse_certificate(from_base64(each["rawBytes"])) for each in listed)
    return CertificateAuthority(chain, _window(value.get("validFor")))


def _window(value: Any) -> Window:  # noqa: ANN401  (JSON, read here)
    return Window(*(_moment((value or {}).get(name)) for name in ("start", "end")))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time has no zone")
    return moment

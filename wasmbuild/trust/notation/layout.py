"""Layout: how a registry keeps an envelope, as a manifest whose subject is what is signed.

What is written is what released versions of notation write: the config's media type says what it is,
and there is no artifact type. What is read is that, and what the specification recommends since.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from registry.digest import Digest
from registry.model import CREATED, EMPTY_BYTES, OCI_EMPTY, Descriptor, Manifest, describe
from wasmbuild.trust.referrer import Referrer

__all__ = ["NOTARY_SIGNATURE", "attach_envelope", "is_signature"]

NOTARY_SIGNATURE = "application/vnd.cncf.notary.signature"
"""What a referrers list calls it."""

_THUMBPRINTS = "io.cncf.notary.x509chain.thumbprint#S256"


def is_signature(manifest: Manifest) -> bool:
    """Whether a manifest is laid out in one of the two ways, and not in a mixture of them."""
    by_config = manifest.config.media_type == NOTARY_SIGNATURE and manifest.artifact_type is None
    by_type = manifest.config.media_type == OCI_EMPTY and manifest.artifact_type == NOTARY_SIGNATURE
    return by_config or by_type


def attach_envelope(
    envelope: bytes, media_type: str, subject: Descriptor, chain: Sequence[bytes], signed_at: datetime
) -> Referrer:
    """The referrer that holds an envelope; ``chain`` is its certificates in DER."""
    layer = describe(media_type, envelope)
    thumbprints = [hashlib.sha256(each).hexdigest() for each in chain]
    manifest = Manifest(
        config=Descriptor(NOTARY_SIGNATURE, Digest.of(EMPTY_BYTES, "sha256"), len(EMPTY_BYTES)),
        layers=(layer,),
        subject=subject.plain(),
        annotations={
            _THUMBPRINTS: json.dumps(thumbprints, separators=(",", ":")),
            CREATED: f"{signed_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        },
    )
    data = manifest.encode()
    return Referrer(describe(manifest.media_type, data), data, layer, envelope)

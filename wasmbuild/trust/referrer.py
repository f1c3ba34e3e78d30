"""Referrer: a bundle in a registry, as a manifest whose subject is the artifact it speaks of.

The layout is cosign 3's ("sigstore bundle as OCI 1.1 referrer"). Reading them back is ``discovery``'s.
"""

import io
from dataclasses import dataclass, replace
from functools import partial

from registry.content import Pusher
from registry.model import CREATED, EMPTY, EMPTY_BYTES, Descriptor, Manifest, describe

__all__ = ["PREDICATE_TYPE", "Referrer", "attach"]

PREDICATE_TYPE = "dev.sigstore.bundle.predicateType"
"""The annotation that says what kind of statement is in the bundle: a hint, and not signed."""

_CONTENT = "dev.sigstore.bundle.content"


@dataclass(frozen=True, slots=True)
class Referrer:
    """A manifest and the bundle in it, ready to be pushed."""

    manifest: Descriptor
    manifest_bytes: bytes
    bundle: Descriptor
    bundle_bytes: bytes

    def push_to(self, store: Pusher) -> Descriptor:
        """Put the empty config, the bundle and the manifest into a store; returns the manifest's descriptor.

        Raises what the store raises.
        """
        store.push(EMPTY, partial(io.BytesIO, EMPTY_BYTES))
        store.push(self.bundle, partial(io.BytesIO, self.bundle_bytes))
        store.push(self.manifest, partial(io.BytesIO, self.manifest_bytes))
        return self.manifest


def attach(bundle: bytes, subject: Descriptor, predicate_type: str, created: str) -> Referrer:
    """The referrer that holds a bundle; ``created`` is RFC 3339."""
    from wasmbuild.trust.bundle import BUNDLE  # noqa: PLC0415  (what is unsigned needs none of it)

    layer = describe(BUNDLE, bundle)
    manifest = Manifest(
        config=replace(EMPTY, artifact_type=BUNDLE),  # redundant, and what "cosign clean" looks at
        layers=(layer,),
        artifact_type=BUNDLE,
        subject=subject.plain(),
        annotations={CREATED: created, _CONTENT: "dsse-envelope", PREDICATE_TYPE: predicate_type},
    )
    data = manifest.encode()
    return Referrer(describe(manifest.media_type, data), data, layer, bundle)

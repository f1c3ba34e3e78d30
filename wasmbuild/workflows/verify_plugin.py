"""What an image verifier of containerd is asked: whether a digest may be pulled under a name (``docs/admission.md``).

The interface is containerd's ``io.containerd.image-verifier.v1.bindir`` (``docs/image-verification.md`` there).
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.digest import Digest
from registry.model import Descriptor
from registry.reference import Reference
from registry.strictjson import load_json
from registry.words import printable
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink
from wasmbuild.workflows.demand import Demand
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.evidence import Evidence

__all__ = ["MAX_DESCRIPTOR", "Asked", "verify_asked"]

MAX_DESCRIPTOR = 64 * 1024
"""Bytes of the descriptor on stdin."""

_DESCRIPTOR = "application/vnd.oci.descriptor.v1+json"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is about to be pulled: under which name, and as what it is described."""

    reference: Reference
    descriptor: Descriptor

    @classmethod
    def parse(cls, name: str, digest: str, media_type: str, data: bytes) -> "Asked":
        """Read the arguments and stdin; all of them must speak of one digest.

        Raises UsageFailed, InvalidReference, InvalidDigest, InvalidDocument.
        """
        if media_type != _DESCRIPTOR:
            raise UsageFailed(f"stdin is of the type {printable(media_type, 100)}, and not {_DESCRIPTOR}")
        if len(data) > MAX_DESCRIPTOR:
            raise UsageFailed(f"the descriptor on stdin is larger than {MAX_DESCRIPTOR} bytes")
        wanted, reference = Digest.parse(digest), Reference.parse(name)
        descriptor = Descriptor.from_json(load_json(data, "the descriptor on stdin"))
        if descriptor.digest != wanted:
            raise UsageFailed(f"{wanted} is asked about, and {descriptor.digest} is described")
        if reference.digest not in (None, wanted):
            raise UsageFailed(f"{wanted} is asked about, and {reference.digest} is in its name")
        # The digest is asked for in any case; what a tag must mean is judged where there is one.
        return cls(replace(reference, digest=None) if reference.tag else reference, descriptor)


def verify_asked(asked: Asked, demand: Demand, *, registries: Registries, sink: Sink) -> "Evidence":
    """Insist that exactly what is described fulfils a demand, whatever its name means by now.

    Raises what the demand raises, UsageFailed for a wrong size or media type, and what the client raises.
    """
    there = Remote.resolve(asked.reference.pinned(asked.descriptor.digest), registries)
    if there.descriptor.plain() != asked.descriptor.plain():
        raise UsageFailed(
            f"{there.pinned} is described as something else than it is",
            cause=f"it has {there.descriptor.size} bytes of {there.descriptor.media_type}",
        )
    return demand.check(Remote(asked.reference, there.repository, there.descriptor), sink)

"""Before tags are set: whoever decides about them is asked, and what it refuses is told."""

from dataclasses import replace

from registry.admission import NOT_ADMITTED
from registry.model import Descriptor
from registry.server.access.gate import Permit
from registry.server.admission.asking import Asking
from registry.server.changes import Change
from registry.server.refusal import Refusal
from registry.server.services import Services

__all__ = ["ask_about_tags"]


async def ask_about_tags(
    services: Services,
    admission: Asking,
    permit: Permit,
    tags: tuple[str, tuple[str, ...]],
    descriptor: Descriptor,
    content: bytes,
) -> None:
    """Go on only when tags, of which the repository comes first, may mean a manifest, whose bytes are ``content``.

    Raises Refusal (403), after the audit log was told; OSError as ``Asking`` does.
    """
    repository, names = tags
    reason = await admission.reason_against(repository, names, descriptor, content)
    if reason is None:
        return
    for name in names:
        refused = Change("tag-refused", repository, str(descriptor.digest), tag=name, reason=reason)
        services.observing.refused(replace(refused, principal=permit.principal))
    raise Refusal(403, "DENIED", f"{NOT_ADMITTED}{reason}", details=names)

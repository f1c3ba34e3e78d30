"""``copy``: an artifact from one place to another, as it is, with what refers to it if that is wanted."""

from dataclasses import dataclass
from typing import Any

from registry.client.registries import Registries
from registry.copying import CopyReport, copy, copy_with_referrers
from registry.model import Descriptor
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink
from wasmbuild.workflows.places import Place
from wasmbuild.workflows.remote import counted, observed

__all__ = ["Copied", "copy_artifact"]


@dataclass(frozen=True, slots=True)
class Copied:
    """An artifact that is in a second place now."""

    reference: str
    descriptor: Descriptor
    tag: str | None
    report: CopyReport

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            "reference": self.reference,
            "descriptor": self.descriptor.to_json(),
            "tags": [self.tag] if self.tag else [],
            "copied": counted(self.report),
        }


def copy_artifact(source: str, destination: str, *, recursive: bool, registries: Registries, sink: Sink) -> Copied:
    """Copy what ``source`` means to ``destination``; the tag is set last.

    A destination without a tag takes the source's. Raises UsageFailed for a destination with a
    digest, which the content decides.
    """
    have, want = Place.source(source, registries), Place.destination(destination, registries)
    if want.digest is not None:
        raise UsageFailed(f"{destination} names a digest, and the content decides it")
    descriptor = have.resolve()
    move = copy_with_referrers if recursive else copy
    concurrency = registries.settings.concurrency
    report = move(have.store, want.store, descriptor, hooks=observed(sink), concurrency=concurrency)
    tag = want.tag or have.tag
    if tag is not None:
        want.store.tag(descriptor, tag)
    return Copied(want.pinned(descriptor), descriptor, tag, report)

"""``attach``: files beside an artifact, as a manifest whose ``subject`` it is (image-spec 1.1, manifest.md).

What the files are is the caller's to say. The manifest depends on nothing but that, the subject and
SOURCE_DATE_EPOCH, so that doing it again gives the same one.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from registry.client.registries import Registries
from registry.content import Store
from registry.copying import copy
from registry.graph import push_bytes
from registry.model import CREATED, EMPTY, EMPTY_BYTES, MAX_MANIFEST, OCTETS, TITLE, Descriptor, Manifest, describe
from wasmbuild.created import creation_time
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink
from wasmbuild.workflows.files import Contents, FileContent, described, steady
from wasmbuild.workflows.places import Name, changing
from wasmbuild.workflows.remote import observed

__all__ = ["Attached", "NamedFile", "attach_files"]

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = re.compile(rf"{_NAME}/{_NAME}")
"""A type and a subtype without parameters (RFC 6838, section 4.2)."""


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file to attach, and of which media type it is said to be."""

    path: Path
    media_type: str = OCTETS

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``FILE`` or ``FILE:TYPE/SUBTYPE``; what follows the last colon is a type only if it looks like one."""
        path, colon, media_type = text.rpartition(":")
        if colon and path and _MEDIA_TYPE.fullmatch(media_type):
            return cls(Path(path), media_type)
        return cls(Path(text))


@dataclass(frozen=True, slots=True)
class Attached:
    """A manifest that refers to its subject; ``added`` is False when it was there before."""

    reference: str
    descriptor: Descriptor
    subject: str
    manifest: Manifest
    added: bool

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            "reference": self.reference,
            "descriptor": self.descriptor.to_json(),
            "subject": self.subject,
            "artifactType": self.manifest.artifact_type,
            "layers": [layer.to_json() for layer in self.manifest.layers],
            "added": self.added,
        }


def attach_files(
    subject: str,
    files: Sequence[NamedFile],
    *,
    artifact_type: str,
    annotations: Mapping[str, str],
    registries: Registries,
    sink: Sink,
    environment: Mapping[str, str],
) -> Attached:
    """Put files beside what ``subject`` means, unless they are there.

    Raises UsageFailed for an artifact type that is no media type, and for files that cannot be
    attached; DigestMismatch or SizeMismatch when one changes meanwhile.
    """
    if not _MEDIA_TYPE.fullmatch(artifact_type):
        raise UsageFailed(
            f"{artifact_type!r} is not an artifact type", cause="it must be a media type", hint="application/spdx+json"
        )
    created = creation_time(environment)
    contents = _described(files)
    with changing(Name.parse(subject), registries) as place:
        referred = place.resolve()
        manifest = Manifest(
            config=EMPTY,
            layers=tuple(content.descriptor for content in contents),
            artifact_type=artifact_type,
            subject=referred.plain(),
            annotations={CREATED: created, **annotations},
        )
        added, descriptor = _add(place.store, manifest, contents, sink)
    if not added:
        sink(Note("info", f"this is attached to {place.pinned(referred)} already"))
    return Attached(place.pinned(descriptor), descriptor, place.pinned(referred), manifest, added)


def _described(files: Sequence[NamedFile]) -> list[FileContent]:
    titles: dict[str, Path] = {}
    contents = []
    for file in files:
        title = file.path.name
        _check_title(title)
        if title in titles:
            raise UsageFailed(f"two files are called {title}", cause=f"{titles[title]} and {file.path}")
        titles[title] = file.path
        contents.append(described(file.path, file.media_type, annotations={TITLE: title}))
    return contents


def _add(store: Store, manifest: Manifest, contents: Sequence[FileContent], sink: Sink) -> tuple[bool, Descriptor]:
    """Whether the manifest is new, and its descriptor."""
    data = manifest.encode()
    descriptor = describe(manifest.media_type, data)
    if len(data) > MAX_MANIFEST:
        raise UsageFailed("there are too many files or annotations", cause=f"a manifest of {len(data)} bytes")
    if not store.exists(descriptor):
        openers = {content.descriptor.digest: content.opener for content in contents}
        openers |= {EMPTY.digest: partial(io.BytesIO, EMPTY_BYTES), descriptor.digest: partial(io.BytesIO, data)}
        with steady():
            copy(Contents(openers), store, descriptor, hooks=observed(sink))
        return True, descriptor
    assert manifest.subject is not None
    if any(entry.digest == descriptor.digest for entry in store.referrers(manifest.subject)):
        return False, descriptor
    push_bytes(store, descriptor, data)  # an earlier run may have ended before it was listed
    return True, descriptor


def _check_title(title: str) -> None:
    try:
        title.encode()
    except UnicodeEncodeError as error:
        raise UsageFailed(
            f"the file name {title!r} is not text", cause="a title is UTF-8", hint="rename the file"
        ) from error

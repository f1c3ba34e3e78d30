"""Pushing images: in place of an artifact, or beside it under tags of their own, with the artifact as their subject.

An image beside is never in an index with the artifact: what takes artifacts reads no index, and what takes images
finds no platform of its own in one. Not here: what an image is (``wasmbuild.image``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from registry.client.together import MOST_MOVES, TagMove, supports_together, tag_together
from registry.copying import on_side
from registry.errors import ContentNotFound
from registry.files import storage_errors
from registry.graph import read_document
from registry.model import Manifest
from registry.reference import Reference, valid_tag
from registry.words import pasted
from wasmbuild.artifact import Packed
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink, step
from wasmbuild.image.names import IMAGE_CONFIG, ImageForm
from wasmbuild.workflows.places import checked_tags
from wasmbuild.workflows.push import Destination, Pushed, stage
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.candidate import SignatureKind
    from wasmbuild.trust.signer import Signatory
    from wasmbuild.workflows.companions import Companion

__all__ = ["Image", "ImageWish", "Outgoing", "PushedTogether", "outgoing", "push_together"]

_SUFFIXES: Mapping[ImageForm, str] = {"compat": "-image", "shim": "-shim"}
"""What follows a tag; of a version it makes a pre-release, which no range of versions takes by itself."""


@dataclass(frozen=True, slots=True)
class ImageWish:
    """The forms that a person wants; ``beside`` the artifact, or one of them in its place."""

    forms: tuple[ImageForm, ...]
    beside: bool


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is to be pushed, and where."""

    form: ImageForm
    packed: Packed
    destination: Destination


@dataclass(frozen=True, slots=True)
class PushedTogether:
    """An artifact that was pushed, and the images beside it, each with its form."""

    artifact: Pushed
    beside: tuple[tuple[ImageForm, Pushed], ...]

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.artifact.reference

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        images = [{"form": form, **pushed.to_json()} for form, pushed in self.beside]
        return {**self.artifact.to_json(), "images": images}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a push brings: ``main``, the artifact or an image of it, gets the tags; ``beside`` are more images."""

    artifact: Packed
    main: Packed
    beside: tuple[Image, ...] = ()

    @property
    def described(self) -> Packed:
        """Of which manifest, and of which file, all is said that is attached: the file is that of the artifact."""
        return replace(self.artifact, manifest=self.main.manifest)


def push_together(  # noqa: PLR0913 - each of them is a choice of the caller's
    artifact: Packed,
    destination: Destination,
    *,
    images: Sequence[Image],
    key: "Signatory | None",
    kinds: "tuple[SignatureKind, ...] | None" = None,
    companions: "Callable[[], tuple[Companion, ...]]" = tuple,
    sink: Sink,
    environment: Mapping[str, str],
    concurrency: int = 4,
) -> PushedTogether:
    """Push an artifact, its companions, and images of it, each signed when there is a key; then the tags of all.

    The tags are set together where the registry can, or else the images' first: who sees the artifact's finds them.
    Raises as ``push.stage``, and UsageFailed where a tag that an image would get means something else than an image.
    """
    repository, asked = destination.repository, destination.reference
    with on_side("destination"):
        for each in images:
            _check_free(each)
    put = partial(stage, key=key, kinds=kinds, sink=sink, environment=environment, concurrency=concurrency)
    main = put(artifact, Remote(asked, repository, artifact.manifest), companions=companions)
    beside = [(each, put(each.packed, Remote(asked, repository, each.packed.manifest))) for each in images]
    for _, pushed in beside:
        sink(Note("info", f"the image is {pushed.reference}"))
    _tag([*((pushed, image.destination) for image, pushed in beside), (main, destination)], sink)
    return PushedTogether(
        replace(main, tags=destination.tags),
        tuple((image.form, replace(pushed, tags=image.destination.tags)) for image, pushed in beside),
    )


def _check_free(image: Image) -> None:
    """Insist that the tags, which nobody has written out, are free or mean images. Raises UsageFailed."""
    repository, name = image.destination.repository, image.destination.reference.name
    for tag in image.destination.tags:
        try:
            there = repository.resolve(tag)
        except ContentNotFound:
            continue
        document = read_document(repository, there)[1]
        if not isinstance(document, Manifest) or document.config.media_type != IMAGE_CONFIG:
            raise UsageFailed(
                f"{name}:{tag} would be the tag of the image, and is something else",
                cause=f"it is {there.digest}",
                hint=f"wasmbuild inspect {pasted(f'{name}:{tag}')}",
            )


def _tag(tagged: Sequence[tuple[Pushed, Destination]], sink: Sink) -> None:
    moves = [
        TagMove(where.repository, tag, pushed.remote.descriptor.digest)
        for pushed, where in tagged
        for tag in where.tags
    ]
    shown = f"{tagged[-1][1].reference.name}:{', '.join(move.tag for move in moves)}"
    with on_side("destination"), step(sink, "tag", shown):
        if len(moves) <= MOST_MOVES and supports_together([move.repository for move in moves]):
            tag_together(moves)
            return
        for pushed, where in tagged:
            where.repository.tag_all(pushed.remote.descriptor, where.tags)


def outgoing(artifact: Packed, destination: Destination, wish: ImageWish | None) -> Outgoing:
    """What is to be pushed for a wish.

    Raises UsageFailed for a tag that would be too long, or mean two things, StorageFailed, and DigestMismatch when
    the file has changed.
    """
    if wish is None:
        return Outgoing(artifact, artifact)
    from wasmbuild.image.forms import image_of  # noqa: PLC0415  (most pushes have none)

    with storage_errors("the file of the image cannot be read"):
        if not wish.beside:
            return Outgoing(artifact, image_of(artifact, wish.forms[0], linked=False))
        images = [(form, image_of(artifact, form, linked=True)) for form in wish.forms]
    return Outgoing(artifact, artifact, tuple(Image(form, image, _beside(destination, form)) for form, image in images))


def _beside(destination: Destination, form: ImageForm) -> Destination:
    for tag in destination.tags:
        if valid_tag(tag) and not valid_tag(tag + _SUFFIXES[form]):
            raise UsageFailed(
                f"the tag of the image would be too long: {tag[:40]}…{_SUFFIXES[form]}",
                cause=f"{tag[:40]}… has {len(tag)} characters, {_SUFFIXES[form]} follows, and a tag has at most 128",
                hint="push with a shorter tag, or without --also-image",
            )
    tags = checked_tags(tag + _SUFFIXES[form] for tag in destination.tags)
    for tag in tags:
        if tag in destination.tags:
            raise UsageFailed(f"{tag} would be a tag of the artifact and of its image", hint="leave that --tag out")
    return replace(destination, tags=tags)

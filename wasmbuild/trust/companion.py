"""The ``.sig`` and ``.att`` tags: a manifest that holds all simple signatures, or envelopes, each as a layer.

cosign's layout (SIGNATURE_SPEC, "Storage"). It is found by its name alone, and has no other keeper than
those who write it: whoever adds a signature reads what is there, writes it again with one layer more,
waits about as long as that took, and looks whether it has stayed. What somebody else writes between
the last reading and the writing is lost until that one looks again; a client that does not look, or
looks too early, loses its signature. Registries offer nothing against it.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from random import uniform
from time import monotonic, sleep
from typing import Literal

from registry.content import Store, read_all
from registry.digest import Digest
from registry.errors import ContentNotFound, GraphTooLarge, InvalidDocument, UnexpectedAnswer
from registry.model import DOCKER_MANIFEST, Descriptor, Manifest, describe, parse_document
from registry.reference import valid_tag
from registry.strictjson import canonical_json

__all__ = ["MAX_LAYERS", "Suffix", "add_layer", "add_layers", "companion_tag", "read_tagged", "tagged_layers"]

MAX_LAYERS = 1000
"""Layers of such a manifest; cosign's bound."""

Suffix = Literal["sig", "att"]
"""What the tag ends with: ``sig`` for signatures, ``att`` for attestations."""

_ATTEMPTS = 16
_LONGEST_WAIT = 2.0
_OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


def companion_tag(digest: Digest, suffix: Suffix = "sig") -> str | None:
    """The tag beside an artifact; None where it would be too long for a tag, as with SHA-512."""
    tag = f"{digest.algorithm}-{digest.encoded}.{suffix}"
    return tag if valid_tag(tag) else None


def read_tagged(store: Store, subject: Digest, suffix: Suffix = "sig") -> tuple[Descriptor, Manifest] | None:
    """The manifest behind the tag, with its descriptor; None when the store says that there is none.

    Raises InvalidDocument for something else in its place, GraphTooLarge for more than 1000 layers,
    and whatever the store raises when it cannot answer.
    """
    tag = companion_tag(subject, suffix)
    if tag is None:
        return None
    try:
        descriptor = store.resolve(tag)
    except ContentNotFound:
        return None
    if descriptor.digest == subject:
        return None  # some registries take the beginning of a tag for the digest
    document = parse_document(read_all(store, descriptor), descriptor.media_type)
    if not isinstance(document, Manifest):
        raise InvalidDocument(f"{tag} is an index, and a manifest is kept there")
    if len(document.layers) > MAX_LAYERS:
        raise _too_many(tag, len(document.layers))
    return descriptor, document


def tagged_layers(manifest: Manifest, media_type: str) -> tuple[Descriptor, ...]:
    """The layers of one media type."""
    return tuple(layer for layer in manifest.layers if layer.media_type == media_type)


def add_layer(store: Store, subject: Digest, layer: Descriptor, payload: bytes, suffix: Suffix = "sig") -> Descriptor:
    """Put one layer more behind a tag of an artifact, beside all that are there; the manifest.

    Raises as :func:`add_layers`.
    """
    return add_layers(store, subject, [(layer, payload)], suffix)


def add_layers(
    store: Store, subject: Digest, wanted: Sequence[tuple[Descriptor, bytes]], suffix: Suffix = "sig"
) -> Descriptor:
    """Put layers, each with its bytes, behind a tag of an artifact, beside all that are there; the manifest.

    Raises ValueError for a digest that has no such tag, GraphTooLarge when it would hold more than 1000 layers,
    InvalidDocument for something else in its place, UnexpectedAnswer when others keep overwriting it,
    and what the store raises.
    """
    tag = companion_tag(subject, suffix)
    if tag is None:
        raise ValueError(f"{subject.algorithm} digests have no .{suffix} tag")
    for layer, payload in wanted:
        store.push(layer.plain(), partial(io.BytesIO, payload))
    for _ in range(_ATTEMPTS):
        began = monotonic()
        found = read_tagged(store, subject, suffix)
        missing = [layer for layer, _ in wanted if found is None or layer not in found[1].layers]
        if found is not None and not missing:
            return found[0]
        made = _push_manifest(store, _with_layers(found[1] if found else None, missing, tag))
        if read_tagged(store, subject, suffix) == found:
            store.tag(made, tag)
            _wait(monotonic() - began)
    raise UnexpectedAnswer(
        "the registry did not keep the signature",
        cause=f"{tag} was overwritten {_ATTEMPTS} times",
        hint="run the command again",
    )


def _wait(seconds: float) -> None:
    """Give those who read before we wrote the time to write, so that we see it when we look again."""
    sleep(min(seconds * uniform(1, 3), _LONGEST_WAIT))  # noqa: S311  (not for cryptography)


def _with_layers(known: Manifest | None, more: Iterable[Descriptor], tag: str) -> tuple[Manifest, bytes]:
    """The manifest with more layers, and its config."""
    layers = (*(known.layers if known else ()), *more)
    if len(layers) > MAX_LAYERS:
        raise _too_many(tag, len(layers))
    config = _config(layers)
    is_docker = known is not None and known.media_type == DOCKER_MANIFEST
    described = describe(_DOCKER_CONFIG if is_docker else _OCI_CONFIG, config)
    manifest = replace(known, config=described, layers=layers) if known else Manifest(described, layers)
    return manifest, config


def _config(layers: tuple[Descriptor, ...]) -> bytes:
    """An image config without a platform (image-spec, config.md): readers ask for one, and look at nothing in it."""
    return canonical_json(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [str(layer.digest) for layer in layers]},
        }
    )


def _push_manifest(store: Store, made: tuple[Manifest, bytes]) -> Descriptor:
    manifest, config = made
    data = manifest.encode()
    store.push(manifest.config, partial(io.BytesIO, config))
    descriptor = describe(manifest.media_type, data)
    store.push(descriptor, partial(io.BytesIO, data))
    return descriptor


def _too_many(tag: str, count: int) -> GraphTooLarge:
    return GraphTooLarge(f"{tag} has {count} layers", cause=f"at most {MAX_LAYERS} are allowed")

"""Annotations that a person gives, and how an artifact that is packed already gets them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from registry.model import MAX_MANIFEST, Manifest, describe, parse_document
from wasmbuild.artifact import Packed
from wasmbuild.errors import UsageFailed

__all__ = ["annotated", "parse_annotations"]


def parse_annotations(given: Iterable[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` texts; the value may have a ``=`` in it, and may be empty.

    Raises UsageFailed for one without a key, without a ``=``, given twice, or not text.
    """
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise _wrong(text, "there is no key before a '='" if equals else "there is no '=' in it")
        if key in found:
            raise _wrong(text, f"{key[:80]} is given twice")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _wrong(text, "it is not text") from error
        found[key] = value
    return found


def annotated(packed: Packed, annotations: Mapping[str, str]) -> Packed:
    """The same artifact with more annotations in its manifest; what is given goes before what is there.

    Raises UsageFailed when the manifest grows larger than registries take.
    """
    if not annotations:
        return packed
    manifest = parse_document(packed.manifest_bytes, packed.manifest.media_type)
    assert isinstance(manifest, Manifest)
    data = replace(manifest, annotations={**manifest.annotations, **annotations}).encode()
    if len(data) > MAX_MANIFEST:
        raise UsageFailed("the annotations are too long", cause=f"a manifest has at most {MAX_MANIFEST} bytes")
    return replace(packed, manifest=describe(manifest.media_type, data), manifest_bytes=data)


def _wrong(text: str, cause: str) -> UsageFailed:
    return UsageFailed(
        f"{text[:80]!r} is not an annotation",
        cause=cause,
        hint="write it as --annotation org.opencontainers.image.source=https://example.com/hello",
    )

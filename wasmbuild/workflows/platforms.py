"""Platforms: which manifest of an index is meant (image-spec 1.1, image-index.md, "platform")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from registry.content import Fetcher
from registry.errors import InvalidDocument
from registry.graph import read_document
from registry.model import Descriptor, Index, Manifest, is_document
from registry.words import printable
from wasmbuild.errors import UnknownArtifact, UsageFailed

__all__ = ["Platform", "choose", "find_manifest"]

_WASM = frozenset({"wasm", "wasm32"})
"""What writers call the architecture; ``wasm32`` is the older name."""
_DEEPEST = 4
_SHOWN = 20


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system and an architecture, as ``OS/ARCHITECTURE[/VARIANT]``."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a person typed. Raises UsageFailed."""
        parts = text.split("/")
        if not 2 <= len(parts) <= 3 or not all(parts) or printable(text, 80) != text:
            raise UsageFailed(
                f"{printable(text, 80)!r} is not a platform",
                cause="it is an operating system and an architecture",
                hint="write it as wasi/wasm",
            )
        return cls(*parts)

    @classmethod
    def of(cls, entry: Descriptor) -> Self | None:
        """What an index says about one of its manifests; None when it says nothing."""
        said = entry.extra.get("platform")
        if not isinstance(said, dict):
            return None
        return cls(_text(said, "os"), _text(said, "architecture"), _text(said, "variant"))

    @property
    def is_wasm(self) -> bool:
        """Whether this is WebAssembly, under any system interface."""
        return self.architecture in _WASM

    def covers(self, other: "Platform") -> bool:
        """Whether ``other`` is this one; a variant that was not asked for may be any."""
        return (self.os, self.architecture) == (other.os, other.architecture) and self.variant in ("", other.variant)

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os or "unknown", self.architecture or "unknown", self.variant)))


def choose(index: Index, wanted: Platform | None) -> Descriptor:
    """The one manifest of an index for a platform; without one, the only one for WebAssembly.

    Raises UsageFailed, which lists the platforms, when none or several fit.
    """
    listed = [(entry, Platform.of(entry)) for entry in index.manifests if is_document(entry.media_type)]
    fitting = {
        entry.digest: entry.plain()
        for entry, platform in listed
        if platform is not None and (wanted.covers(platform) if wanted else platform.is_wasm)
    }
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    many = "several manifests" if fitting else "no manifest"
    raise UsageFailed(
        f"the index has {many} for {wanted or 'WebAssembly'}",
        cause=f"its platforms are {_shown([platform for _, platform in listed])}",
        hint="name one by its digest, which wasmbuild manifest get shows; pull and copy also take --platform",
    )


def find_manifest(store: Fetcher, root: Descriptor, wanted: Platform | None) -> tuple[Descriptor, Manifest]:
    """The manifest behind a document, which is itself, or one that an index lists, or an index in it.

    Raises UsageFailed for a platform with what is no index, what :func:`choose` raises, and what the
    store raises.
    """
    found = root
    for _ in range(_DEEPEST):
        document = read_document(store, found)[1]
        if isinstance(document, Manifest):
            if wanted is not None and found is root:
                raise UsageFailed(
                    f"{root.digest} is for no other platform than its own", cause="it is a manifest, not an index"
                )
            return found, document
        found = choose(document, wanted)
    raise UnknownArtifact(f"{root.digest} has indexes within indexes", cause=f"more than {_DEEPEST} levels of them")


def _shown(platforms: list[Platform | None]) -> str:
    named = sorted({str(platform) if platform else "not said" for platform in platforms})
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return (", ".join(named[:_SHOWN]) or "none") + more


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key, "")
    if not isinstance(value, str):
        raise InvalidDocument(f"a platform has a malformed '{key}'", cause="it must be a text")
    return printable(value, 80)

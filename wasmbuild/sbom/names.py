"""Names in an inventory: keys, purls, and the WIT package that a component's import belongs to.

The names come out of files, and nothing in them is trusted.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

from registry.words import printable

__all__ = ["Interface", "crate_purl", "key_of", "safe"]

_MOST = 2000
_CRATES_IO = frozenset({"crates.io", "crates-io"})
_CRATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_LABEL = r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*"
_INTERFACE = re.compile(rf"({_LABEL}):({_LABEL})/({_LABEL})(?:@([0-9A-Za-z.+-]+))?", re.ASCII)
_LONGEST_INTERFACE = 500


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of a WIT package, as imports and exports name it; ``version`` may be empty."""

    namespace: str
    package: str
    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> "Interface | None":
        """Read ``wasi:cli/run@0.2.3``; None for a name of another form (component-model, Explainer.md)."""
        found = _INTERFACE.fullmatch(text) if len(text) <= _LONGEST_INTERFACE else None
        return cls(found[1], found[2], found[3], found[4] or "") if found else None


def safe(text: str) -> str:
    """Foreign words for a document: on one line, nothing invisible, at most 2000 characters."""
    return printable(text, _MOST)


def key_of(kind: str, *parts: str) -> str:
    """A key from words that ``safe`` has seen; different words give different keys."""
    return ":".join([kind, *(quote(part, safe="@+/") for part in parts)])


def crate_purl(name: str, version: str, source: str) -> str | None:
    """The package URL of a crate of crates.io; None for any other, which is not the one of that name there."""
    if source not in _CRATES_IO or not version or not _CRATE.fullmatch(name):
        return None
    from packageurl import PackageURL  # noqa: PLC0415  (few files name crates)

    return str(PackageURL("cargo", None, name, version).to_string())

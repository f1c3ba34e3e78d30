"""Capability attestation: what a wasm file asks for and offers, as somebody signs it, and held against the file.

The predicate as types, read strictly, field by field as docs/capabilities.md has them. Not here: which
import is which capability (``wasmbuild.wasm.capabilities``), and how a file is fetched.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from registry.digest import Digest
from registry.words import printable
from wasmbuild.errors import InvalidAttestation
from wasmbuild.trust.predicates import CAPABILITIES_V1
from wasmbuild.trust.statement import Predicate
from wasmbuild.wasm.capabilities import asked
from wasmbuild.wasm.model import WasmBinary

__all__ = ["CapabilityClaim", "ClaimedCapability"]

MAX_NAMES = 100_000
"""Imports, exports or capabilities in one list of a predicate that is read."""

_KINDS = frozenset({"module", "component"})
_RISKS = frozenset({"none", "low", "high"})
_FIELDS = frozenset({"digest", "kind", "imports", "exports", "capabilities", "foreign"})
_OF_CAPABILITY = frozenset({"name", "risk", "words", "imports"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class ClaimedCapability:
    """Something that the file may be able to do, and the imports that say so; ``words`` are for people."""

    name: str
    risk: str
    imports: tuple[str, ...]
    words: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CapabilityClaim:
    """What is said of the file with a digest. ``foreign`` are the imports that are of no capability.

    All lists are sorted, and have each name once.
    """

    digest: Digest
    kind: str
    imports: tuple[str, ...]
    exports: tuple[str, ...]
    capabilities: tuple[ClaimedCapability, ...]
    foreign: tuple[str, ...]

    @classmethod
    def of(cls, binary: WasmBinary, digest: Digest) -> Self:
        """What is so; ``digest`` is the SHA-256 of the whole file."""
        wanted = asked(binary)
        named = (each for each in wanted if each.capability is not None)
        capabilities = tuple(
            ClaimedCapability(each.capability.name, each.capability.risk, _names(each.imports), each.words)
            for each in named
            if each.capability is not None
        )
        foreign = tuple(name for each in wanted if each.capability is None for name in _names(each.imports))
        return cls(digest, binary.kind, binary.import_names, binary.export_names, capabilities, foreign)

    @classmethod
    def parse(cls, predicate: Mapping[str, Any]) -> Self:
        """Read a predicate, of which nothing is passed over. Raises InvalidAttestation."""
        _only(predicate, _FIELDS, "it")
        capabilities = predicate["capabilities"]
        if not isinstance(capabilities, list) or len(capabilities) > MAX_NAMES:
            raise _malformed("capabilities is not a list, or too long a one")
        digest, kind = predicate["digest"], predicate["kind"]
        sha256 = digest.get("sha256") if isinstance(digest, dict) and len(digest) == 1 else None
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise _malformed("digest is not one of SHA-256")
        return cls(
            Digest("sha256", sha256),
            _one_of(kind, _KINDS, "kind"),
            _sorted(predicate["imports"], "imports"),
            _sorted(predicate["exports"], "exports"),
            tuple(_capability(each) for each in capabilities),
            _sorted(predicate["foreign"], "foreign"),
        )

    def to_predicate(self) -> Predicate:
        """What to sign."""
        capabilities = [
            {"name": each.name, "risk": each.risk, "words": each.words, "imports": list(each.imports)}
            for each in self.capabilities
        ]
        content = {
            "digest": {self.digest.algorithm: self.digest.encoded},
            "kind": self.kind,
            "imports": list(self.imports),
            "exports": list(self.exports),
            "capabilities": capabilities,
            "foreign": list(self.foreign),
        }
        return Predicate(CAPABILITIES_V1, content)

    def hold_against(self, found: "CapabilityClaim") -> None:
        """Insist that what is said is what was ``found``.

        Raises InvalidAttestation, which names the first import that only one of the two has, or else what differs.
        """
        difference = (
            _unlike("import", self.imports, found.imports)
            or _unlike("export", self.exports, found.exports)
            or self._difference(found)
        )
        if difference is not None:
            raise InvalidAttestation(
                "the capability attestation is not true of the file",
                cause=difference,
                hint="do not use the file; whoever signed the attestation can say which of the two is wrong",
            )

    def _difference(self, found: "CapabilityClaim") -> str | None:
        if self.kind != found.kind:
            return f"it says that the file is a {self.kind}, and it is a {found.kind}"
        if (self.capabilities, self.foreign) != (found.capabilities, found.foreign):
            names, others = ([each.name for each in claim.capabilities] for claim in (self, found))
            return _unlike("capability", names, others) or "it groups the imports in another way than they are"
        if self.digest != found.digest:
            return f"it is for the file {self.digest}, and this is {found.digest}"
        return None


def _names(imports: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted({str(each) for each in imports}))


def _unlike(what: str, said: Iterable[str], found: Iterable[str]) -> str | None:
    """The first name that only one of both has, in a sentence."""
    said, found = frozenset(said), frozenset(found)
    if not (said ^ found):
        return None
    first = min(said ^ found)
    shown = printable(first, _LONGEST_SHOWN)
    if first in found:
        return f"the file has the {what} {shown}, which the attestation does not name"
    return f"the attestation names the {what} {shown}, which the file does not have"


def _capability(value: object) -> ClaimedCapability:
    if not isinstance(value, dict):
        raise _malformed("a capability is not an object")
    _only(value, _OF_CAPABILITY, "a capability")
    for name in ("name", "words"):
        if not isinstance(value[name], str):
            raise _malformed(f"{name} of a capability is not a text")
    risk = _one_of(value["risk"], _RISKS, "risk")
    return ClaimedCapability(value["name"], risk, _sorted(value["imports"], "imports"), value["words"])


def _only(value: Mapping[str, Any], fields: frozenset[str], what: str) -> None:
    if value.keys() != fields:
        odd = printable(min(value.keys() ^ fields), _LONGEST_SHOWN)
        raise _malformed(f"{what} {'has the unknown field' if odd not in fields else 'lacks'} {odd}")


def _sorted(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_NAMES or not all(isinstance(each, str) for each in value):
        raise _malformed(f"{name} is not a list of texts, or too long a one")
    if value != sorted(set(value)):
        raise _malformed(f"{name} is not sorted, or has something twice")
    return tuple(value)


def _one_of(value: object, known: frozenset[str], name: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise _malformed(f"{name} is none of {', '.join(sorted(known))}")
    return value


def _malformed(why: str) -> InvalidAttestation:
    return InvalidAttestation("the capability attestation is malformed", cause=why)

"""Which name was signed: whether a signature was made for the reference that somebody asks for."""

from dataclasses import dataclass

from registry.errors import InvalidReference
from registry.reference import Reference
from wasmbuild.trust.evidence import Finding
from wasmbuild.trust.policy.model import SignedName
from wasmbuild.trust.policy.verdict import Situation

__all__ = ["REF_NAME", "Wanted", "fits_name", "wanted_name"]

REF_NAME = "org.opencontainers.image.ref.name"
"""The signed annotation that is the tag, where the signed name has none (image-spec, annotations.md)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The name that has to be signed; ``tag`` None: whichever."""

    name: str | None
    tag: str | None

    def __str__(self) -> str:
        return f"{self.name or 'a repository'}{f':{self.tag}' if self.tag else ''}"


def wanted_name(rule: SignedName, situation: Situation) -> Wanted:
    """What a scope's rule asks for of a situation; who asks by digest alone asks for no tag."""
    return Wanted(situation.name, situation.tag if rule == "tag" else None)


def fits_name(finding: Finding, wanted: Wanted) -> bool:
    """Whether something signed names this; what is in no registry is named by nothing."""
    claim = finding.claim
    if claim is None or claim.name is None or wanted.name is None:
        return False
    try:
        signed = Reference.parse(claim.name)
    except InvalidReference:
        return False
    if signed.name != wanted.name:
        return False
    tag = signed.tag or claim.annotations.get(REF_NAME)
    return wanted.tag is None or tag == wanted.tag

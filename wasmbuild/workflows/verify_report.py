"""The report of ``verify --explain``: all that was found about an artifact, for a person to read."""

from typing import TYPE_CHECKING

from registry.words import printable
from wasmbuild.events import Note, Sink
from wasmbuild.trust.evidence import Evidence, Finding

if TYPE_CHECKING:
    from wasmbuild.workflows.verify import Verified

__all__ = ["report", "tell_held"]

_MOST = 200
"""Letters of a text that others wrote."""


def report(verified: "Verified") -> str:
    """The whole report, without colour."""
    evidence = verified.evidence
    lines = [
        f"artifact  {verified.reference}",
        f"type      {printable(verified.remote.descriptor.media_type, _MOST)}",
        f"outcome   {verified.outcome}",
        *_list("trusted", evidence.asked),
        *_list("looked at", verified.looked_at),
        *_list("wanted", evidence.wanted),
    ]
    if verified.denied is not None:
        lines += ["", f"policy    {_text(verified.denied.policy)}"]
        lines += [
            f"{'holds' if rule.holds else 'denies':<9} {_text(rule.rule)}: {rule.why}" for rule in verified.denied.rules
        ]
    for number, finding in enumerate(evidence.findings, 1):
        lines += ["", *_finding(number, finding)]
    if not evidence.findings:
        lines += ["", "nothing is signed about it"]
    return "\n".join(lines)


def tell_held(evidence: Evidence, sink: Sink) -> None:
    """Say what holds, each once."""
    for words in dict.fromkeys(_held(finding) for finding in evidence.findings if finding.holds):
        sink(Note("info", words))


def _held(finding: Finding) -> str:
    """What a signature or an attestation that holds comes to, in a line."""
    what = "signature" if finding.is_signature else f"attestation of type {_text(finding.predicate_type)}"
    who = f" by {_text(finding.signer.identity)}" if finding.signer else ""
    return f"a {finding.kind.value} {what}{who} holds"


def _finding(number: int, finding: Finding) -> list[str]:
    what = "signature" if finding.is_signature else "attestation"
    lines = [f"{number}. {finding.kind.value} {what}: {'holds' if finding.holds else 'does not hold'}"]
    if finding.manifest is not None:
        lines.append(f"   manifest    {finding.manifest.digest}")
    if not finding.is_signature:
        lines.append(f"   type        {_text(finding.predicate_type)}")
    if finding.reason is not None:
        why = finding.reason.partition(" does not hold: ")[2] or finding.reason  # which the line above says
        lines.append(f"   reason      {printable(why, 4 * _MOST)}")
    return lines + _said(finding)


def _said(finding: Finding) -> list[str]:
    """Who says what, of something that holds."""
    if finding.claim is None or finding.signer is None:
        return []
    lines = [f"   signer      {_text(finding.signer.identity)}"]
    if finding.signer.issuer is not None:
        lines.append(f"   issuer      {_text(finding.signer.issuer)}")
    if finding.signer.signed_at is not None:
        lines.append(f"   time        {finding.signer.signed_at.isoformat()}")
    if finding.claim.name is not None:
        lines.append(f"   name        {_text(finding.claim.name)}")
    pairs = finding.claim.annotations.items()
    return lines + [f"   annotation  {printable(f'{key}={value}', _MOST)}" for key, value in pairs]


def _list(label: str, words: tuple[str, ...]) -> list[str]:
    labels = [label, *[""] * len(words)]
    return [f"{before:<9} {_text(word)}" for before, word in zip(labels, words, strict=False)]


def _text(text: str | None) -> str:
    return printable(text or "", _MOST)

"""Enforcing: a trust policy as a demand. What is judged is fetched here, and once.

Judging is ``wasmbuild.trust.policy``'s, and which policy is in force ``policies``' to say.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.content import Store
from registry.digest import Digest
from registry.graph import read_document
from registry.model import Descriptor
from registry.reference import Reference
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.authority import Authority
from wasmbuild.trust.candidate import Candidate
from wasmbuild.trust.clock import now
from wasmbuild.trust.discovery import all_wanted, found, signatures_wanted
from wasmbuild.trust.evidence import Evidence
from wasmbuild.trust.policy.judging import judge
from wasmbuild.trust.policy.model import Policy, Scope
from wasmbuild.trust.policy.verdict import Accepted, Situation, Verdict, require_policy
from wasmbuild.trust.predicates import CAPABILITIES_V1
from wasmbuild.trust.verifier import Verifier, require
from wasmbuild.workflows.accepted import Memory, memory_at, merged, user_state
from wasmbuild.workflows.demand import refusal_of
from wasmbuild.workflows.remote import DEFAULT_TAG, Remote
from wasmbuild.workflows.versions import version_named

if TYPE_CHECKING:
    from semver import Version

__all__ = ["PolicyDemand", "Subject"]

_VERSION = "org.opencontainers.image.version"


@dataclass(frozen=True, slots=True)
class Subject:
    """An artifact that a policy is asked about, wherever it is; ``shown`` is what a person calls it.

    ``asked`` is None for what is in no registry, and is going to none.
    """

    store: Store
    descriptor: Descriptor
    shown: str
    asked: Reference | None = None

    @classmethod
    def of(cls, store: Store, descriptor: Descriptor, asked: Reference) -> "Subject":
        """An artifact that somebody calls by a reference."""
        return cls(store, descriptor, str(asked.pinned(descriptor.digest)), asked)

    def to_json(self) -> dict[str, Any]:
        """The fields that a result about it has."""
        return {"reference": self.shown, "descriptor": self.descriptor.to_json()}

    @property
    def said(self) -> str | None:
        """What a person called it, in a registry."""
        return str(self.asked) if self.asked else None

    @property
    def short(self) -> str:
        """For a line of progress."""
        return self.asked.pinned(self.descriptor.digest).short if self.asked else self.shown

    @property
    def name(self) -> str | None:
        """``host/repository``."""
        return self.asked.name if self.asked else None

    @property
    def tag(self) -> str | None:
        """The tag that was resolved; who asked for a digest has asked for no tag."""
        if self.asked is None or self.asked.digest:
            return None
        return self.asked.tag or DEFAULT_TAG


@dataclass(frozen=True, slots=True)
class PolicyDemand:
    """That a policy is fulfilled; where ``also`` names somebody, that one of them has signed, too."""

    policy: Policy
    also: tuple[Authority, ...] = ()
    clock: Callable[[], datetime] = now

    def check(self, remote: Remote, sink: Sink, /) -> Evidence:
        """The evidence that it is fulfilled, and what was accepted is remembered where a rule compares with it.

        Raises PolicyDenied, Unsigned and InvalidSignature of ``also``, InvalidAttestation for what is said of
        capabilities and is not so, and what finding signatures raises.
        """
        return self.insist(Subject.of(remote.repository, remote.descriptor, remote.asked), sink)

    def insist(self, subject: Subject, sink: Sink) -> Evidence:
        """The same of an artifact anywhere."""
        with refusal_of(subject), step(sink, "verify", subject.short):
            situation = self._situation(subject)
            verdict = judge(self.policy, situation)
            require_policy(verdict, subject.shown, subject.said)
            if self.also:
                require(Verifier(self.also).verify(subject.descriptor, situation.candidates), subject.shown)
            self._compare(subject, verdict.evidence, sink)
            self._remember(situation, subject)
        self._tell(verdict, sink)
        return verdict.evidence

    def verdict(self, subject: Subject) -> Verdict:
        """What the policy says, rule by rule; nothing is remembered."""
        return judge(self.policy, self._situation(subject))

    def approve(self, subject: Subject, sink: Sink) -> Verdict:
        """Let a person's word count for what is new: the capabilities, and what the tag means now.

        Everything else has to hold. Returns the verdict after that. Raises PolicyDenied, InvalidAttestation, and
        UsageFailed where no rule asks for approvals.
        """
        chosen = self.policy.scope_for(subject.name)
        if chosen is not None and not (chosen[1].pin_tags or chosen[1].approve_capabilities):
            said = f"the scope {chosen[0]} of {self.policy.file} has neither new-capabilities nor pin-tags"
            raise UsageFailed(f"nothing of {subject.shown} needs approval", cause=said)
        situation = self._situation(subject)
        asked = judge(self.policy, situation)
        approves = chosen is not None and chosen[1].approve_capabilities
        new = Accepted(None, self._tags(subject), asked.capabilities if approves else frozenset())
        verdict = judge(self.policy, replace(situation, before=merged(situation.before, new)))
        with refusal_of(subject):
            require_policy(verdict, subject.shown, subject.said)
            self._compare(subject, verdict.evidence, sink)
        if subject.name is not None:
            self.memory().change(subject.name, lambda before: merged(before, new))
        return verdict

    def memory(self) -> Memory:
        """Where this policy keeps what was accepted."""
        return memory_at(self.policy.state or user_state(os.environ))

    def _situation(self, subject: Subject) -> Situation:
        chosen = self.policy.scope_for(subject.name)
        scope = chosen[1] if chosen else None
        recalls = scope is not None and scope.remembers and subject.name is not None
        return Situation(
            subject.descriptor,
            subject.name,
            subject.tag,
            self._candidates(subject, scope),
            self.clock(),
            _version(subject, scope) if scope is not None and scope.no_rollback else None,
            self.memory().recall(subject.name) if recalls and subject.name else Accepted(),
        )

    def _candidates(self, subject: Subject, scope: Scope | None) -> list[Candidate]:
        """What may be signed about it, fetched once for all rules; nothing, where nobody would look at it."""
        if scope is None or (scope.accepts_anything and not self.also):
            return []
        return found(subject.store, subject.descriptor, all_wanted if scope.attestations else signatures_wanted)

    def _remember(self, situation: Situation, subject: Subject) -> None:
        """Keep what was accepted; judged again under the lock, because another process may have been faster."""
        chosen = self.policy.scope_for(subject.name)
        if chosen is None or subject.name is None or not chosen[1].remembers:
            return
        new = Accepted(situation.version, self._tags(subject))

        def changed(before: Accepted) -> Accepted:
            require_policy(judge(self.policy, replace(situation, before=before)), subject.shown, subject.said)
            return merged(before, new)

        self.memory().change(subject.name, changed)

    def _tags(self, subject: Subject) -> dict[str, Digest]:
        """What the tag means, where that matters."""
        chosen = self.policy.scope_for(subject.name)
        pins = chosen is not None and chosen[1].pin_tags
        return {subject.tag: subject.descriptor.digest} if pins and subject.tag else {}

    def _compare(self, subject: Subject, evidence: Evidence, sink: Sink) -> None:
        """Hold attested capabilities, where they are asked for, against the bytes. Raises InvalidAttestation."""
        chosen = self.policy.scope_for(subject.name)
        if chosen is None or CAPABILITIES_V1 not in {rule.predicate_type for rule in chosen[1].attestations}:
            return
        from wasmbuild.workflows.capability_claim import compare_claims  # noqa: PLC0415  (few ask for it)

        compare_claims(subject.store, subject.descriptor, subject.short, evidence, sink, all_files=True)

    def _tell(self, verdict: Verdict, sink: Sink) -> None:
        if verdict.unsafe:
            said = f"the policy {verdict.policy} accepts anything from {verdict.scope}: nothing was verified"
            sink(Note("warning", said))
            return
        for reason in dict.fromkeys(verdict.evidence.reasons):
            sink(Note("warning", reason))
        sink(Note("info", f"fulfils the policy {verdict.policy}, scope {verdict.scope}"))


def _version(subject: Subject, scope: Scope) -> "Version | None":
    """The version that is signed with the artifact: of its manifest, else its tag, where the tag is signed, too."""
    document = read_document(subject.store, subject.descriptor)[1]
    said = document.annotations.get(_VERSION)
    if said is None and scope.signed_name == "tag":
        said = subject.tag
    return version_named(said) if said else None

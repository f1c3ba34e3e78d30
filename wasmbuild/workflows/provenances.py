"""Which provenance of an artifact counts: the newest of those that somebody who is trusted has signed.

Where nobody is trusted, any is taken, and said to be verified by nobody. Not here: what is in one
(``wasmbuild.trust.provenance``), and what is done with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from registry.content import read_all
from registry.errors import ContentTooLarge, Failure, GraphTooLarge, InvalidDocument
from registry.model import Manifest, parse_document
from wasmbuild.errors import InvalidAttestation
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.authority import Authority, Signer
from wasmbuild.trust.discovery import MAX_ATTESTATIONS, found
from wasmbuild.trust.evidence import Evidence
from wasmbuild.trust.opened import open_candidate
from wasmbuild.trust.predicates import PROVENANCE
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.provenance import Provenance, highest_level
from wasmbuild.trust.statement import IN_TOTO, Statement
from wasmbuild.trust.verifier import Verifier, require_attestation
from wasmbuild.workflows.attest import MAX_PREDICATE
from wasmbuild.workflows.demand import Refused, refusal_of
from wasmbuild.workflows.remote import Remote

__all__ = ["Origin", "find_origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The provenance of an artifact; ``signer`` is who says so, None where nobody who is trusted does."""

    provenance: Provenance
    signer: Signer | None = None

    @property
    def level(self) -> int:
        """The build level of SLSA that it can be of at most."""
        return highest_level(self.provenance, self.signer)


def find_origin(
    remote: Remote, authorities: Sequence[Authority], sink: Sink, evidence: Evidence | None = None
) -> Origin:
    """The provenance of what ``remote`` is: signed by one of ``authorities``, or among ``evidence`` that holds.

    Where nobody is named and the evidence has none, any is taken, which is a warning. Raises InvalidAttestation
    when there is none, none that one of ``authorities`` has signed, or none of a build of ours; and what the
    registry raises when it cannot answer.
    """
    with step(sink, "verify" if authorities else "find", f"provenance of {remote.pinned.short}"):
        if authorities:
            candidates = found(remote.repository, remote.descriptor, PROVENANCE.__eq__)
            evidence = Verifier(authorities).verify(remote.descriptor, candidates)
            with refusal_of(remote):
                require_attestation(evidence, PROVENANCE, str(remote.pinned))
        said = _held(evidence) if evidence is not None else []
        if not said and not authorities:
            said = [(statement, None) for statement in _unverified(remote)]
        origin = _newest(said, remote, evidence or Evidence(remote.descriptor.digest, ()))
    if origin.signer is None:
        sink(Note("warning", "nobody who is trusted says how it was built: name whom you trust with --key"))
    return origin


def _held(evidence: Evidence) -> list[tuple[Statement, Signer | None]]:
    return [
        (finding.claim.statement, finding.signer)
        for finding in evidence.of_type(PROVENANCE)
        if finding.claim is not None and finding.claim.statement is not None
    ]


def _unverified(remote: Remote) -> Iterator[Statement]:
    """What is said of the artifact, by anybody, signed or not."""
    for candidate in found(remote.repository, remote.descriptor, PROVENANCE.__eq__):
        try:
            yield from _about(remote, open_candidate(candidate).statement)
        except (Failure, Rejected):
            continue
    listed = remote.repository.referrers(remote.descriptor, IN_TOTO)
    if len(listed) > MAX_ATTESTATIONS:
        raise GraphTooLarge(f"{remote.pinned} has {len(listed)} statements that nobody signed")
    for entry in listed:
        try:
            manifest = parse_document(read_all(remote.repository, entry), entry.media_type)
            if isinstance(manifest, Manifest) and [layer.media_type for layer in manifest.layers] == [IN_TOTO]:
                data = read_all(remote.repository, manifest.layers[0], MAX_PREDICATE)
                yield from _about(remote, Statement.parse(data))
        except (ContentTooLarge, InvalidDocument):
            continue


def _about(remote: Remote, statement: Statement) -> Iterator[Statement]:
    about = any(subject.is_about(remote.descriptor.digest) for subject in statement.subjects)
    if about and statement.predicate_type == PROVENANCE:
        yield statement


def _newest(said: Iterable[tuple[Statement, Signer | None]], remote: Remote, evidence: Evidence) -> Origin:
    """The one whose build ended last; those of other kinds of builds are passed over where there is one of ours."""
    origins: list[Origin] = []
    evidence = replace(evidence, wanted=(PROVENANCE,))
    failure = InvalidAttestation(
        f"{remote.pinned} has no provenance", hint="push attaches it to what it builds: wasmbuild push --help"
    )
    for statement, signer in said:
        try:
            origins.append(Origin(Provenance.parse(statement.predicate), signer))
        except InvalidAttestation as malformed:
            failure, evidence = malformed, replace(evidence, fault=str(malformed))
    if not origins:
        failure.details = Refused(remote, evidence)
        raise failure
    return max(origins, key=lambda origin: origin.provenance.run.finished or "")

"""Keyless: what an identity signs beside an artifact that a registry has, or attests of it, as bundles.

What comes of the services is verified here, offline, before anybody else sees it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.copying import copy
from registry.model import Descriptor
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from registry.words import printable
from wasmbuild.created import creation_time
from wasmbuild.errors import SigningFailed
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.attesting import essence
from wasmbuild.trust.authority import Signer
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.discovery import found_referrers
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.sigstore.authority import Expected, IdentityAuthority
from wasmbuild.trust.statement import Statement
from wasmbuild.trust.verifier import Verifier
from wasmbuild.workflows.attest import Attestation, Attested, Said
from wasmbuild.workflows.identity_signer import IdentitySigner
from wasmbuild.workflows.remote import Remote, observed
from wasmbuild.workflows.sign import Signature, Signed

if TYPE_CHECKING:
    from wasmbuild.trust.sigstore.trusted_root import TrustedRoot

__all__ = ["attest_keyless", "sign_keyless"]


def sign_keyless(
    reference: Reference,
    signer: IdentitySigner,
    *,
    annotations: Mapping[str, str] | None = None,
    registries: Registries,
    sink: Sink,
    environment: Mapping[str, str],
) -> Signed:
    """Sign what a reference means now, and log that; what the identity has said already is not pushed again.

    Raises SigningFailed, and what the registry raises.
    """
    remote = Remote.resolve(reference, registries)
    statement = Statement.signature_of(remote.descriptor.digest, remote.pinned.name, annotations)
    manifest, added, who = _say(statement, remote, signer, sink, creation_time(environment))
    return Signed(remote, (Signature(SignatureKind.BUNDLE, manifest, added=added),), who)


def attest_keyless(
    reference: Reference,
    said: Said,
    signer: IdentitySigner,
    *,
    registries: Registries,
    sink: Sink,
    environment: Mapping[str, str],
) -> Attested:
    """Attest something of what a reference means now, in the same way. Raises the same."""
    remote = Remote.resolve(reference, registries)
    statement = Statement.about(remote.descriptor.digest, remote.pinned.name, said.predicate, said.subjects)
    manifest, added, _ = _say(statement, remote, signer, sink, creation_time(environment))
    return Attested(remote, (Attestation(said.predicate.type, SignatureKind.BUNDLE, manifest, added=added),))


def _say(
    statement: Statement, remote: Remote, signer: IdentitySigner, sink: Sink, created: str
) -> tuple[Descriptor, bool, Signer]:
    """The manifest that holds a statement of the identity, whether it is new, and who that is."""
    root = signer.trusted_root()
    with step(sink, "sign", remote.pinned.short):
        bundle = signer.sign(statement)
        identity = _check(bundle, root, remote)
        known = _known(identity, statement, root, remote)
        if known is None:
            referrer = attach(bundle, remote.descriptor, statement.predicate_type, created)
            made = MemoryStore()
            referrer.push_to(made)
            copy(made, remote.repository, referrer.manifest, hooks=observed(sink))
    who = f"{printable(identity.identity)}, as {printable(str(identity.issuer))} says"
    sink(Note("info", f"signed by {who}" if known is None else f"signed already by {who}"))
    return (referrer.manifest, True, identity) if known is None else (known, False, identity)


def _check(bundle: bytes, root: "TrustedRoot", remote: Remote) -> Signer:
    """Who has signed what was made, which must hold before it is pushed. Raises SigningFailed."""
    anybody = Expected(".*", pattern=True)
    made = Candidate(SignatureKind.BUNDLE, BUNDLE, bundle)
    evidence = Verifier([IdentityAuthority(anybody, anybody, root)]).verify(remote.descriptor, [made])
    (finding,) = evidence.findings
    if finding.signer is None:
        raise SigningFailed("what sigstore's services signed does not hold", cause=printable(finding.reason or ""))
    return finding.signer


def _known(signer: Signer, statement: Statement, root: "TrustedRoot", remote: Remote) -> Descriptor | None:
    """The manifest with the same statement of the same identity, if there is one."""
    authority = IdentityAuthority(Expected(signer.identity), Expected(signer.issuer or ""), root)
    found = found_referrers(remote.repository, remote.descriptor, statement.predicate_type.__eq__)
    for finding in Verifier([authority]).verify(remote.descriptor, found).findings:
        claim = finding.claim
        if claim is None or claim.statement is None or finding.kind is not SignatureKind.BUNDLE:
            continue
        if essence(claim.statement) == essence(statement) and claim.annotations == statement.subjects[0].annotations:
            return finding.manifest
    return None

"""Staging: an artifact, and all that belongs to it, in its repository, without a tag; then read back and verified.

Where the registry knows leases, what is staged goes by itself when no tag comes. A snapshot has its place in the layout
of its project instead, and goes nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.copying import on_side
from registry.files import storage_errors, write_atomically
from registry.model import Descriptor
from registry.stores.layout import LayoutStore
from wasmbuild.artifact import Packed
from wasmbuild.created import creation_time
from wasmbuild.events import step
from wasmbuild.released import Attached
from wasmbuild.trust.authority import Authority, KeyAuthority, Signer
from wasmbuild.trust.predicates import CYCLONEDX, SPDX, short_name
from wasmbuild.workflows.attest import Attestation, Said
from wasmbuild.workflows.beside import Attached as Where
from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.companions import Companion, Source, Wanted, companions
from wasmbuild.workflows.demand import refusal_of
from wasmbuild.workflows.push import stage
from wasmbuild.workflows.pushed_beside import put_beside
from wasmbuild.workflows.release.making import Made
from wasmbuild.workflows.release.preflight import Ready
from wasmbuild.workflows.remote import Remote
from wasmbuild.workflows.sign import Signature
from wasmbuild.workflows.unsigned import Unsigned

if TYPE_CHECKING:
    from registry.client.repository import Repository
    from wasmbuild.trust.candidate import SignatureKind
    from wasmbuild.trust.signer import Signatory
    from wasmbuild.workflows.identity_signer import IdentitySigner

__all__ = ["LEASE_SECONDS", "Signing", "Staged", "keep_snapshot", "stage_known", "stage_made"]

LEASE_SECONDS = 24 * 3600
"""How long what is staged stays without a tag, where the registry knows leases: a day to finish a release."""

_SBOMS = {CYCLONEDX: ".cdx.json", SPDX: ".spdx.json"}


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs, if anybody does: a key, in some forms, or an identity."""

    key: "Signatory | None" = None
    kinds: "tuple[SignatureKind, ...] | None" = None
    identity: "IdentitySigner | None" = None

    @property
    def signs(self) -> bool:
        """Whether anybody does."""
        return self.key is not None or self.identity is not None

    @property
    def authorities(self) -> tuple[Authority, ...]:
        """Who must have signed what is released; what an identity signs is verified when it does."""
        return () if self.key is None else (KeyAuthority(self.key.public),)

    @property
    def believed(self) -> tuple[Authority, ...]:
        """Whose word counts about what is there already: one's own, lest one signs what somebody else has put there."""
        return self.authorities if self.identity is None else self.identity.authorities()


@dataclass(frozen=True, slots=True)
class Staged:
    """A target whose artifact is in its repository; ``changed`` is whether anything of it was not there before.

    ``signer`` is the identity that signed it, None where it is a key that did, or nobody.
    """

    ready: Ready
    descriptor: Descriptor
    made: Made | None
    attached: tuple[Attached, ...]
    changed: bool
    sbom: Path | None = None
    signer: Signer | None = None


@dataclass(frozen=True, slots=True)
class _Beside:
    """What was put beside an artifact."""

    entries: Sequence[Unsigned | Attestation | Signature]

    @property
    def added(self) -> bool:
        return any(each.added for each in self.entries)

    def attached(self) -> tuple[Attached, ...]:
        return tuple(_attached(each) for each in self.entries)


def stage_made(ready: Ready, made: Made, packed: Packed, wanted: Wanted, signing: Signing, setting: Setting) -> Staged:
    """Bring what was built to its repository, with all that is said of it, and verify that it is there.

    Raises what :func:`~wasmbuild.workflows.push.stage` raises, and what verifying does.
    """
    remote = Remote(ready.item.reference, _leased(ready), packed.manifest)
    source = _source(ready, made, packed, wanted, setting)
    beside = companions(source, signed=signing.signs)
    pushed = stage(
        packed,
        remote,
        key=signing.key,
        kinds=signing.kinds,
        companions=lambda: beside,
        sink=setting.sink,
        environment=setting.environment,
        concurrency=setting.registries.settings.concurrency,
    )
    by_identity, signer = _by_identity(remote, beside, signing, setting)
    put = _Beside((*pushed.documents, *pushed.attestations, *pushed.signatures, *by_identity))
    _read_back(remote, packed, setting)
    _verify(remote, beside, signing, setting)
    changed = bool(pushed.report.copied or pushed.report.mounted or put.added)
    return Staged(ready, packed.manifest, made, put.attached(), changed, _keep_sbom(beside, made), signer)


def stage_known(ready: Ready, signing: Signing, setting: Setting) -> Staged:
    """Sign what is there already, where we have not, and verify it."""
    assert ready.known is not None
    assert ready.destination is not None
    remote = Remote(ready.item.reference, ready.destination.repository, ready.known.descriptor)
    where = Where(remote.repository, remote.pinned, remote.descriptor)
    with on_side("destination"):
        put = put_beside(where, signing.key, signing.kinds, (), creation_time(setting.environment), setting.sink)
    by_identity, signer = _by_identity(remote, (), signing, setting)
    signed = _Beside((*put.signatures, *by_identity))
    _verify(remote, (), signing, setting)
    return Staged(ready, remote.descriptor, None, signed.attached(), signed.added, signer=signer)


def keep_snapshot(
    ready: Ready, made: Made, packed: Packed, wanted: Wanted, signing: Signing, setting: Setting
) -> Staged:
    """Put what would be said of an artifact beside it, in the layout of its project."""
    beside = companions(_source(ready, made, packed, wanted, setting), signed=signing.key is not None)
    where = Where(LayoutStore(made.built.layout), ready.item.reference.pinned(packed.manifest.digest), packed.manifest)
    put = put_beside(where, signing.key, signing.kinds, beside, creation_time(setting.environment), setting.sink)
    entries = _Beside((*put.documents, *put.attestations, *put.signatures))
    return Staged(ready, packed.manifest, made, entries.attached(), entries.added, _keep_sbom(beside, made))


def _leased(ready: Ready) -> "Repository":
    """The repository; what is new in it has a lease until it is tagged."""
    assert ready.destination is not None
    repository = ready.destination.repository
    return repository if ready.version_now else repository.with_lease(LEASE_SECONDS)


def _source(ready: Ready, made: Made, packed: Packed, wanted: Wanted, setting: Setting) -> Source:
    pinned, built = ready.item.reference.pinned(packed.manifest.digest), made.built
    verified = ready.destination.repository.transport.auth.workload.verified if ready.destination else None
    return Source(packed, pinned, built.wasm_path, built, wanted, setting.environment, setting.sink, verified)


def _by_identity(
    remote: Remote, beside: Sequence[Companion], signing: Signing, setting: Setting
) -> tuple[tuple[Attestation | Signature, ...], Signer | None]:
    if signing.identity is None:
        return (), None
    from wasmbuild.workflows.keyless import attest_keyless, sign_keyless  # noqa: PLC0415  (an extra)

    attested = [
        attest_keyless(
            remote.pinned,
            Said(each.predicate, each.subjects),
            signing.identity,
            registries=setting.registries,
            sink=setting.sink,
            environment=setting.environment,
        ).attestations
        for each in beside
    ]
    signed = sign_keyless(
        remote.pinned,
        signing.identity,
        registries=setting.registries,
        sink=setting.sink,
        environment=setting.environment,
    )
    return (*(each for entries in attested for each in entries), *signed.signatures), signed.signer


def _read_back(remote: Remote, packed: Packed, setting: Setting) -> None:
    """Read what was pushed, every byte."""
    with on_side("destination"), step(setting.sink, "read back", remote.pinned.short):
        remote.repository.resolve(str(packed.manifest.digest))
        for content in (packed.config, packed.layer):
            with remote.repository.fetch(content) as reader:
                for _ in reader:
                    pass


def _verify(remote: Remote, beside: Sequence[Companion], signing: Signing, setting: Setting) -> None:
    """Verify the signature, and an attestation of each kind that was made, as whoever pulls it would."""
    if not signing.authorities:
        return
    from wasmbuild.trust.discovery import all_wanted, found  # noqa: PLC0415  (with cryptography)
    from wasmbuild.trust.verifier import Verifier, require, require_attestation  # noqa: PLC0415

    with refusal_of(remote), step(setting.sink, "verify", remote.pinned.short):
        candidates = found(remote.repository, remote.descriptor, all_wanted)
        evidence = Verifier(signing.authorities).verify(remote.descriptor, candidates)
        require(evidence, str(remote.pinned))
        for each in beside:
            require_attestation(evidence, each.predicate.type, str(remote.pinned))


def _keep_sbom(beside: Sequence[Companion], made: Made) -> Path | None:
    for each in beside:
        if each.document is not None and each.predicate.type in _SBOMS:
            path = made.built.wasm_path.with_suffix(_SBOMS[each.predicate.type])
            with storage_errors(f"{path} could not be written"):
                write_atomically(path, each.document.data)
            return path
    return None


def _attached(entry: Unsigned | Attestation | Signature) -> Attached:
    match entry:
        case Signature(kind=kind):
            name = f"signature ({kind.value})"
        case Attestation(predicate_type=predicate_type, kind=kind):
            name = f"attestation {short_name(predicate_type)} ({kind.value})"
        case Unsigned(media_type=media_type):
            name = "statement" if "in-toto" in media_type else "SBOM"
    return Attached(name, str(entry.manifest.digest), entry.manifest.media_type)

"""``verify-file``: that a file is the one of a signed artifact, or that a bundle beside it vouches for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import ContentTooLarge, DigestMismatch, Failure
from registry.files import open_regular
from registry.model import Descriptor, describe
from registry.reference import Reference
from registry.words import pasted, printable
from wasmbuild.errors import InvalidSignature, UsageFailed
from wasmbuild.events import Note, Sink
from wasmbuild.trust.authority import Authority
from wasmbuild.trust.bundle import BUNDLE, MAX_BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.evidence import Evidence
from wasmbuild.trust.filebundle import open_beside
from wasmbuild.trust.verifier import Verifier, require, require_attestation
from wasmbuild.workflows.capability_claim import check_file
from wasmbuild.workflows.demand import Demand, Refused
from wasmbuild.workflows.image_file import wasm_file
from wasmbuild.workflows.platforms import find_manifest
from wasmbuild.workflows.remote import Remote
from wasmbuild.workflows.verify_report import tell_held

if TYPE_CHECKING:
    from wasmbuild.trust.policy.verdict import Verdict

__all__ = ["VerifiedFile", "verify_against", "verify_bundle"]

MAX_FILE = 1024**3
"""Bytes of a file that a bundle vouches for: a signature over the file itself is checked over all of it at once."""

_WASM = "application/wasm"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file, what it is, and the evidence about it; ``remote`` is the artifact that it is the file of, if asked."""

    file: Path
    content: Descriptor
    evidence: Evidence
    remote: Remote | None = None
    denied: "Verdict | None" = None

    @property
    def text(self) -> str:
        """The artifact by digest, or else the digest of the file."""
        return str(self.remote.pinned if self.remote else self.content.digest)

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        named = {"file": str(self.file), "digest": str(self.content.digest), "size": self.content.size}
        if self.remote is not None:
            return {**named, **Refused(self.remote, self.evidence, self.denied).to_json()}
        return {**named, **self.evidence.to_json()}


def verify_against(
    file: Path, reference: Reference, demand: Demand, *, registries: Registries, sink: Sink
) -> VerifiedFile:
    """Insist that a file is exactly the WebAssembly file of an artifact that fulfils a demand.

    What the reference means, index or manifest, must fulfil it. Raises DigestMismatch for another file,
    UnknownArtifact, UsageFailed, what the demand raises, with a VerifiedFile as details, and what the client raises.
    """
    remote = Remote.resolve(reference, registries)
    layer = wasm_file(remote.repository, find_manifest(remote.repository, remote.descriptor, None)[1]).descriptor
    found = _digest_of(file, layer.digest)
    if found != layer.digest:
        raise DigestMismatch(
            f"{file} is not the file of {remote.pinned}", cause=f"it is {found}, and not {layer.digest}"
        )
    try:
        evidence = demand.check(remote, sink)
    except Failure as failure:
        if isinstance(failure.details, Refused):
            found_out = failure.details
            failure.details = VerifiedFile(file, layer.plain(), found_out.evidence, remote, found_out.denied)
        raise
    tell_held(evidence, sink)
    return VerifiedFile(file, layer.plain(), evidence, remote)


def verify_bundle(
    file: Path, bundle: Path, authorities: tuple[Authority, ...], predicate_type: str | None, sink: Sink
) -> VerifiedFile:
    """Insist that a bundle says of a file that it is the signer's; or, with a type, attests something of it.

    Raises InvalidSignature or InvalidAttestation, with a VerifiedFile as details, ContentTooLarge, UsageFailed.
    """
    content = _read(file, MAX_FILE)
    candidate = Candidate(SignatureKind.BUNDLE, BUNDLE, _read(bundle, MAX_BUNDLE))
    verifier = Verifier(authorities, opening=partial(open_beside, content))
    described = describe(_WASM, content)
    evidence = replace(
        verifier.verify(described, [candidate]), wanted=(predicate_type,) if predicate_type is not None else ()
    )
    verified = VerifiedFile(file, described, evidence)
    try:
        _require(verified, bundle)
    except Failure as failure:
        found_out = failure.details
        failure.details = replace(verified, evidence=found_out) if isinstance(found_out, Evidence) else verified
        raise
    sink(Note("info", f"{bundle} vouches for {described.digest}"))
    return verified


def _require(verified: VerifiedFile, bundle: Path) -> None:
    """Insist on what was asked for. Raises InvalidSignature, InvalidAttestation."""
    types = verified.evidence.wanted
    for each in types:
        require_attestation(verified.evidence, each, str(verified.file))
    check_file(verified.evidence, verified.file)
    attested = verified.evidence.attestations
    if not types and attested:
        raise InvalidSignature(
            f"{bundle} is no signature of {verified.file}",
            cause=f"it attests something: {printable(attested[0].predicate_type or '', 200)}",
            hint=f"wasmbuild verify-file {pasted(verified.file)} --bundle {pasted(bundle)} --type TYPE …",
        )
    if not types:
        require(verified.evidence, str(verified.file))


def _read(file: Path, limit: int) -> bytes:
    """The bytes of a file of at most ``limit``. Raises UsageFailed, ContentTooLarge."""
    with _opened(file) as opened:
        data = opened.read(limit + 1)
    if len(data) > limit:
        raise ContentTooLarge(f"{file} has more than {limit} bytes")
    return data


def _digest_of(file: Path, like: Digest) -> Digest:
    """The digest of a file, by the algorithm of another one. Raises UsageFailed."""
    hasher = like.hasher()
    with _opened(file) as opened:
        while data := opened.read(_CHUNK):
            hasher.update(data)
    return Digest(like.algorithm, hasher.hexdigest())


@contextmanager
def _opened(file: Path) -> Iterator[BufferedReader]:
    try:
        with open_regular(file) as opened:
            yield opened
    except OSError as error:
        raise UsageFailed(f"{file} cannot be read", cause=error.strerror) from error

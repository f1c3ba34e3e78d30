"""``sign``: signatures beside an artifact that a registry has, in each form that verifiers read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.client.registries import Registries
from registry.digest import Digest
from registry.model import Descriptor
from registry.reference import Reference
from wasmbuild.created import EPOCH_VARIABLE, creation_time
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust import clock
from wasmbuild.trust.authority import Authority, KeyAuthority, Signer
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.companion import Suffix, add_layer, companion_tag
from wasmbuild.trust.discovery import found_referrers, found_under_tag
from wasmbuild.trust.notation.payload import RESERVED
from wasmbuild.trust.referrer import Referrer
from wasmbuild.trust.signer import Signatory, sign, sign_payload
from wasmbuild.trust.simplesigning import MAX_PAYLOAD, Payload
from wasmbuild.trust.verifier import Claim, Verifier
from wasmbuild.workflows.beside import Attached, Beside
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.notation.signing import Credential

__all__ = [
    "ALL_KINDS",
    "Certificates",
    "Signature",
    "Signed",
    "Wish",
    "attach_signatures",
    "parse_kinds",
    "sign_remote",
    "with_a_place",
]

ALL_KINDS = (SignatureKind.BUNDLE, SignatureKind.LEGACY)
"""The forms that a key alone can write, so that every verifier of keys has its own."""

_EVERY_KIND = (*ALL_KINDS, SignatureKind.NOTATION)


@dataclass(frozen=True, slots=True)
class Wish:
    """How to sign: with which key, in which forms, and with which annotations; ``created`` is RFC 3339.

    ``credential`` is needed for the form of Notation.
    """

    key: Signatory
    created: str
    kinds: tuple[SignatureKind, ...] = ALL_KINDS
    annotations: Mapping[str, str] = field(default_factory=dict)
    credential: "Credential | None" = None

    def __post_init__(self) -> None:
        if SignatureKind.NOTATION in self.kinds and self.credential is None:
            raise ValueError("a signature of Notation needs a credential")


@dataclass(frozen=True, slots=True)
class Certificates:
    """What Notation's form needs besides a key: the PEM of a chain, the key's first, and which envelope to write."""

    pem: bytes
    media_type: str

    def credential(self, key: Signatory, environment: Mapping[str, str]) -> "Credential":
        """A key with this chain, which signs at SOURCE_DATE_EPOCH, or now where that is not set.

        Raises InvalidKey, UsageFailed.
        """
        from wasmbuild.trust.notation.signing import Credential  # noqa: PLC0415 - imports all of X.509

        epoch = creation_time(environment)
        signed_at = datetime.fromisoformat(epoch) if environment.get(EPOCH_VARIABLE) else clock.now()
        return Credential.of(key, self.pem, signed_at.replace(microsecond=0), self.media_type)


@dataclass(frozen=True, slots=True)
class Signature:
    """The manifest that holds a signature; ``added`` is False when the same one was there before."""

    kind: SignatureKind
    manifest: Descriptor
    added: bool

    @property
    def is_new_referrer(self) -> bool:
        """Whether there is one manifest more now that refers to the artifact."""
        return self.added and self.kind is not SignatureKind.LEGACY

    def to_json(self) -> dict[str, Any]:
        """An entry of a command's document."""
        return {"kind": self.kind.value, "manifest": self.manifest.to_json(), "added": self.added}


@dataclass(frozen=True, slots=True)
class Signed:
    """An artifact and its signatures by one key, or by an identity, which is ``signer``."""

    remote: Remote
    signatures: tuple[Signature, ...]
    signer: Signer | None = None

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            **self.remote.to_json(),
            "signature": self.signatures[0].manifest.to_json(),
            "signatures": [signature.to_json() for signature in self.signatures],
            "added": any(signature.added for signature in self.signatures),
        }


def parse_kinds(text: str | None, *, certified: bool = False) -> tuple[SignatureKind, ...]:
    """Read ``bundle,legacy,notation`` or ``all``; nothing means the first two.

    Raises UsageFailed for a form that we do not write, or cannot because nobody is ``certified``.
    """
    if text is None:
        return ALL_KINDS
    known = {kind.value: kind for kind in _EVERY_KIND}
    names = list(known) if text.strip() == "all" else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UsageFailed(
                f"{name[:80]!r} is not a form of signatures that wasmbuild writes",
                hint=f"--signature-format {','.join(known)}",
            )
    if SignatureKind.NOTATION.value in names and not certified:
        raise UsageFailed(
            "a signature of Notation needs a certificate",
            hint="wasmbuild sign REFERENCE --key wasmbuild.key --signature-format all --certificate-chain FILE",
        )
    return tuple(known[name] for name in known if name in names)


def sign_remote(  # noqa: PLR0913 - each of them is a choice of the caller's
    reference: Reference,
    key: Signatory,
    *,
    kinds: tuple[SignatureKind, ...] = ALL_KINDS,
    annotations: Mapping[str, str] | None = None,
    certificates: Certificates | None = None,
    registries: Registries,
    sink: Sink,
    environment: Mapping[str, str],
) -> Signed:
    """Sign what a reference means now. Raises InvalidKey when ``certificates`` cannot sign."""
    credential = None if certificates is None else certificates.credential(key, environment)
    wish = Wish(key, creation_time(environment), kinds, annotations or {}, credential)
    remote = Remote.resolve(reference, registries)
    where = Attached(remote.repository, remote.pinned, remote.descriptor)
    return Signed(remote, attach_signatures(where, wish, sink))


def attach_signatures(where: Attached, wish: Wish, sink: Sink) -> tuple[Signature, ...]:
    """Sign a manifest in each form and push that next to it; what the key has said already is not said again.

    A signature does not become better by another one, and what is repeated by a machine would pile up.
    Raises UsageFailed for annotations that are too long, what :func:`add_layer` raises, and what the
    store raises.
    """
    store = where.repository if isinstance(where.repository, Beside) else Beside(where.repository)
    where = replace(where, repository=store)
    kinds = with_a_place(where.subject.digest, wish.kinds, "sig", sink)
    payload = Payload(where.subject.digest, where.reference.name, wish.annotations)
    if len(payload.encode()) > MAX_PAYLOAD:
        raise UsageFailed("the annotations are too long", cause=f"what is signed has at most {MAX_PAYLOAD} bytes")
    if SignatureKind.NOTATION in kinds and any(name.startswith(RESERVED) for name in wish.annotations):
        raise UsageFailed(f"annotations that begin with {RESERVED} are Notation's own")
    known = {kind: _known(where, wish, kind) for kind in kinds}
    if not all(known.values()):
        with step(sink, "sign", where.reference.short):
            made = {kind: known[kind] or _attach(where, wish, kind, payload) for kind in kinds}
    else:
        sink(Note("info", f"{where.reference.short} is signed by this key already"))
        made = {kind: found for kind, found in known.items() if found is not None}
    return tuple(Signature(kind, made[kind], added=known[kind] is None) for kind in kinds)


def with_a_place(
    digest: Digest, kinds: tuple[SignatureKind, ...], suffix: Suffix, sink: Sink
) -> tuple[SignatureKind, ...]:
    """The forms that there are for an artifact; a digest too long for a tag has no ``.sig`` and no ``.att``."""
    if SignatureKind.LEGACY not in kinds or companion_tag(digest, suffix) is not None:
        return kinds
    cause = f"a tag of cosign's for {digest.algorithm} is longer than a tag may be"
    if kinds == (SignatureKind.LEGACY,):
        raise UsageFailed(f"{digest} cannot have a .{suffix} tag", cause=cause, hint="--signature-format bundle")
    sink(Note("info", f"written without a .{suffix} tag: {cause}"))
    return tuple(kind for kind in kinds if kind is not SignatureKind.LEGACY)


def _known(where: Attached, wish: Wish, kind: SignatureKind) -> Descriptor | None:
    """The manifest that holds what is wished for already: the key's signature, with the same statement."""
    find = found_under_tag if kind is SignatureKind.LEGACY else found_referrers
    candidates = [each for each in find(where.repository, where.subject) if _may_be_ours(each, wish)]
    evidence = Verifier([_ourselves(wish, kind)]).verify(where.subject, candidates)
    for finding in evidence.signatures:
        if finding.kind is kind and finding.claim is not None and _says_the_same(finding.claim, where, wish, kind):
            return finding.manifest
    return None


def _may_be_ours(candidate: Candidate, wish: Wish) -> bool:
    """Whether a candidate is not in the other of Notation's envelopes than the wished one."""
    credential = wish.credential
    return candidate.kind is not SignatureKind.NOTATION or (
        credential is not None and candidate.media_type == credential.media_type
    )


def _ourselves(wish: Wish, kind: SignatureKind) -> Authority:
    """Who has signed in a form before; in Notation's with the same certificate, as that may have been renewed."""
    if kind is SignatureKind.NOTATION and wish.credential is not None:
        return wish.credential.own
    return KeyAuthority(wish.key.public)


def _says_the_same(claim: Claim, where: Attached, wish: Wish, kind: SignatureKind) -> bool:
    # podman compares the name under a .sig tag with where it pulls from; of a bundle's nobody asks.
    same_name = kind is not SignatureKind.LEGACY or claim.name == where.reference.name
    return same_name and dict(claim.annotations) == dict(wish.annotations)


def _attach(where: Attached, wish: Wish, kind: SignatureKind, payload: Payload) -> Descriptor:
    if kind is SignatureKind.LEGACY:
        layer, data = sign_payload(payload, wish.key)
        return add_layer(where.repository, where.subject.digest, layer, data)
    return _referrer(where, wish, kind).push_to(where.repository)


def _referrer(where: Attached, wish: Wish, kind: SignatureKind) -> Referrer:
    if kind is SignatureKind.NOTATION and wish.credential is not None:
        return wish.credential.sign(where.subject, wish.annotations)
    return sign(where.subject, where.reference.name, wish.key, wish.created, wish.annotations)

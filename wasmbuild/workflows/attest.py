"""``attest``: signed statements beside an artifact that a registry has, in each form that verifiers read.

What is said twice by the same key is written once. Not here: who makes the predicates, and how what is
found is judged (``wasmbuild.trust.verifier``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.client.registries import Registries
from registry.errors import InvalidDocument
from registry.files import read_regular
from registry.model import Descriptor
from registry.reference import Reference
from registry.strictjson import load_json
from wasmbuild.created import creation_time
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink, step
from wasmbuild.trust.attesting import attest, essence
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.candidate import SignatureKind
from wasmbuild.trust.companion import add_layers
from wasmbuild.trust.discovery import found_referrers, found_under_tag
from wasmbuild.trust.evidence import Evidence, Finding
from wasmbuild.trust.predicates import MAX_PREDICATE, short_name
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import Signatory
from wasmbuild.trust.statement import Predicate, Statement, Subject
from wasmbuild.trust.verifier import Verifier, require_attestation
from wasmbuild.workflows.beside import Attached, Beside
from wasmbuild.workflows.remote import Remote
from wasmbuild.workflows.sign import Wish, with_a_place

__all__ = [
    "FORMS",
    "MAX_PREDICATE",
    "Attestation",
    "Attested",
    "Said",
    "attach_attestation",
    "attach_attestations",
    "attest_remote",
    "parse_forms",
    "read_predicate",
    "required_attestations",
]

FORMS = (SignatureKind.BUNDLE, SignatureKind.LEGACY)
"""The forms that attestations have; a signature of the Notary Project says nothing but that it is one."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be said of an artifact; ``subjects`` are those that it is about besides the manifest."""

    predicate: Predicate
    subjects: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True)
class Attestation:
    """The manifest that holds an attestation; ``added`` is False when the same one was there before."""

    predicate_type: str
    kind: SignatureKind
    manifest: Descriptor
    added: bool

    @property
    def is_new_referrer(self) -> bool:
        """Whether there is one manifest more now that refers to the artifact."""
        return self.added and self.kind is SignatureKind.BUNDLE

    def to_json(self) -> dict[str, Any]:
        """An entry of a command's document."""
        return {
            "predicateType": self.predicate_type,
            "kind": self.kind.value,
            "manifest": self.manifest.to_json(),
            "added": self.added,
        }


@dataclass(frozen=True, slots=True)
class Attested:
    """An artifact, and what one key attests of it."""

    remote: Remote
    attestations: tuple[Attestation, ...]

    @property
    def reference(self) -> Reference:
        """The artifact by digest."""
        return self.remote.pinned

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            **self.remote.to_json(),
            "predicateType": self.attestations[0].predicate_type,
            "attestations": [each.to_json() for each in self.attestations],
            "added": any(each.added for each in self.attestations),
        }


def parse_forms(text: str | None) -> tuple[SignatureKind, ...]:
    """Read ``bundle,legacy``; nothing means both. Raises UsageFailed for a form that attestations do not have."""
    if text is None:
        return FORMS
    known = {kind.value: kind for kind in FORMS}
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UsageFailed(
                f"{name[:80]!r} is not a form of attestations", hint=f"--signature-format {','.join(known)}"
            )
    return tuple(known[name] for name in known if name in names)


def read_predicate(file: Path, predicate_type: str) -> Predicate:
    """The predicate in a file: one JSON object, of at most 16 MiB, in which no key is twice. Raises UsageFailed."""
    try:
        data = read_regular(file, MAX_PREDICATE)
    except OSError as error:
        raise UsageFailed(f"{file} cannot be read", cause=error.strerror) from error
    try:
        content = load_json(data, str(file))
    except InvalidDocument as failure:
        raise UsageFailed(f"{file} is no predicate", cause=failure.cause or failure.what) from failure
    if not isinstance(content, dict):
        raise UsageFailed(f"{file} is no predicate", cause="one is a JSON object")
    return Predicate(predicate_type, content)


def attest_remote(
    reference: Reference,
    said: Said,
    key: Signatory,
    *,
    kinds: tuple[SignatureKind, ...] = FORMS,
    registries: Registries,
    sink: Sink,
    environment: Mapping[str, str],
) -> Attested:
    """Attest something of what a reference means now. Raises as :func:`attach_attestations`."""
    wish = Wish(key, creation_time(environment), kinds)
    remote = Remote.resolve(reference, registries)
    where = Attached(remote.repository, remote.pinned, remote.descriptor)
    return Attested(remote, attach_attestations(where, [said], wish, sink))


def attach_attestation(
    where: Attached, predicate: Predicate, wish: Wish, sink: Sink, subjects: Sequence[Subject] = ()
) -> tuple[Attestation, ...]:
    """Attest one thing of an artifact. Raises as :func:`attach_attestations`."""
    return attach_attestations(where, [Said(predicate, tuple(subjects))], wish, sink)


def attach_attestations(where: Attached, said: Sequence[Said], wish: Wish, sink: Sink) -> tuple[Attestation, ...]:
    """Attest things of an artifact, each in each form; what the key has said already is not said again.

    The artifact's own digest is the first subject of each statement. What is there is listed once for all.
    Raises UsageFailed for a predicate that is too large, what :func:`add_layers` raises, what the key raises,
    and what the store raises.
    """
    store = where.repository if isinstance(where.repository, Beside) else Beside(where.repository)
    where = replace(where, repository=store)
    statements = [_statement(where, each) for each in said]
    wished = tuple(kind for kind in wish.kinds if kind in FORMS) or FORMS
    kinds = with_a_place(where.subject.digest, wished, "att", sink)
    findings = _findings(where, wish, statements, kinds)
    known = [_known_of(statement, findings) for statement in statements]
    missing = [(place, kind) for place in range(len(statements)) for kind in kinds if kind not in known[place]]
    if not missing:
        names = ", ".join(short_name(statement.predicate_type) for statement in statements)
        sink(Note("info", f"{where.reference.short} is attested by this key already: {names}"))
    made = _attach(store, where, wish, statements, missing, sink)
    return tuple(
        Attestation(
            statement.predicate_type,
            kind,
            made[place, kind] if (place, kind) in made else known[place][kind],
            added=(place, kind) in made,
        )
        for place, statement in enumerate(statements)
        for kind in kinds
    )


def required_attestations(evidence: Evidence, predicate_type: str) -> tuple[Finding, ...]:
    """The attestations of a type that hold, of which there must be one: none is a failure, and never a success.

    Raises InvalidAttestation.
    """
    require_attestation(evidence, predicate_type, str(evidence.subject))
    return tuple(finding for finding in evidence.of_type(predicate_type) if finding.holds)


def _statement(where: Attached, said: Said) -> Statement:
    statement = Statement.about(where.subject.digest, where.reference.name, said.predicate, said.subjects)
    if len(statement.encode()) > MAX_PREDICATE + 1024 * 1024:
        raise UsageFailed("the predicate is too large", cause=f"one has at most {MAX_PREDICATE} bytes")
    return statement


def _findings(
    where: Attached, wish: Wish, statements: Sequence[Statement], kinds: tuple[SignatureKind, ...]
) -> tuple[Finding, ...]:
    """What this key has attested of the artifact so far, of the same types."""
    types = {statement.predicate_type for statement in statements}
    store, subject = where.repository, where.subject
    candidates = found_referrers(store, subject, types.__contains__) if SignatureKind.BUNDLE in kinds else []
    if SignatureKind.LEGACY in kinds:
        candidates += found_under_tag(store, subject, "att", types.__contains__)
    evidence = Verifier([KeyAuthority(wish.key.public)]).verify(subject, candidates)
    return tuple(finding for finding in evidence.attestations if finding.holds)


def _known_of(statement: Statement, findings: Sequence[Finding]) -> dict[SignatureKind, Descriptor]:
    """The manifests that have a statement already, by form."""
    wanted = essence(statement)
    return {
        finding.kind: finding.manifest
        for finding in findings
        if finding.manifest is not None
        and finding.claim is not None
        and finding.claim.statement is not None
        and essence(finding.claim.statement) == wanted
    }


def _attach(
    store: Beside,
    where: Attached,
    wish: Wish,
    statements: Sequence[Statement],
    missing: Sequence[tuple[int, SignatureKind]],
    sink: Sink,
) -> dict[tuple[int, SignatureKind], Descriptor]:
    """Sign what is missing, and put it beside the artifact; the manifests."""
    if not missing:
        return {}
    wanted = sorted({place for place, _ in missing})
    legacy = [place for place, kind in missing if kind is SignatureKind.LEGACY]
    with step(sink, "attest", ", ".join(short_name(statements[place].predicate_type) for place in wanted)):
        signed = {place: attest(statements[place], wish.key) for place in wanted}
        referrers = {
            place: attach(signed[place].bundle, where.subject, signed[place].predicate_type, wish.created)
            for place, kind in missing
            if kind is SignatureKind.BUNDLE
        }
        layers = [(signed[place].layer, signed[place].envelope) for place in legacy]
        store.push_all([*((each.bundle, each.bundle_bytes) for each in referrers.values()), *layers])
        made = {(place, SignatureKind.BUNDLE): each.push_to(store) for place, each in referrers.items()}
        if legacy:
            manifest = add_layers(store, where.subject.digest, layers, "att")
            made |= {(place, SignatureKind.LEGACY): manifest for place in legacy}
    return made

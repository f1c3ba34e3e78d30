"""Capability attestations of artifacts: made from the bytes, and held against the bytes.

Not here: the predicate (``wasmbuild.trust.capability``), and who signs it (``attest``).
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.content import Fetcher
from registry.digest import Digest
from registry.errors import ContentTooLarge
from registry.files import storage_errors
from registry.graph import read_document
from registry.model import TITLE, Descriptor, Index, Manifest, is_document
from registry.reference import Reference
from wasmbuild.errors import InvalidAttestation, UnknownArtifact, UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.trust.capability import CapabilityClaim
from wasmbuild.trust.predicates import CAPABILITIES_V1
from wasmbuild.trust.statement import Predicate, Subject
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.mapped import read_mapped
from wasmbuild.workflows.image_file import WasmFile, holds_wasm, wasm_file
from wasmbuild.workflows.remote import Remote

if TYPE_CHECKING:
    from wasmbuild.trust.evidence import Evidence
    from wasmbuild.workflows.attest import Said

__all__ = [
    "capability_claim",
    "capability_predicate",
    "check_file",
    "compare_claims",
    "said_of_remote",
]

MAX_FILE = 1024**3
"""Bytes of a file that is fetched only to be held against what is said of it."""

_MOST_MANIFESTS = 100


def capability_claim(wasm: bytes | Path) -> CapabilityClaim:
    """What a file asks for and offers. Raises InvalidWasm; OSError for a file that cannot be read."""
    if isinstance(wasm, bytes):
        return CapabilityClaim.of(read(wasm), Digest.of(wasm))
    binary, digest = read_mapped(wasm, read)
    return CapabilityClaim.of(binary, digest)


def capability_predicate(wasm: bytes | Path) -> Predicate:
    """The predicate to sign about a file. Raises as :func:`capability_claim`."""
    return capability_claim(wasm).to_predicate()


def said_of_remote(reference: Reference, registries: Registries, sink: Sink) -> "tuple[Reference, Said]":
    """What the file of an artifact asks for and offers, to be attested, and the artifact by digest.

    Raises UsageFailed for an index with several files, and as :func:`compare_claims`.
    """
    from wasmbuild.workflows.attest import Said  # noqa: PLC0415  (verifying needs none of it)

    remote = Remote.resolve(reference, registries)
    with step(sink, "read", remote.pinned.short):
        files = _files(remote.repository, remote.descriptor)
        if len(files) != 1:
            raise UsageFailed(
                f"{remote.pinned} is an index with {len(files)} files", hint="attest each of its manifests, by digest"
            )
        (found,) = files.values()
        with _fetched(found) as file:
            predicate = capability_predicate(file)
    layer = found.descriptor
    own = Subject({layer.digest.algorithm: layer.digest.encoded}, layer.annotations.get(TITLE))
    return remote.pinned, Said(predicate, (own,))


def compare_claims(
    store: Fetcher, artifact: Descriptor, short: str, evidence: "Evidence", sink: Sink, *, all_files: bool = False
) -> tuple[CapabilityClaim, ...]:
    """Hold each capability attestation that somebody trusted has signed against the bytes; the claims, all true.

    Asks the store for nothing where there is none; ``short`` is for a line of progress. Of an index, each has
    to be about a file of it, and with ``all_files`` each file needs one. Raises InvalidAttestation,
    ContentTooLarge, UnknownArtifact, StorageFailed, InvalidWasm, and what the store raises.
    """
    with _fault_of(evidence):
        claims = _claims(evidence)
        if claims:
            with step(sink, "compare", short):
                _compare(claims, _files(store, artifact), all_files=all_files)
        return claims


def check_file(evidence: "Evidence", file: Path) -> None:
    """The same for a file that is here. Raises InvalidAttestation, InvalidWasm; OSError when it cannot be read."""
    with _fault_of(evidence):
        claims = _claims(evidence)
        found = capability_claim(file) if claims else None
        for claim in claims:
            assert found is not None
            claim.hold_against(found)


@contextmanager
def _fault_of(evidence: "Evidence") -> Iterator[None]:
    """Let what is not true be a fault of the evidence: the signature under it holds."""
    try:
        yield
    except InvalidAttestation as failure:
        failure.details = replace(evidence, fault=str(failure))
        raise


def _compare(claims: Sequence[CapabilityClaim], files: Mapping[Digest, WasmFile], *, all_files: bool) -> None:
    only = next(iter(files.values())) if len(files) == 1 else None
    for claim in claims:
        found = files.get(claim.digest, only)
        if found is None:
            raise InvalidAttestation(
                "a capability attestation is about no file of the index", cause=f"it is for {claim.digest}"
            )
        with _fetched(found) as file:
            claim.hold_against(capability_claim(file))
    unsaid = [digest for digest in files if digest not in {claim.digest for claim in claims}]
    if all_files and unsaid:
        what = "nothing is attested of the capabilities of a file of the index"
        raise InvalidAttestation(what, cause=f"it has {unsaid[0]}")


def _claims(evidence: "Evidence") -> tuple[CapabilityClaim, ...]:
    """What those who are trusted say of capabilities, each once. Raises InvalidAttestation."""
    statements = (
        finding.claim.statement
        for finding in evidence.attestations
        if finding.claim is not None and finding.predicate_type == CAPABILITIES_V1
    )
    found = (CapabilityClaim.parse(each.predicate) for each in statements if each is not None)
    return tuple(dict.fromkeys(found))


def _files(store: Fetcher, artifact: Descriptor) -> dict[Digest, WasmFile]:
    """The wasm files of an artifact, each once: of an index, those of the manifests that it lists.

    Raises UnknownArtifact for an index within an index: what is in there would not be looked at.
    """
    document = read_document(store, artifact)[1]
    if isinstance(document, Manifest):
        only = wasm_file(store, document)
        return {only.descriptor.digest: only}
    files: dict[Digest, WasmFile] = {}
    for entry in _listed(document):
        manifest = read_document(store, entry)[1]
        if isinstance(manifest, Index):
            raise UnknownArtifact(f"{artifact.digest} has an index within the index", cause=str(entry.digest))
        try:
            found = wasm_file(store, manifest)
        except UnknownArtifact:
            if holds_wasm(store, manifest):
                raise
            continue  # an index may list other things beside
        files[found.descriptor.digest] = found
    return files


def _listed(index: Index) -> list[Descriptor]:
    entries = [entry.plain() for entry in index.manifests if is_document(entry.media_type)]
    if len(entries) > _MOST_MANIFESTS:
        raise ContentTooLarge(f"the index lists {len(entries)} manifests", cause=f"at most {_MOST_MANIFESTS} are read")
    return entries


@contextmanager
def _fetched(found: WasmFile) -> Iterator[Path]:
    """The file, whose digest has been verified, for as long as it is looked at."""
    layer = found.descriptor
    if layer.size > MAX_FILE:
        raise ContentTooLarge(
            f"{layer.digest} is too large to be held against what is said of it",
            cause=f"it has {layer.size} bytes, more than {MAX_FILE}",
        )
    with storage_errors("there is no room for the file"), tempfile.TemporaryDirectory(prefix="wasmbuild-") as folder:
        path = Path(folder) / "file.wasm"
        with path.open("wb") as file, found.source.fetch(layer) as reader:
            for chunk in reader:
                file.write(chunk)
        yield path

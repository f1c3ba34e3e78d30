"""What ``rebuild`` found, for people, for programs, and as a predicate to attest."""

from collections.abc import Mapping
from typing import Any

from registry.model import TITLE
from registry.words import printable
from wasmbuild import __version__
from wasmbuild.created import creation_time
from wasmbuild.events import Sink
from wasmbuild.trust.predicates import REBUILD
from wasmbuild.trust.provenance import GIT_COMMIT
from wasmbuild.trust.signer import Signatory
from wasmbuild.trust.statement import Predicate, Subject
from wasmbuild.wasm.compare.sections import Comparison, Differing, Verdict
from wasmbuild.workflows.attest import Attestation, attach_attestation
from wasmbuild.workflows.beside import Attached
from wasmbuild.workflows.builders import builder_of
from wasmbuild.workflows.rebuild import Rebuilt
from wasmbuild.workflows.sign import Wish

__all__ = ["attach_verdict", "to_json", "to_text", "verdict_predicate"]

_MOST = 60


def to_text(rebuilt: Rebuilt) -> str:
    """A page for a person: the verdict, each section that differs, and where the provenance is from."""
    origin, comparison = rebuilt.origin, rebuilt.comparison
    provenance = origin.provenance
    source, place = provenance.source, provenance.parameters.source
    signed = f"signed by {printable(origin.signer.identity, 200)}" if origin.signer else "verified by nobody"
    commit = printable(source.digests[GIT_COMMIT]) if source else "an unknown commit"
    shown = [_line(each) for each in comparison.differing[:_MOST]]
    more = [f"  … and {len(comparison.differing) - _MOST} more"] if len(comparison.differing) > _MOST else []
    return "\n".join(
        [
            _headline(rebuilt),
            *shown,
            *more,
            f"source {commit}{f' of {printable(place)}' if place else ''}",
            f"builder {printable(provenance.builder.id)}, {signed}: SLSA build level {origin.level} at most",
        ]
    )


def to_json(rebuilt: Rebuilt) -> dict[str, Any]:
    """The document of the command."""
    origin = rebuilt.origin
    source = origin.provenance.source
    return {
        **rebuilt.fetched.remote.to_json(),
        "verdict": rebuilt.verdict.value,
        "accepted": rebuilt.accepted,
        "published": {"digest": str(rebuilt.published), "size": rebuilt.fetched.located.layer.size},
        "rebuilt": {"digest": str(rebuilt.digest), "size": len(rebuilt.wasm)},
        "sections": _sections(rebuilt.comparison),
        "provenance": {
            "verified": origin.signer is not None,
            "signer": origin.signer.to_json() if origin.signer else None,
            "slsaLevelAtMost": origin.level,
            "builder": origin.provenance.builder.id,
            "commit": source.digests[GIT_COMMIT] if source else None,
            "externalParameters": origin.provenance.parameters.to_json(),
        },
    }


def verdict_predicate(rebuilt: Rebuilt, environment: Mapping[str, str]) -> Predicate:
    """The verdict, to be attested by whoever built again; the same for the same outcome."""
    source = rebuilt.origin.provenance.source
    return Predicate(
        REBUILD,
        {
            "verdict": rebuilt.verdict.value,
            "rebuilt": {"digest": {rebuilt.digest.algorithm: rebuilt.digest.encoded}},
            "sections": _sections(rebuilt.comparison),
            "source": {"digest": {GIT_COMMIT: source.digests[GIT_COMMIT]}} if source else {},
            "provenance": {
                "builder": rebuilt.origin.provenance.builder.id,
                "verified": rebuilt.origin.signer is not None,
            },
            "rebuilder": {"id": builder_of(environment)[0], "version": {"wasmbuild": __version__}},
        },
    )


def attach_verdict(
    rebuilt: Rebuilt, key: Signatory, sink: Sink, environment: Mapping[str, str]
) -> tuple[Attestation, ...]:
    """Attest the verdict of the artifact and of its file. Raises as ``attach_attestation``."""
    remote, layer = rebuilt.fetched.remote, rebuilt.fetched.located.layer
    where = Attached(remote.repository, remote.pinned, remote.descriptor)
    subject = Subject({layer.digest.algorithm: layer.digest.encoded}, layer.annotations.get(TITLE))
    wish = Wish(key, creation_time(environment))
    return attach_attestation(where, verdict_predicate(rebuilt, environment), wish, sink, (subject,))


def _headline(rebuilt: Rebuilt) -> str:
    if rebuilt.verdict is Verdict.IDENTICAL:
        return f"identical: {rebuilt.published}"
    names = ", ".join(printable(name, 100) for name in rebuilt.comparison.names[:_MOST])
    if rebuilt.verdict is Verdict.EQUIVALENT:
        return f"equal but for {names}: published {rebuilt.published}, built again {rebuilt.digest}"
    return f"different: published {rebuilt.published}, built again {rebuilt.digest}"


def _line(each: Differing) -> str:
    where = f" in binary {'.'.join(map(str, each.path))}" if each.path else ""
    name = f"  {'custom ' if each.custom else ''}{printable(each.name, 100)}{where}"
    if each.new is None:
        return f"{name}: {each.old} B, published only"
    if each.old is None:
        return f"{name}: {each.new} B, built again only"
    return f"{name}: {each.old} -> {each.new} B, first at byte {each.offset}"


def _sections(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "path": list(each.path),
            "name": each.name,
            "custom": each.custom,
            "published": each.old,
            "rebuilt": each.new,
            "offset": each.offset,
        }
        for each in comparison.differing
    ]

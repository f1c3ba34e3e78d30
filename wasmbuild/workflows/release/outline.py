"""``release --dry-run``: the whole release on one screen, and as the document of the command."""

from collections.abc import Iterator

from registry.words import printable
from wasmbuild.released import Release, ReleasedTarget
from wasmbuild.workflows.companions import names
from wasmbuild.workflows.release.preflight import Preflight, Ready
from wasmbuild.workflows.release.releasing import Wishes

__all__ = ["outline", "planned"]


def planned(flight: Preflight) -> Release:
    """What would be released, as far as it is known before it is built."""
    return Release(tuple(_target(each) for each in flight.ready), flight.sources.commit, flight.sources.ref)


def outline(flight: Preflight, wishes: Wishes, by_whom: str | None) -> str:
    """For people: a line about the sources, and a few for each target; ``by_whom`` it would be signed, in words."""
    commit = flight.sources.commit
    where = f"of the commit {commit[:12]}" if commit else "of no commit"
    ref = flight.sources.ref
    count = sum(_target(each).standing != "unchanged" for each in flight.ready)
    first = f"{count} to release, {where}{f', {printable(ref, 100)}' if ref else ''}"
    return "\n".join([first, *(line for each in flight.ready for line in _lines(each, wishes, by_whom))])


def _target(ready: Ready) -> ReleasedTarget:
    item, known = ready.item, ready.known
    pinned = item.reference.pinned(known.descriptor.digest) if known else item.reference
    unchanged = known is not None and all(ready.is_tagged(tag, known.descriptor) for tag in ready.tags)
    return ReleasedTarget(
        label=item.label,
        repository=item.reference.name,
        version=str(item.version),
        tags=ready.tags,
        reference=str(pinned),
        standing="unchanged" if unchanged else "planned",
        digest=str(known.descriptor.digest) if known else None,
        action_key=str(ready.report.key) if ready.report.key else None,
        previous=ready.check.older[0] if ready.check and ready.check.older else None,
    )


def _lines(ready: Ready, wishes: Wishes, by_whom: str | None) -> Iterator[str]:
    item = ready.item
    yield f"{item.label} {item.version} -> {item.reference.name if not wishes.snapshot else 'dist/oci'}"
    yield f"  build    {_build(ready)}"
    if ready.check and ready.check.older and wishes.compat:
        yield f"  compare  with {ready.check.older[0]}: the step must be big enough for what changed"
    if ready.known is None:
        attached = names(wishes.wanted, built=True, signed=by_whom is not None)
        yield f"  attach   {', '.join(attached) or 'nothing'}"
    yield f"  sign     {by_whom or 'nothing: there is no --key'}"
    if not wishes.snapshot:
        yield f"  tags     {', '.join(_tag(ready, tag) for tag in ready.tags)}"


def _build(ready: Ready) -> str:
    if ready.known is not None:
        there = {"published": "released already", "staged": "staged already, by a release that was interrupted"}
        return f"nothing: {there[ready.known.where]}"
    toolchain, why = ready.report.planned.toolchain, () if ready.report.state == "cached" else ready.report.why
    twice = "" if toolchain.reproducible is None else f"; not reproducible: {toolchain.reproducible}"
    return f"{toolchain.language}, {ready.report.state}{f': {why[0]}' if why else ''}{twice}"


def _tag(ready: Ready, tag: str) -> str:
    now = ready.meanings.get(tag)
    if now is None:
        return f"{tag} (new)"
    if ready.known is not None and now.digest == ready.known.descriptor.digest:
        return f"{tag} (as it is)"
    return f"{tag} (is {now.digest.algorithm}:{now.digest.encoded[:12]})"

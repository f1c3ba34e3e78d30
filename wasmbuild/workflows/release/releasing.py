"""``release``: preflight, build, build again, stage, verify, and last of all the tags, for all targets or for none.

Each step is done for every target before the next begins. Not here: what each of them is (the siblings), and how the
outcome is shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from registry.words import pasted
from registry.workers import together
from wasmbuild.artifact import Packed
from wasmbuild.released import Release, ReleasedTarget, Standing
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.capabilities import Asked, asked
from wasmbuild.wasm.compare.diff import gained
from wasmbuild.wasm.mapped import read_mapped
from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.companions import Wanted
from wasmbuild.workflows.comparing import Bench
from wasmbuild.workflows.compile import OUTPUT_FOLDER
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.planning import find_workspace
from wasmbuild.workflows.release.journal import Entry, Journal, alone
from wasmbuild.workflows.release.making import Made, make
from wasmbuild.workflows.release.preflight import Looking, Preflight, Ready, preflight
from wasmbuild.workflows.release.sources import check_still
from wasmbuild.workflows.release.staging import Signing, Staged, keep_snapshot, stage_known, stage_made
from wasmbuild.workflows.release.standing import check_taken
from wasmbuild.workflows.release.tagging import missing_tags, rehearse_tags, set_tags

__all__ = ["Wishes", "plan_release", "release"]

_AT_ONCE = 4
_RESULTS = "release.json"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to release: where to, who signs, what is attached; ``verify_with`` are the options that verify it then.

    ``twice`` builds each target again to see that the same comes out, ``compat`` holds it against the release before.
    """

    signing: Signing
    wanted: Wanted
    to: str | None = None
    twice: bool = True
    compat: bool = True
    snapshot: bool = False
    verify_with: str | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """What is there to release: a file and its artifact for each target that had to be made; by label."""

    flight: Preflight
    made: Mapping[str, Made]
    packed: Mapping[str, Packed]
    gained: Mapping[str, tuple[str, ...]]


def plan_release(folder: Path, wishes: Wishes, options: BuildOptions, setting: Setting) -> Preflight:
    """What would be released; nothing is built, pushed or locked. Raises as :func:`release` does before it builds."""
    looking = Looking(wishes.to, only_looking=True, snapshot=wishes.snapshot)
    return preflight(folder, looking, options, setting)


def release(folder: Path, wishes: Wishes, options: BuildOptions, setting: Setting) -> Release:
    """Release the project or workspace in a folder; what is released already is left as it is.

    Raises NotReleasable, VersionTaken, NotReproducible, ReleaseRunning, ChangeDenied, and what building, pushing,
    signing and verifying raise. Nothing is tagged then, or the next run goes on where this one ended.
    """
    looking = Looking(wishes.to, snapshot=wishes.snapshot, authorities=wishes.signing.believed)
    # What another release is about to change is not looked at before that is over.
    with alone(find_workspace(folder, options.language).root, setting.caches):
        flight = preflight(folder, looking, options, setting)
        if not wishes.snapshot:
            rehearse_tags(flight.ready)
        if flight.sources.commit is not None and not wishes.snapshot:
            options = replace(options, locked=True)  # a lock that nobody committed pins nothing
        work = _made(folder, flight, wishes, options, setting)
        if wishes.snapshot:
            kept = [_snapshot(each, work, wishes, setting) for each in flight.ready]
            return _released(work, kept, wishes, None)
        staged = _staged(work, wishes, setting)
        journal = Journal.of(flight.workspace)
        if any(missing_tags(each) for each in staged):
            journal.write(_entry(each) for each in staged)
        atomic = set_tags(staged, setting.sink)
        journal.end()
    return _released(work, staged, wishes, atomic)


def _made(folder: Path, flight: Preflight, wishes: Wishes, options: BuildOptions, setting: Setting) -> _Work:
    """Build what has to be, and hold it against what is there. Raises NotReleasable, VersionTaken, ChangeDenied."""
    made = make(folder, flight.ready, options, setting, twice=wishes.twice)
    if made and not wishes.snapshot:
        check_still(flight.sources, [each.report for each in flight.ready], setting.environment)
    packed = {label: each.built.packed() for label, each in made.items()}
    for each in flight.ready:
        if each.item.label in packed:
            check_taken(each.item, each.meanings, packed[each.item.label].manifest)
    work = _Work(flight, made, packed, {})
    return replace(work, gained=_compared(work, wishes, options, setting))


def _staged(work: _Work, wishes: Wishes, setting: Setting) -> list[Staged]:
    return together([partial(_stage, each, work, wishes, setting) for each in work.flight.ready], _AT_ONCE)


def _stage(ready: Ready, work: _Work, wishes: Wishes, setting: Setting) -> Staged:
    if ready.known is not None:
        return stage_known(ready, wishes.signing, setting)
    label = ready.item.label
    return stage_made(ready, work.made[label], work.packed[label], wishes.wanted, wishes.signing, setting)


def _snapshot(ready: Ready, work: _Work, wishes: Wishes, setting: Setting) -> Staged:
    label = ready.item.label
    return keep_snapshot(ready, work.made[label], work.packed[label], wishes.wanted, wishes.signing, setting)


def _entry(staged: Staged) -> Entry:
    item = staged.ready.item
    key = staged.made.built.action_key if staged.made else staged.ready.report.key
    return Entry(item.label, str(item.reference), staged.descriptor.digest, str(key))


def _compared(work: _Work, wishes: Wishes, options: BuildOptions, setting: Setting) -> dict[str, tuple[str, ...]]:
    """The capabilities that each target gained since the release before it, in words. Raises ChangeDenied."""
    bench = Bench(setting.caches, setting.registries, setting.sink, options.offline)
    found: dict[str, tuple[str, ...]] = {}
    for each in work.flight.ready:
        label = each.item.label
        if not wishes.compat or each.check is None or label not in work.packed or each.version_now is not None:
            continue
        verdict = each.check.check(work.packed[label], bench)
        if verdict is not None:
            found[label] = _words(gained(verdict.old.facts, verdict.new.facts))
    return found


def _released(work: _Work, staged: Sequence[Staged], wishes: Wishes, atomic: bool | None) -> Release:
    sources = work.flight.sources
    targets = tuple(_target(each, work, wishes) for each in staged)
    results = work.flight.workspace / OUTPUT_FOLDER / _RESULTS
    return Release(targets, sources.commit, sources.ref, atomic, results)


def _target(staged: Staged, work: _Work, wishes: Wishes) -> ReleasedTarget:
    item, made = staged.ready.item, staged.made
    pinned = item.reference.pinned(staged.descriptor.digest)
    older = staged.ready.check.older if staged.ready.check else None
    key = made.built.action_key if made else staged.ready.report.key
    return ReleasedTarget(
        label=item.label,
        repository=item.reference.name,
        version=str(item.version),
        tags=staged.ready.tags,
        reference=f"oci:{made.built.layout}@{pinned.digest}" if made and wishes.snapshot else str(pinned),
        standing=_standing(staged, wishes),
        digest=str(pinned.digest),
        action_key=str(key) if key else None,
        size=work.packed[item.label].layer.size if made else None,
        seconds=made.seconds if made else None,
        made=made.origin if made else "published",
        reproducible=made.reproducible if made else None,
        attached=staged.attached,
        capabilities=_words(asked(read_mapped(made.built.wasm_path, read)[0])) if made else None,
        gained=work.gained.get(item.label),
        previous=older[0] if older else None,
        verify=None if wishes.snapshot else _verifying(staged, str(pinned), wishes),
        sbom=str(staged.sbom) if staged.sbom else None,
    )


def _verifying(staged: Staged, pinned: str, wishes: Wishes) -> str | None:
    signer, options = staged.signer, wishes.verify_with
    if signer is not None and signer.issuer is not None:
        identity, issuer = pasted(signer.identity), pasted(signer.issuer)
        options = f"--certificate-identity {identity} --certificate-oidc-issuer {issuer}"
    return options and f"wasmbuild verify {pinned} {options}"


def _standing(staged: Staged, wishes: Wishes) -> Standing:
    if wishes.snapshot:
        return "snapshot"
    return "released" if staged.changed or missing_tags(staged) else "unchanged"


def _words(found: Sequence[Asked]) -> tuple[str, ...]:
    return tuple(each.words for each in found)

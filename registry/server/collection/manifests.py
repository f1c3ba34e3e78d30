"""Manifests whose time has come: whether anything leads to them, and what the settings say if not."""

from dataclasses import dataclass

from sqlalchemy import Connection

from registry.digest import Digest
from registry.server import crashes
from registry.server.access.gate import Permit
from registry.server.collection.report import LEASE_ENDED, Gone
from registry.server.config import CollectionConfig
from registry.server.metadata.collecting import (
    Candidate,
    Question,
    claim_by_id,
    due_question,
    settle_manifest,
)
from registry.server.metadata.holds import held
from registry.server.metadata.leases import lease_referrers
from registry.server.metadata.manifests import remove_manifest

__all__ = ["Held", "Verdict", "claim_batch", "collect_manifests", "judge"]


class Held(Exception):  # no Failure: it ends a run, which says so in its report
    """A backup is being made: nothing goes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a manifest: it goes, or it stays, and ``due`` is when to ask again.

    ``why`` it goes, in a few words; None: it stays.
    """

    why: str | None
    due: float | None = None
    lease: float | None = None
    since: float | None = None


def judge(question: Question, config: CollectionConfig, now: float) -> Verdict:
    """Decide about one manifest.

    It goes only when nothing leads to it, and its lease has ended, or it had none and the settings
    let such manifests go after a time.
    """
    lease = question.lease
    if lease is not None and lease > now:
        return Verdict(None, due=lease, lease=lease)
    if question.led_to:
        # Without a due: whoever takes the lead away sets one.
        return Verdict(None, lease=lease)
    if lease is not None:
        return Verdict(LEASE_ENDED)
    since = now if question.since is None else question.since
    after = config.pinned_after if question.pinned else config.untagged_after
    if after is None:
        return Verdict(None, since=since)
    if now >= since + after:
        return Verdict("pushed by digest, and nothing leads to it" if question.pinned else "nothing leads to it")
    return Verdict(None, due=since + after, since=since)


def claim_batch(connection: Connection, batch: list[Candidate], now: float, dry_run: bool) -> str | None:
    """The name of the repository of some rows, which nobody else changes meanwhile; None: it is gone. Raises Held."""
    name = claim_by_id(connection, batch[0].repository)
    if name is not None and not dry_run and held(connection, now):
        raise Held
    return name


def collect_manifests(
    connection: Connection, permit: Permit, batch: list[Candidate], config: CollectionConfig, now: float, dry_run: bool
) -> list[Gone]:
    """Decide about some manifests of one repository, in one transaction: those that went. Raises Held."""
    name = claim_batch(connection, batch, now, dry_run)
    if name is None:
        return []
    gone = []
    for candidate in batch:
        question = due_question(connection, candidate, now)
        if question is None:
            continue
        verdict = judge(question, config, now)
        if verdict.why is not None:
            gone.append(Gone("manifest", name, candidate.digest, question.size, verdict.why))
        if dry_run:
            continue
        if verdict.why is None:
            settle_manifest(connection, candidate, verdict.due, verdict.lease, verdict.since)
        else:
            due = now + config.grace
            if question.lease is not None:
                lease_referrers(connection, candidate.repository, candidate.digest, now)
            remove_manifest(connection, permit, name, Digest.parse(candidate.digest), due=due)
    crashes.passing(crashes.Point.MANIFESTS_COLLECTED)
    return gone

"""Blobs that no manifest needs: first repositories lose them, then, when nobody has them, their bytes go."""

from functools import partial

from sqlalchemy import Connection

from registry.digest import Digest
from registry.server import crashes
from registry.server.collection.manifests import Held, claim_batch
from registry.server.collection.report import Gone, Report
from registry.server.metadata.blobs import drop_link
from registry.server.metadata.collecting import (
    Candidate,
    Going,
    forget_blob,
    link_is_needed,
    mark_deleting,
    settle_link,
)
from registry.server.metadata.holds import held
from registry.server.services import Services
from registry.server.storage.protocol import UploadBusy

__all__ = ["collect_blob", "collect_links"]


def collect_links(connection: Connection, batch: list[Candidate], now: float, dry_run: bool) -> list[Gone]:
    """Take from a repository those of some blobs that none of its manifests needs: which. Raises Held."""
    name = claim_batch(connection, batch, now, dry_run)
    if name is None:
        return []
    gone = []
    for candidate in sorted(batch, key=lambda each: each.digest):  # everybody locks blobs in this order
        found = link_is_needed(connection, candidate, now)
        if found is None:
            continue
        size, needed = found
        if not needed:
            gone.append(Gone("link", name, candidate.digest, size, "no manifest of the repository needs it"))
        if dry_run:
            continue
        if needed:
            settle_link(connection, candidate)
        else:
            drop_link(connection, candidate.repository, candidate.digest, now)
    crashes.passing(crashes.Point.LINKS_COLLECTED)
    return gone


async def collect_blob(services: Services, going: Going, before: float, now: float, report: Report) -> Gone | None:
    """Delete the bytes of a blob that no repository has since ``before``, unless somebody pushes it just now.

    Whatever happens in between, the row tells the next run where to go on, and a push that it may
    have the blob again.
    """
    gone = Gone("blob", "", going.digest, going.size, "no repository has it")
    if report.dry_run:
        return gone
    digest = Digest.parse(going.digest)
    try:
        async with services.storage.removing(digest, going.key):
            if not await services.write(partial(_mark, going=going, before=before, now=now)):
                return None
            crashes.passing(crashes.Point.BLOB_DELETING)
            await services.storage.remove(digest, going.key)
            crashes.passing(crashes.Point.BYTES_GONE)
            forgotten = await services.write(lambda connection: forget_blob(connection, going))
    except UploadBusy:
        report.busy += 1
        return None
    except FileNotFoundError:  # not even the folder is there
        forgotten = await services.write(partial(_forget_missing, going=going, before=before, now=now))
    crashes.passing(crashes.Point.BLOB_GONE)
    return gone if forgotten else None


def _mark(connection: Connection, going: Going, before: float, now: float) -> bool:
    if held(connection, now):
        raise Held
    return mark_deleting(connection, going, before, now)


def _forget_missing(connection: Connection, going: Going, before: float, now: float) -> bool:
    return _mark(connection, going, before, now) and forget_blob(connection, going)

"""Bringing a backup into an empty registry, whichever database and storage it has.

Bytes come first, each hashed on its way; rows follow in one transaction when all of them are there.
Until then nobody sees anything, and collection removes what an attempt has left that nobody repeats.
"""

import asyncio
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from registry.digest import Digest
from registry.errors import StorageFailed
from registry.server.backup.folder import BackupFolder, Summary
from registry.server.backup.hold import holding
from registry.server.backup.lanes import in_lanes
from registry.server.backup.loading import find_staged, load_rows, require_empty, stage_blob
from registry.server.backup.rows import KnownBlob, Rows, open_rows
from registry.server.metadata.uploads import add_upload, remove_uploads
from registry.server.services import Services
from registry.server.storage.protocol import Incoming, WrongDigest

__all__ = ["RestoreReport", "restore_backup"]

_AT_ONCE = 200
_LANES = 16
_CHUNK = 1024 * 1024
_NAMED = 20


@dataclass(slots=True)
class RestoreReport:
    """What was done; ``there`` are blobs that an earlier attempt had brought."""

    summary: Summary
    copied: int = 0
    bytes: int = 0
    there: int = 0


async def restore_backup(services: Services, root: Path) -> RestoreReport:
    """Make a registry what a backup says. It may be served meanwhile, and is empty until the end.

    Raises StorageFailed when the registry is not empty, or when the backup is damaged, and then the
    registry stays empty; InvalidDocument; OSError and SQLAlchemyError when database or storage fail.
    """
    folder = BackupFolder(root)
    with folder.locked(alone=False):
        report = RestoreReport(folder.summary())
        await services.read(require_empty)
        await services.storage.check()
        path = folder.rows(report.summary)
        with open_rows(path, scratch=services.config.data / "uploads", revision=report.summary.revision) as rows:
            _refuse(rows.damaged_manifests())
            async with holding(services, "restore") as hold:
                _refuse(await _copy_blobs(services, folder, rows, report))

                def load(connection: Connection) -> None:
                    hold.require(connection)
                    load_rows(connection, rows)

                await services.write(load)
    return report


def _refuse(damaged: list[str]) -> None:
    if not damaged:
        return
    more = f" and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
    raise StorageFailed(
        "the backup is damaged, and nothing was restored",
        cause=f"missing or changed: {', '.join(damaged[:_NAMED])}{more}",
        hint="put these files back from another copy of the backup",
    )


async def _copy_blobs(services: Services, folder: BackupFolder, rows: Rows, report: RestoreReport) -> list[str]:
    """Copy all bytes: the digests of those that are missing or damaged."""

    async def copy(blob: KnownBlob) -> bool:
        digest = Digest.parse(blob.digest)
        if not folder.has(digest, blob.size):
            return False
        if await _is_staged(services, digest, blob.size):
            report.there += 1
        elif await _bring(services, folder.path(digest), digest):
            report.copied += 1
            report.bytes += blob.size
        else:
            return False
        return True

    damaged: list[str] = []
    after = ""
    while page := rows.blobs_after(after, _AT_ONCE):
        damaged += await in_lanes(page, _LANES, copy)
        after = page[-1].digest
    return sorted(damaged)


async def _is_staged(services: Services, digest: Digest, size: int) -> bool:
    key = await services.read(partial(find_staged, digest=str(digest), size=size))
    return key is not None and await services.storage.exists(digest, key)


async def _bring(services: Services, path: Path, digest: Digest) -> bool:
    """Push one blob, as a client would. False: it has another digest."""
    upload = str(uuid.uuid4())
    incoming, state = await services.storage.begin(upload, digest.algorithm)
    if state:
        remember = partial(add_upload, upload=upload, repository="", algorithm=digest.algorithm, principal="system")
        await services.write(partial(remember, state=state))
    try:
        with path.open("rb") as file:
            while data := await asyncio.to_thread(file.read, _CHUNK):
                await incoming.append([data])
        async with incoming.seal(digest) as key:
            await services.write(partial(_stage, incoming=incoming, digest=str(digest), key=key))
    except WrongDigest:
        await services.note(partial(remove_uploads, ids=[upload]))
        return False
    except BaseException:
        await incoming.discard()
        raise
    return True


def _stage(connection: Connection, incoming: Incoming, digest: str, key: str) -> None:
    if not incoming.holds(connection):
        raise StorageFailed("somebody else has taken an upload of this command over", hint="run it again")
    stage_blob(connection, digest, incoming.size, key)
    remove_uploads(connection, [incoming.id])

"""Making a backup while the registry is used.

Collection is held back, all rows are read as they are at one moment, and the bytes that they name are
copied and hashed meanwhile. Whatever is pushed later is not in it; whatever is deleted later is.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from registry.digest import Digest
from registry.server.backup.folder import BackupFolder, DamagedBytes, Summary
from registry.server.backup.hold import holding
from registry.server.backup.lanes import in_lanes
from registry.server.backup.rows import KnownBlob, Rows, create_rows, open_rows
from registry.server.metadata.blobs import blob_key
from registry.server.schema import REVISION
from registry.server.services import Services

__all__ = ["BackupReport", "make_backup"]

_AT_ONCE = 200
_LANES = 4


@dataclass(slots=True)
class BackupReport:
    """What was done: ``copied`` blobs and their ``bytes``, those that were ``there`` already.

    ``damaged`` are the digests of manifests and blobs of the registry that are not in the backup,
    since they are not what they are called, or are missing.
    """

    summary: Summary | None = None
    copied: int = 0
    bytes: int = 0
    there: int = 0
    damaged: list[str] = field(default_factory=list)


async def make_backup(services: Services, root: Path) -> BackupReport:
    """Make a backup, or bring one up to date, in a folder; one that was interrupted goes on.

    Raises StorageFailed, and OSError and SQLAlchemyError when database or storage fail; then the
    folder holds the backup that it held before, if any.
    """
    folder, report = BackupFolder(root), BackupReport()
    folder.make()
    with folder.locked(alone=True):
        written = folder.new_rows()
        try:
            await _fill(services, folder, written, report)
        finally:
            written.unlink(missing_ok=True)
        assert report.summary is not None
        folder.finish(report.summary)
        name = report.summary.rows
        with open_rows(root / name, scratch=root, revision=REVISION) as kept:
            folder.prune(name, kept.digests())
    return report


async def _fill(services: Services, folder: BackupFolder, written: Path, report: BackupReport) -> None:
    with create_rows(written) as rows:
        async with holding(services, "backup") as hold:
            made = datetime.now(UTC).isoformat(timespec="seconds")
            report.damaged += await services.database.snapshot(rows.fill)
            await _copy_blobs(services, folder, rows, report)
            await services.write(hold.require)
        counts = asdict(rows.counts())
    name, digest = folder.take_rows(written)
    report.summary = Summary(made=made, revision=REVISION, rows=name, digest=digest, **counts)


async def _copy_blobs(services: Services, folder: BackupFolder, rows: Rows, report: BackupReport) -> None:
    async def copy(blob: KnownBlob) -> bool:
        digest = Digest.parse(blob.digest)
        if folder.has(digest, blob.size):
            report.there += 1
        elif await _copy(services, folder, digest, blob):
            report.copied += 1
            report.bytes += blob.size
        else:
            return False
        return True

    after = ""
    while page := rows.blobs_after(after, _AT_ONCE):
        damaged = await in_lanes(page, _LANES, copy)
        rows.mark_damaged(damaged)
        report.damaged += damaged
        after = page[-1].digest


async def _copy(services: Services, folder: BackupFolder, digest: Digest, blob: KnownBlob) -> bool:
    """Copy one blob. False: it is missing or damaged, wherever rows say that it is."""
    key = blob.key
    while True:
        try:
            await folder.receive(digest, blob.size, services.storage.chunks(digest, key))
        except (FileNotFoundError, DamagedBytes):
            # It may have been pushed again since, to another place.
            now = await services.read(partial(blob_key, digest=digest))
            if now is None or now == key:
                return False
            key = now
        else:
            return True

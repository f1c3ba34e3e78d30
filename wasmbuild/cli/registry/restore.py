"""``wasmbuild registry restore``."""

from dataclasses import asdict
from pathlib import Path

from wasmbuild.cli.common import FOLDER, argument
from wasmbuild.cli.registry.common import LocalRegistry, operator_verb
from wasmbuild.events import Note, step
from wasmbuild.ui.console import Console
from wasmbuild.ui.words import size


@operator_verb("restore", "restore /mnt/backup --data ./new-registry-data", create=True)
@argument("folder", type=FOLDER)
def command(console: Console, registry: LocalRegistry, folder: Path) -> None:
    """Make an empty registry what the backup in FOLDER says. Prints the folder.

    Database and storage may be others than those that the backup was made of: this is also how a
    registry moves to PostgreSQL and S3. Every digest is checked; a damaged backup is refused, with the
    names of what is damaged, and the registry stays empty. One that was interrupted goes on.
    """
    from registry.server.backup.folder import BackupFolder
    from registry.server.backup.restoring import restore_backup

    BackupFolder(folder).summary()  # before a registry is made for nothing
    with step(console.emit, "restoring", str(folder)):
        report = registry.run(lambda services: restore_backup(services, folder))
    found = report.summary
    text = f"{found.repositories} repositories, {found.manifests} manifests, {found.blobs} blobs ({size(found.bytes)})"
    console.emit(Note("info", f"{text} of {found.made}"))
    numbers = {"copied": report.copied, "copiedBytes": report.bytes, "there": report.there}
    console.result("registry restore", str(folder), {"folder": str(folder), **asdict(found), **numbers})

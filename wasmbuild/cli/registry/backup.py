"""``wasmbuild registry backup``."""

from dataclasses import asdict
from pathlib import Path

from wasmbuild.cli.common import FOLDER, argument
from wasmbuild.cli.registry.common import LocalRegistry, operator_verb
from wasmbuild.errors import ExitCode
from wasmbuild.events import Note, step
from wasmbuild.ui.console import Console
from wasmbuild.ui.words import size


@operator_verb("backup", "backup /mnt/backup --data ./registry-data")
@argument("folder", type=FOLDER)
def command(console: Console, registry: LocalRegistry, folder: Path) -> int:
    """Copy everything that the registry holds at this moment to FOLDER, while it is used. Prints the folder.

    A second backup to the same folder copies only what is new; one that was interrupted goes on, and
    the one before it is good until then. The backup holds the registry's secrets: the keys that tokens
    are signed with, and hashes of passwords. Only its owner can read it; keep it so.

    Ends with 4 when something of the registry is damaged, which is named and not in the backup.
    """
    from registry.server.backup.making import make_backup

    if folder.resolve().is_relative_to(registry.config.data.resolve()):
        console.emit(Note("warning", "the backup is inside the registry's own folder, and goes where that goes"))
    with step(console.emit, "copying", str(folder)):
        report = registry.run(lambda services: make_backup(services, folder))
    for digest in report.damaged:
        console.emit(Note("warning", f"{digest} is damaged or missing in the registry, and not in the backup"))
    console.emit(Note("info", f"{report.copied} blobs copied ({size(report.bytes)}), {report.there} were there"))
    assert report.summary is not None
    numbers = {"copied": report.copied, "copiedBytes": report.bytes, "there": report.there}
    document = {"folder": str(folder), **asdict(report.summary), **numbers, "damaged": report.damaged}
    console.result("registry backup", str(folder), document)
    return ExitCode.DENIED if report.damaged else ExitCode.OK

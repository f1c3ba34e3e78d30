"""``wasmbuild keys list``."""

from pathlib import Path

from wasmbuild.cli.common import FOLDER, argument, verb
from wasmbuild.errors import ExitCode
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@verb("list", "wasmbuild keys list")
@argument("folder", type=FOLDER, default=".", envvar="WASMBUILD_KEYS")
def command(console: Console, folder: Path) -> int:
    """List the key pairs of FOLDER, which is this one, or that of WASMBUILD_KEYS: what verifies, and what can sign.

    No password is needed. Ends with 3 when there are none.
    """
    from wasmbuild.cli.registry.common import columns
    from wasmbuild.trust.listing import list_keys

    pairs = list_keys(folder)
    if not pairs and console.format == "text":
        console.emit(Note("info", f"there are no keys in {folder}"))
        return ExitCode.NOTHING_TO_DO
    rows = [["name", "signs", "algorithm", "fingerprint"]]
    for pair in pairs:
        signs = "yes" if pair.signs else "no"
        public = pair.public
        told = ["", pair.problem] if public is None else [public.algorithm.value, public.fingerprint]
        rows.append([pair.name, signs, *told])
    document = {"folder": str(folder), "keys": [pair.to_json() for pair in pairs]}
    console.result("keys list", columns(rows), document)
    return ExitCode.OK if pairs else ExitCode.NOTHING_TO_DO

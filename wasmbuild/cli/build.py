"""``wasmbuild build``."""

import os
from pathlib import Path

from wasmbuild.cli.common import FOLDER, argument, verb
from wasmbuild.ui.console import Console


@verb("build", "wasmbuild build")
@argument("folder", type=FOLDER, default=".")
def command(console: Console, folder: Path) -> None:
    """Compile the project in FOLDER and pack it into dist/oci, an OCI image layout."""
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.build import build

    built = build(folder, sink=console.emit, caches=Caches.of_user(), environment=os.environ)
    document = {
        "reference": built.reference,
        "descriptor": built.manifest.to_json(),
        "file": str(built.wasm_path),
        "actionKey": str(built.action_key),
    }
    console.result("build", built.reference, document)

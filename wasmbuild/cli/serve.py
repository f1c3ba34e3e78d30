"""``wasmbuild serve``."""

import sys
from pathlib import Path

from wasmbuild.cli.common import FOLDER, option, verb
from wasmbuild.errors import ExtraMissing
from wasmbuild.ui.console import Console


@verb("serve", "wasmbuild serve --data ./registry-data --listen 127.0.0.1:5000")
@option("--data", type=FOLDER, required=True, help="Where the registry keeps everything; made when missing.")
@option("--listen", default="127.0.0.1:5000", show_default=True, help="Address and port; port 0 takes a free one.")
def command(console: Console, data: Path, listen: str) -> None:
    """Run a registry until it is interrupted.

    Prints one line on stdout, the address it serves, once it answers there.
    """
    try:
        from registry.server.config import ServerConfig
        from registry.server.runtime import serve
    except ImportError as error:
        raise ExtraMissing(
            "the registry server is not installed",
            cause=str(error),
            hint="install wasmbuild with its extra 'server'; in its folder: pip install '.[server]'",
        ) from error

    def ready(address: str) -> None:
        console.result("serve", address, {"address": address})

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    serve(ServerConfig.at(data, listen), ready, log)

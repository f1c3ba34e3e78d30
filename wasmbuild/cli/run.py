"""``wasmbuild run``."""

from pathlib import Path

from wasmbuild.cli.common import FILE, argument, option, verb
from wasmbuild.ui.console import Console


@verb(
    "run",
    "wasmbuild run ghcr.io/acme/hello:1.0.0 -- Ada",
    context_settings={"ignore_unknown_options": False},
)
@argument("artifact")
@argument("arguments", nargs=-1)
@option("--key", type=FILE, help="A public key that must have signed the artifact.")
def command(console: Console, artifact: str, arguments: tuple[str, ...], key: Path | None) -> int:
    """Run ARTIFACT, a reference or a .wasm file, with ARGUMENTS.

    The guest gets its arguments and the standard streams: no files, no environment, no network.
    Ends with the guest's own exit code.
    """
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.run import run_artifact
    from wasmbuild.workflows.verify import load_public_key

    public = None if key is None else load_public_key(key)
    return run_artifact(
        artifact, arguments, key=public, caches=Caches.of_user(), sink=console.emit, ready=console.close
    )

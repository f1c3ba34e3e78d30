"""``wasmbuild pull``."""

from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@registry_verb("pull", "wasmbuild pull ghcr.io/acme/hello:1.0.0 -o hello.wasm --key wasmbuild.pub")
@argument("reference")
@option("-o", "--output", type=FILE, required=True, help="The file to write; replaced when it is there.")
@option("--key", type=FILE, help="A public key that must have signed the artifact.")
def command(console: Console, registries: Registries, reference: str, output: Path, key: Path | None) -> None:
    """Fetch the WebAssembly file of REFERENCE.

    The file gets its name when digest, size and, with --key, signature are verified. Prints the
    reference by digest.
    """
    from registry.reference import Reference
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.fetch import fetch
    from wasmbuild.workflows.verify import load_public_key

    if not output.name:
        raise UsageFailed("--output names no file")
    public = None if key is None else load_public_key(key)
    fetched = fetch(
        Reference.parse(reference), key=public, caches=Caches.of_user(), registries=registries, sink=console.emit
    )
    fetched.write(output)
    console.result("pull", str(fetched.reference), {**fetched.to_json(), "file": str(output)})

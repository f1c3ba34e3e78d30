"""``wasmbuild manifest``."""

from pathlib import Path

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.cli.lazy import HELP
from wasmbuild.cli.raw import is_stream, read_bounded, show_text, stdout_is_terminal, write_out
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@click.group("manifest", context_settings=HELP, epilog="Example: wasmbuild manifest get ghcr.io/acme/hello:1.0.0")
def command() -> None:
    """Read and write manifests as they are."""


@registry_verb("get", "wasmbuild manifest get ghcr.io/acme/hello:1.0.0 | jq .layers")
@argument("reference")
@option("--descriptor", is_flag=True, help="Print the descriptor only: type, digest and size.")
@option("-o", "--output", type=FILE, help="The file to write; replaced when it is there.")
def _get(console: Console, registries: Registries, reference: str, descriptor: bool, output: Path | None) -> None:
    """Print the manifest of REFERENCE, or of oci:FOLDER:TAG.

    Stdout gets its exact bytes, and nothing else; a terminal gets them with control characters
    escaped. With -o, the reference by digest is printed instead.
    """
    from registry.strictjson import canonical_json
    from wasmbuild.workflows.documents import get_document
    from wasmbuild.workflows.files import write_file

    if descriptor and output is not None:
        raise UsageFailed("--descriptor and --output do not go together")
    found = get_document(reference, registries)
    name, about = "manifest get", {"reference": found.reference, "descriptor": found.descriptor.to_json()}
    if descriptor:
        console.result(name, canonical_json(about["descriptor"]).decode(), about)
    elif output is not None and not is_stream(output):
        write_file(output, [found.data])
        console.result(name, found.reference, {**about, "file": str(output)})
    elif console.format == "json":
        console.result(name, "", found.to_json())
    elif not stdout_is_terminal() or is_stream(output):
        write_out(console, [found.data])
    else:
        show_text(console, found.data, escaped=True)


@registry_verb("put", "wasmbuild manifest put ghcr.io/acme/hello:1.0.0 manifest.json")
@argument("reference")
@argument("file", type=FILE)
@option("--media-type", help="Of which type it is, when it does not say so.")
@option("-t", "--tag", "tags", multiple=True, help="Another tag to set; may be given again.")
def _put(
    console: Console,
    registries: Registries,
    reference: str,
    file: Path,
    media_type: str | None,
    tags: tuple[str, ...],
) -> None:
    """Put FILE, or stdin for -, to REFERENCE as a manifest or an index, byte for byte.

    The repository must have what it needs. A digest in REFERENCE must be the one of the bytes.
    Prints the reference by digest.
    """
    from registry.model import MAX_MANIFEST
    from wasmbuild.workflows.documents import put_document

    data = read_bounded(file, MAX_MANIFEST)
    stored = put_document(reference, data, media_type=media_type, tags=tags, registries=registries, sink=console.emit)
    console.result("manifest put", stored.reference, stored.to_json())


command.add_command(_get)
command.add_command(_put)

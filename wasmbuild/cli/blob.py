"""``wasmbuild blob``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.cli.lazy import HELP
from wasmbuild.cli.raw import is_stream, show_text, spooled, stdout_is_terminal, write_out
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.blobs import Blob

_SHOWN = 1024 * 1024
"""Bytes of text that a terminal is given without being asked for."""


@click.group(
    "blob", context_settings=HELP, epilog="Example: wasmbuild blob get ghcr.io/acme/hello@sha256:… -o hello.wasm"
)
def command() -> None:
    """Read and write blobs as they are."""


@registry_verb("get", "wasmbuild blob get ghcr.io/acme/hello@sha256:… -o hello.wasm")
@argument("reference")
@option("-o", "--output", type=FILE, help="The file to write; - is stdout, even a terminal.")
def _get(console: Console, registries: Registries, reference: str, output: Path | None) -> None:
    """Fetch the blob REPOSITORY@DIGEST, or oci:FOLDER@DIGEST, to stdout or a file.

    A file gets its name when digest and size are verified; what goes to stdout is verified when the
    command ends with 0. With -o, the reference is printed.
    """
    from wasmbuild.workflows.blobs import found_blob

    to_file = None if is_stream(output) else output
    if console.format == "json" and to_file is None:
        raise UsageFailed("--format json says what was written, and needs a file", hint="add -o FILE")
    with found_blob(reference, registries) as blob:
        if to_file is not None:
            _to_file(console, blob, to_file)
        elif is_stream(output) or not stdout_is_terminal():
            write_out(console, blob.chunks(console.emit, end="streamed"))
        else:
            _to_terminal(console, blob)


def _to_file(console: Console, blob: "Blob", output: Path) -> None:
    from wasmbuild.workflows.files import write_file

    write_file(output, blob.chunks(console.emit))
    console.result("blob get", blob.reference, {**blob.to_json(), "file": str(output)})


def _to_terminal(console: Console, blob: "Blob") -> None:
    if blob.descriptor.size > _SHOWN or not show_text(console, b"".join(blob.chunks(console.emit, end="streamed"))):
        raise UsageFailed(
            f"{blob.reference} is not for a terminal",
            cause=f"it is not text of at most {_SHOWN} bytes",
            hint="name a file: -o FILE, or pipe it somewhere (-o - writes it here nevertheless)",
        )


@registry_verb("put", "wasmbuild blob put ghcr.io/acme/hello data.bin")
@argument("repository")
@argument("file", type=FILE)
def _put(console: Console, registries: Registries, repository: str, file: Path) -> None:
    """Put FILE, or stdin for -, to REPOSITORY or oci:FOLDER as a blob. Prints it by digest.

    A registry may remove a blob again that no manifest needs.
    """
    from wasmbuild.workflows.blobs import put_blob

    with spooled(file) as path:
        blob = put_blob(repository, path, registries=registries, sink=console.emit)
    console.result("blob put", blob.reference, blob.to_json())


command.add_command(_get)
command.add_command(_put)

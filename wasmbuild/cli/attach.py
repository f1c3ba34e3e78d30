"""``wasmbuild attach``."""

import os

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.ui.console import Console

_EXAMPLE = (
    "wasmbuild attach ghcr.io/acme/hello:1.0.0 sbom.json:application/spdx+json --artifact-type application/spdx+json"
)


@registry_verb("attach", _EXAMPLE)
@argument("subject")
@argument("files", metavar="FILE[:TYPE]...", nargs=-1, required=True)
@option("--artifact-type", required=True, help="What the files are together, as a media type.")
@option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="For the manifest; may be given again.")
def command(
    console: Console,
    registries: Registries,
    subject: str,
    files: tuple[str, ...],
    artifact_type: str,
    annotations: tuple[str, ...],
) -> None:
    """Attach files to SUBJECT, a reference or oci:FOLDER:TAG, as an artifact that refers to it.

    TYPE is the media type of the file before it, application/octet-stream when there is none.
    Attaching the same twice adds nothing. Prints what was attached by digest.
    """
    from wasmbuild.workflows.annotations import parse_annotations
    from wasmbuild.workflows.attach import NamedFile, attach_files

    attached = attach_files(
        subject,
        [NamedFile.parse(file) for file in files],
        artifact_type=artifact_type,
        annotations=parse_annotations(annotations),
        registries=registries,
        sink=console.emit,
        environment=os.environ,
    )
    console.result("attach", attached.reference, attached.to_json())

"""``wasmbuild tag``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("tag", "wasmbuild tag ghcr.io/acme/hello:1.0.0 latest 1.0")
@argument("reference")
@argument("tags", metavar="TAG...", nargs=-1, required=True)
def command(console: Console, registries: Registries, reference: str, tags: tuple[str, ...]) -> None:
    """Let each TAG mean what REFERENCE means right now.

    That is a reference, oci:FOLDER:TAG or oci-archive:FILE:TAG. A tag that means something else is
    moved. Prints the reference by digest.
    """
    from wasmbuild.workflows.documents import tag_document

    tagged = tag_document(reference, tags, registries=registries, sink=console.emit)
    console.result("tag", tagged.reference, tagged.to_json())

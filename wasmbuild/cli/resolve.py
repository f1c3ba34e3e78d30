"""``wasmbuild resolve``."""

from wasmbuild.cli.common import argument, verb
from wasmbuild.ui.console import Console


@verb("resolve", "wasmbuild resolve ghcr.io/acme/hello:1.0.0")
@argument("reference")
def command(console: Console, reference: str) -> None:
    """Say which digest REFERENCE, or oci:FOLDER:TAG, means right now."""
    from wasmbuild.workflows.places import Place

    place = Place.source(reference)
    descriptor = place.resolve()
    pinned = place.pinned(descriptor)
    console.result("resolve", pinned, {"reference": pinned, "descriptor": descriptor.to_json()})

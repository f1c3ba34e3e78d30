"""``wasmbuild tags``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@registry_verb("tags", "wasmbuild tags ghcr.io/acme/hello")
@argument("repository")
def command(console: Console, registries: Registries, repository: str) -> None:
    """List the tags of REPOSITORY, or of oci:FOLDER, one a line."""
    from wasmbuild.workflows.places import Place

    place = Place.source(repository, registries)
    if place.tag or place.digest:
        raise UsageFailed(f"{repository} is one artifact, not a repository", hint=f"wasmbuild tags {place.name}")
    tags = place.store.tags()
    console.result("tags", "\n".join(tags), {"repository": place.name, "tags": tags})

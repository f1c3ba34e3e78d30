"""``wasmbuild tags``."""

from wasmbuild.cli.common import argument, verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@verb("tags", "wasmbuild tags ghcr.io/acme/hello")
@argument("repository")
def command(console: Console, repository: str) -> None:
    """List the tags of REPOSITORY, or of oci:FOLDER, one a line."""
    from wasmbuild.workflows.places import Place

    place = Place.source(repository)
    if place.tag or place.digest:
        raise UsageFailed(f"{repository} is one artifact, not a repository", hint=f"wasmbuild tags {place.name}")
    tags = place.store.tags()
    console.result("tags", "\n".join(tags), {"repository": place.name, "tags": tags})

"""``wasmbuild tags``."""

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@registry_verb("tags", "wasmbuild tags ghcr.io/acme/hello --sort semver")
@argument("repository")
@option(
    "--sort",
    type=click.Choice(["name", "semver"]),
    default="name",
    show_default=True,
    help="By semver, what is no version comes last.",
)
def command(console: Console, registries: Registries, repository: str, sort: str) -> None:
    """List the tags of REPOSITORY, or of oci:FOLDER, or of oci-archive:FILE, one a line."""
    from wasmbuild.workflows.places import Name, reading

    name = Name.parse(repository)
    if name.tag or name.digest:
        raise UsageFailed(f"{repository} is one artifact, not a repository", hint=f"wasmbuild tags {name.where}")
    with reading(name, registries) as place:
        tags = place.store.tags()
    if sort == "semver":
        from wasmbuild.workflows.versions import by_version

        tags = by_version(tags)
    if not tags:
        console.emit(Note("info", f"{name.where} has no tags"))
        if console.format == "text":
            return
    console.result("tags", "\n".join(tags), {"repository": place.name, "tags": tags})

"""``wasmbuild tags``."""

import click

from registry.client.registries import Registries
from registry.errors import RemoteNotFound
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
    help="By semver, the newest version comes last, and what is no version first.",
)
@option(
    "--all",
    "all_tags",
    is_flag=True,
    envvar="WASMBUILD_TAGS_ALL",
    help="Show tags of signatures and of lists of referrers, too.",
)
def command(console: Console, registries: Registries, repository: str, sort: str, all_tags: bool) -> None:
    """List the tags of REPOSITORY, or of oci:FOLDER, or of oci-archive:FILE, one a line.

    Without --all, tags that are there for another artifact's sake are left out: sha256-<64 digits>, which
    lists what refers to it, and cosign's, which end in .sig, .att or .sbom.
    """
    from wasmbuild.workflows.cosigntags import is_companion
    from wasmbuild.workflows.places import Name, reading
    from wasmbuild.workflows.remote import repositories_hint

    name = Name.parse(repository)
    if name.tag or name.digest:
        raise UsageFailed(f"{repository} is one artifact, not a repository", hint=f"wasmbuild tags {name.where}")
    with reading(name, registries) as place:
        try:
            found = place.store.tags()
        except RemoteNotFound as failure:
            failure.hint = failure.hint or repositories_hint(name.where)
            raise
    tags = found if all_tags else [tag for tag in found if not is_companion(tag)]
    if sort == "semver":
        from wasmbuild.workflows.versions import by_version

        tags = by_version(tags)
    if not tags:
        more = ", but for signatures and lists of referrers (--all shows them)" if found else ""
        console.emit(Note("info", f"{name.where} has no tags{more}"))
        if console.format == "text":
            return
    console.result("tags", "\n".join(tags), {"repository": place.name, "tags": tags})

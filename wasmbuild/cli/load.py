"""``wasmbuild load``."""

from pathlib import Path

import click

from registry.client.registries import Registries
from registry.words import pasted
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@registry_verb("load", "wasmbuild load hello.tar 127.0.0.1:5000/acme/hello")
@argument("file", type=click.Path(path_type=Path))
@argument("repository", required=False)
@option("-t", "--tag", "tags", multiple=True, help="Load what has this tag; may be given again. [default: all]")
@option(
    "--trust-to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the keys and policies that FILE carries there; REPOSITORY may then be left out.",
)
def command(
    console: Console,
    registries: Registries,
    *,
    file: Path,
    repository: str | None,
    tags: tuple[str, ...],
    trust_to: Path | None,
) -> None:
    """Bring the artifacts of FILE, an OCI image layout in a tar file, to REPOSITORY, with all that refers to them.

    A registry that knows no referrers gets the lists of them, too. Prints the artifacts by digest, one
    a line. What FILE carries of whom to trust is brought nowhere, and is not believed.
    """
    from wasmbuild.workflows.archives import Moved, load, unpack_file

    if repository is None and trust_to is None:
        raise UsageFailed(
            f"nobody says where {file} is brought to", hint=f"wasmbuild load {pasted(file)} HOST/REPOSITORY"
        )
    if repository is None and tags:
        raise UsageFailed("--tag is about what is brought to a repository, and none is named")
    files = () if trust_to is None else unpack_file(file, trust_to, console.emit)
    loaded = Moved.nothing()
    if repository is not None:
        loaded = load(file, repository, tags=tags, registries=registries, sink=console.emit)
    carried = {} if trust_to is None else {"trust": [str(path) for path in files]}
    lines = [artifact.reference for artifact in loaded.artifacts] or [str(path) for path in files]
    console.result("load", "\n".join(lines), {**loaded.to_json(), **carried})

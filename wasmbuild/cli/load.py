"""``wasmbuild load``."""

from pathlib import Path

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("load", "wasmbuild load hello.tar 127.0.0.1:5000/acme/hello")
@argument("file", type=click.Path(path_type=Path))
@argument("repository")
@option("-t", "--tag", "tags", multiple=True, help="Load what has this tag; may be given again. [default: all]")
def command(console: Console, registries: Registries, file: Path, repository: str, tags: tuple[str, ...]) -> None:
    """Bring the artifacts of FILE, an OCI image layout in a tar file, to REPOSITORY, with all that refers to them.

    A registry that knows no referrers gets the lists of them, too. Prints the artifacts by digest, one
    a line.
    """
    from wasmbuild.workflows.archives import load

    loaded = load(file, repository, tags=tags, registries=registries, sink=console.emit)
    console.result("load", "\n".join(artifact.reference for artifact in loaded.artifacts), loaded.to_json())

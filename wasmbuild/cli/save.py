"""``wasmbuild save``."""

from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import OUTPUT, argument, option, registry_verb
from wasmbuild.ui.console import Console


@registry_verb("save", "wasmbuild save ghcr.io/acme/hello -o hello.tar")
@argument("source")
@option("-o", "--output", type=OUTPUT, required=True, help="The tar file to write; replaced when it is there.")
@option("-t", "--tag", "tags", multiple=True, help="Save what has this tag; may be given again. [default: all]")
def command(console: Console, registries: Registries, source: str, output: Path, tags: tuple[str, ...]) -> None:
    """Write the artifacts of SOURCE, a repository, to a tar file, with all that refers to them.

    The file is an OCI image layout, the same bytes for the same content. SOURCE:TAG saves that tag
    alone. Prints the artifacts by digest, one a line.
    """
    from wasmbuild.workflows.archives import save

    saved = save(source, output, tags=tags, registries=registries, sink=console.emit)
    lines = "\n".join(artifact.reference for artifact in saved.artifacts)
    console.result("save", lines, {**saved.to_json(), "file": str(output)})

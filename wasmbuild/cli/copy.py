"""``wasmbuild copy``."""

from typing import TYPE_CHECKING

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.cli.policing import policy_options
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.policies import ChosenPolicy


@registry_verb("copy", "wasmbuild copy -r oci:dist/oci:1.0.0 ghcr.io/acme/hello:1.0.0")
@argument("source")
@argument("destination")
@option("-r", "--recursive", is_flag=True, help="Copy signatures and all else that refers to it, too.")
@option("-t", "--tag", "tags", multiple=True, help="Another tag at the destination; may be given again.")
@option("--platform", metavar="OS/ARCH", help="Of an index, copy only the manifest for this, such as wasi/wasm.")
@option("--cosign-tags", is_flag=True, help="Copy what cosign's .sig, .att and .sbom tags name, too.")
@policy_options()
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    source: str,
    destination: str,
    recursive: bool,
    tags: tuple[str, ...],
    platform: str | None,
    cosign_tags: bool,
    chosen: "ChosenPolicy",
) -> None:
    """Copy an artifact from SOURCE to DESTINATION, byte for byte.

    Each is a reference; or oci:FOLDER[:TAG][@DIGEST], an OCI image layout; or
    oci-archive:FILE[:TAG][@DIGEST], one in a tar file, to which the artifact is added. A destination
    without a tag takes the source's. A trust policy is applied to SOURCE. Prints the destination by digest.
    """
    from wasmbuild.workflows.copy import Along, copy_artifact
    from wasmbuild.workflows.platforms import Platform

    along = Along(recursive, cosign_tags, None if platform is None else Platform.parse(platform))
    copied = copy_artifact(
        source,
        destination,
        tags=tags,
        along=along,
        demand=chosen.enforced(console.emit),
        registries=registries,
        sink=console.emit,
    )
    console.result("copy", copied.reference, copied.to_json())

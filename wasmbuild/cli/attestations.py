"""``wasmbuild attestations``."""

from pathlib import Path

from registry.client.registries import Registries
from registry.digest import Digest
from registry.words import pasted
from wasmbuild.cli.common import OUTPUT, argument, option, registry_verb
from wasmbuild.cli.trusting import Trusting, authority_options
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@registry_verb("attestations", "wasmbuild attestations ghcr.io/acme/hello:1.0.0 --key wasmbuild.pub")
@argument("reference")
@authority_options
@option("--type", "predicate_type", help="Only of this type: a name, as cosign has them, or a whole URI.")
@option("--manifest", metavar="DIGEST", help="Only what is in this manifest, of those that are listed.")
@option("-o", "--output", type=OUTPUT, help="Write the predicate of the one that holds to this file.")
def command(
    console: Console,
    registries: Registries,
    *,
    reference: str,
    trusting: Trusting,
    predicate_type: str | None,
    manifest: str | None,
    output: Path | None,
) -> None:
    """List what is attested of the artifact that REFERENCE means now, and whether it holds.

    Without anybody who is trusted nothing is verified, and each line says so. To insist on one, use
    wasmbuild verify --type, or -o here: that ends with 4 when none holds.
    """
    from wasmbuild.trust.predicates import parse_predicate_type
    from wasmbuild.workflows.attestations import attested_predicate, list_attestations
    from wasmbuild.workflows.files import write_file
    from wasmbuild.workflows.locals import in_registry

    asked, authorities = in_registry(reference, "attestations"), trusting.authorities()
    wanted = None if predicate_type is None else parse_predicate_type(predicate_type)
    if output is not None and (wanted is None or not authorities):
        raise UsageFailed(
            "what is written must be of one type, and verified",
            hint=f"wasmbuild attestations {pasted(reference)} --type cyclonedx --key wasmbuild.pub -o sbom.cdx.json",
        )
    only = None if manifest is None else Digest.parse(manifest)
    listed = list_attestations(asked, authorities, wanted, only, registries=registries, sink=console.emit)
    if not listed.findings and output is None:
        console.emit(
            Note(
                "info",
                f"nothing is attested of {listed.reference}" + (f" as {predicate_type}" if predicate_type else ""),
            )
        )
        if console.format == "text":
            return
    if output is None or wanted is None:
        console.result("attestations", listed.lines(), listed.to_json())
        return
    write_file(output, [attested_predicate(listed, wanted)])
    console.result("attestations", str(output), {**listed.to_json(), "file": str(output)})

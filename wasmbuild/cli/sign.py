"""``wasmbuild sign``."""

import os

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.cli.signing import key_option, signatory
from wasmbuild.ui.console import Console


@registry_verb("sign", "wasmbuild sign ghcr.io/acme/hello@sha256:… --key wasmbuild.key")
@argument("reference")
@key_option(required=True)
@option(
    "-a", "--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="To sign too; may be given again."
)
@option("--signature-format", metavar="FORMS", help="What to write: bundle, legacy. [default: bundle,legacy]")
def command(
    console: Console,
    registries: Registries,
    reference: str,
    key: str,
    annotations: tuple[str, ...],
    signature_format: str | None,
) -> None:
    """Sign the artifact that REFERENCE means now. Prints the reference by digest.

    A bundle is for cosign 3; legacy, the .sig tag, for cosign 2 and podman. What is signed already is kept.
    """
    from wasmbuild.workflows.annotations import parse_annotations
    from wasmbuild.workflows.places import in_registry
    from wasmbuild.workflows.sign import parse_kinds, sign_remote

    asked, forms, more = in_registry(reference, "sign"), parse_kinds(signature_format), parse_annotations(annotations)
    signed = sign_remote(
        asked,
        signatory(key),
        kinds=forms,
        annotations=more,
        registries=registries,
        sink=console.emit,
        environment=os.environ,
    )
    console.result("sign", str(signed.reference), signed.to_json())

"""``wasmbuild attest``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.cli.keyless import Keyless, keyless_options
from wasmbuild.cli.signing import key_option, signatory
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.reference import Reference
    from wasmbuild.workflows.attest import Said


@registry_verb(
    "attest", "wasmbuild attest ghcr.io/acme/hello:1.0.0 --predicate scan.json --type vuln --key wasmbuild.key"
)
@argument("reference")
@option("--predicate", type=FILE, help="What is to be attested: a JSON object in a file; of capabilities none.")
@option("--type", "predicate_type", required=True, help="Its type: a name, as cosign has them, or a whole URI.")
@key_option()
@keyless_options
@option("--signature-format", metavar="FORMS", help="What to write: bundle, legacy. [default: bundle,legacy]")
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    reference: str,
    predicate: Path | None,
    predicate_type: str,
    key: str | None,
    keyless: Keyless,
    signature_format: str | None,
) -> None:
    """Attest something of the artifact that REFERENCE means now. Prints the reference by digest.

    A bundle is for cosign 3; legacy, the .att tag, for cosign 2. What is attested already is kept.
    For --type capabilities the predicate is made from the bytes of the artifact.
    """
    from wasmbuild.workflows.attest import attest_remote, parse_forms
    from wasmbuild.workflows.locals import in_registry

    asked, forms = in_registry(reference, "attest"), parse_forms(signature_format)
    asked, said = _said(asked, predicate, predicate_type, registries, console)
    if keyless.chosen(key, signature_format) or key is None:
        attested = keyless.attest(asked, said, registries, console)
        console.result("attest", str(attested.reference), attested.to_json())
        return
    attested = attest_remote(
        asked,
        said,
        signatory(key),
        kinds=forms,
        registries=registries,
        sink=console.emit,
        environment=os.environ,
    )
    console.result("attest", str(attested.reference), attested.to_json())


def _said(
    asked: "Reference", predicate: Path | None, predicate_type: str, registries: Registries, console: Console
) -> "tuple[Reference, Said]":
    """What is to be attested, and of what: a tag is resolved once where the artifact itself is read for it."""
    from wasmbuild.trust.predicates import CAPABILITIES_V1, parse_predicate_type
    from wasmbuild.workflows.attest import Said, read_predicate
    from wasmbuild.workflows.capability_claim import said_of_remote

    wanted = parse_predicate_type(predicate_type)
    if predicate is not None and wanted == CAPABILITIES_V1:
        raise UsageFailed(
            "capabilities are read off the artifact itself",
            cause="what somebody else wrote of them would be signed, and refused by everybody who verifies it",
            hint="leave out --predicate",
        )
    if predicate is not None:
        return asked, Said(read_predicate(predicate, wanted))
    if wanted == CAPABILITIES_V1:
        return said_of_remote(asked, registries, console.emit)
    raise UsageFailed(
        f"--type {predicate_type} needs --predicate FILE",
        cause="only capabilities are read off the artifact itself",
    )

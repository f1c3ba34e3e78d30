"""``wasmbuild sign``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.cli.keyless import Keyless, keyless_options
from wasmbuild.cli.signing import key_option, signatory
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.trust.candidate import SignatureKind
    from wasmbuild.workflows.sign import Certificates


@registry_verb("sign", "wasmbuild sign ghcr.io/acme/hello@sha256:… --key wasmbuild.key")
@argument("reference")
@key_option()
@keyless_options
@option(
    "-a", "--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="To sign too; may be given again."
)
@option(
    "--signature-format", metavar="FORMS", help="What to write: bundle, legacy, notation, all. [default: bundle,legacy]"
)
@option("--certificate-chain", type=FILE, help="For notation: the key's certificate and those above it, as PEM.")
@option(
    "--notation-envelope",
    type=click.Choice(["jws", "cose"]),
    default="jws",
    show_default=True,
    help="How notation's is encoded.",
)
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    reference: str,
    key: str | None,
    keyless: Keyless,
    annotations: tuple[str, ...],
    signature_format: str | None,
    certificate_chain: Path | None,
    notation_envelope: str,
) -> None:
    """Sign the artifact that REFERENCE means now. Prints the reference by digest.

    A bundle is for cosign 3; legacy, the .sig tag, for cosign 2 and podman; notation for Notation, which needs
    a certificate. What is signed already is kept. --keyless needs the extra sigstore, and is public.
    """
    from wasmbuild.workflows.annotations import parse_annotations
    from wasmbuild.workflows.locals import in_registry

    asked, more = in_registry(reference, "sign"), parse_annotations(annotations)
    if keyless.chosen(key, signature_format, certificate_chain) or key is None:
        signed = keyless.sign(asked, more, registries, console)
        console.result("sign", str(signed.reference), signed.to_json())
        return
    signer = signatory(key)  # which is opened while the rest is imported
    from wasmbuild.workflows.sign import parse_kinds, sign_remote

    forms = parse_kinds(signature_format, certified=certificate_chain is not None)
    signed = sign_remote(
        asked,
        signer,
        kinds=forms,
        annotations=more,
        certificates=_certificates(forms, certificate_chain, notation_envelope),
        registries=registries,
        sink=console.emit,
        environment=os.environ,
    )
    console.result("sign", str(signed.reference), signed.to_json())


def _certificates(forms: "tuple[SignatureKind, ...]", chain: Path | None, envelope: str) -> "Certificates | None":
    if chain is None:
        return None
    from wasmbuild.trust.candidate import SignatureKind
    from wasmbuild.trust.notation.envelope import COSE, JWS
    from wasmbuild.trust.notation.files import read_certificate_file
    from wasmbuild.workflows.sign import Certificates

    if SignatureKind.NOTATION not in forms:
        raise UsageFailed("--certificate-chain is for signatures of Notation", hint="--signature-format all")
    return Certificates(read_certificate_file(chain), {"jws": JWS, "cose": COSE}[envelope])

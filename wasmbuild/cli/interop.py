"""``wasmbuild interop``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.cli.trusting import Trusting, authority_options
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

__all__ = ["command"]


@registry_verb("interop", "wasmbuild interop ghcr.io/acme/hello:1.0.0 --key wasmbuild.pub")
@argument("reference")
@authority_options
def command(console: Console, registries: Registries, reference: str, trusting: Trusting) -> None:
    """Say which other verifiers accept REFERENCE as signed, and why the others do not.

    That is cosign, notation, podman, policy-controller and Kyverno. Without --key, or another option that
    says whom you trust, signatures are taken for good ones, and only their forms are looked at.
    """
    from wasmbuild.workflows.interoperability import interoperability
    from wasmbuild.workflows.locals import in_registry

    asked = in_registry(reference, "interop")
    found = interoperability(asked, trusting.authorities(), registries=registries, sink=console.emit)
    if not found.checked:
        console.emit(Note("warning", "no signature was verified: --key says whom you trust"))
    console.result("interop", found.lines(), found.to_json())

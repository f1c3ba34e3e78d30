"""``wasmbuild verify``."""

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.cli.trusting import Trusting, trust_options
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@registry_verb("verify", "wasmbuild verify ghcr.io/acme/hello:1.0.0 --key wasmbuild.pub")
@argument("reference")
@trust_options
def command(console: Console, registries: Registries, reference: str, trusting: Trusting) -> None:
    """Check that REFERENCE is signed by somebody you trust. Prints it by digest; ends with 4 if it is not.

    Bundles and the .sig tag are looked at; --format json has each signature, and why it does not hold.
    """
    from wasmbuild.workflows.places import in_registry
    from wasmbuild.workflows.verify import verify_remote

    asked, demand = in_registry(reference, "verify"), trusting.demand()
    if demand is None:
        raise UsageFailed(
            "verify needs to know whom you trust", hint=f"wasmbuild verify {reference} --key wasmbuild.pub"
        )
    verified = verify_remote(asked, demand, registries=registries, sink=console.emit)
    console.result("verify", str(verified.reference), verified.to_json())

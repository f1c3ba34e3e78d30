"""``wasmbuild verify``."""

from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.words import pasted
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.cli.trusting import Trusting, trust_options
from wasmbuild.errors import Failure, UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.demand import Demand

__all__ = ["command"]


@registry_verb("verify", "wasmbuild verify ghcr.io/acme/hello:1.0.0 --key wasmbuild.pub")
@argument("reference")
@trust_options
@option(
    "-a",
    "--annotation",
    "annotations",
    multiple=True,
    metavar="KEY=VALUE",
    help="Must be signed, too; of several, all.",
)
@option(
    "--type", "types", multiple=True, help="An attestation that must hold, in place of signatures; of several, all."
)
@option("--offline", is_flag=True, help="REFERENCE is a file that save wrote, or oci:FOLDER; no network is used.")
@option("--as", "as_name", metavar="NAME", help="With --offline: what a policy is told that it is called.")
@option("--explain", is_flag=True, help="Print all that was found, and why it holds or does not.")
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    reference: str,
    trusting: Trusting,
    annotations: tuple[str, ...],
    types: tuple[str, ...],
    offline: bool,
    as_name: str | None,
    explain: bool,
) -> None:
    """Check that REFERENCE is signed by somebody you trust. Prints it by digest; ends with 4 if it is not.

    Bundles and the .sig tag are looked at; --explain and --format json have each signature, and why it
    does not hold, also where none does. --type asks for attestations, such as slsaprovenance1.
    """
    if offline:
        from wasmbuild.cli.offline import show_offline

        _check_offline(trusting, explain=explain)
        demand = _demand(f"--offline {pasted(reference)}", trusting, annotations, types)
        show_offline(console, reference, demand, as_name)
        return
    if as_name is not None:
        raise UsageFailed("--as goes with --offline", hint=f"wasmbuild verify {pasted(reference)}")
    from wasmbuild.workflows.locals import in_registry
    from wasmbuild.workflows.verify import Verified, verify_remote
    from wasmbuild.workflows.verify_report import report

    asked, demand = in_registry(reference, "verify"), _demand(pasted(reference), trusting, annotations, types)
    try:
        verified = verify_remote(asked, demand, registries=registries, sink=console.emit)
    except Failure as failure:
        if explain and console.format == "text" and isinstance(failure.details, Verified):
            console.result("verify", report(failure.details), {})
        raise
    text = report(verified) if explain else str(verified.reference)
    console.result("verify", text, verified.to_json())


def _check_offline(trusting: Trusting, *, explain: bool) -> None:
    if explain:
        raise UsageFailed("--explain is for an artifact of a registry", hint="--format json says what was found")
    if trusting.identities.need_network:
        said = "identities are verified offline with a file that says who vouches for them"
        raise UsageFailed(said, hint="--trusted-root trusted_root.json")


def _demand(asked: str, trusting: Trusting, annotations: tuple[str, ...], types: tuple[str, ...]) -> "Demand":
    """What must hold: what the options say of whom to trust, and of what they must have said; of ``asked``, pasted."""
    demand = trusting.demand()
    if demand is None:
        raise UsageFailed("verify needs to know whom you trust", hint=f"wasmbuild verify {asked} --key wasmbuild.pub")
    if not annotations and not types:
        return demand
    from wasmbuild.trust.predicates import parse_predicate_type
    from wasmbuild.workflows.annotations import parse_annotations
    from wasmbuild.workflows.demand import SignedBy
    from wasmbuild.workflows.verify import Saying

    if not isinstance(demand, SignedBy):
        from wasmbuild.cli.policing import goes_with_keys

        said = "--annotation and --type go with keys and identities"
        raise goes_with_keys(said, "a policy says itself what must have been signed")
    if annotations and types:
        said = "--annotation is for signatures, and --type for attestations"
        raise UsageFailed(said, hint="ask for each with a command of its own")
    wanted = tuple(parse_predicate_type(each) for each in types)
    return Saying(tuple(demand.authorities), parse_annotations(annotations), tuple(dict.fromkeys(wanted)))

"""``wasmbuild verify-file``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.words import pasted
from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.cli.trusting import Trusting, trust_options
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.demand import Demand
    from wasmbuild.workflows.verify_file import VerifiedFile

__all__ = ["command"]


@registry_verb(
    "verify-file",
    "wasmbuild verify-file hello.wasm --against ghcr.io/acme/hello:1.0.0 --key wasmbuild.pub",
    at_need=True,
)
@argument("file", type=FILE)
@option("--against", metavar="REFERENCE", help="An artifact in a registry, whose file it must be.")
@option("--bundle", type=FILE, help="A sigstore bundle that must vouch for it.")
@option(
    "--type",
    "predicate_type",
    envvar="WASMBUILD_VERIFY_FILE_TYPE",
    help="An attestation that the bundle must be, in place of a signature.",
)
@trust_options
def command(
    console: Console,
    registries: Callable[[], Registries],
    *,
    file: Path,
    against: str | None,
    bundle: Path | None,
    predicate_type: str | None,
    trusting: Trusting,
) -> None:
    """Check that FILE is what somebody you trust has signed. Ends with 4 if it is not.

    With --against it must be, byte for byte, the file of an artifact that is signed, whose reference by
    digest is printed. With --bundle, which cosign sign-blob and attest-blob write, nothing is fetched,
    and the digest of FILE is printed.
    """
    if (against is None) == (bundle is None):
        raise UsageFailed("verify-file needs either --against or --bundle", hint="wasmbuild verify-file --help")
    demand = _of_keys(trusting) if bundle is not None else trusting.demand()
    if demand is None:
        raise UsageFailed("verify-file needs to know whom you trust", hint="add --key wasmbuild.pub")
    if bundle is not None:
        verified = _by_bundle(console, file, bundle, predicate_type, demand)
    else:
        verified = _by_artifact(console, registries, file, against or "", predicate_type, demand)
    console.result("verify-file", verified.text, verified.to_json())


def _of_keys(trusting: Trusting) -> "Demand | None":
    """What keys and identities demand: a policy that a variable names is about artifacts, as one's own is."""
    from wasmbuild.cli.policing import policy_is_named
    from wasmbuild.workflows.demand import SignedBy

    authorities = () if policy_is_named() else trusting.authorities()
    return SignedBy(authorities) if authorities else trusting.demand()


def _by_bundle(
    console: Console, file: Path, bundle: Path, predicate_type: str | None, demand: "Demand"
) -> "VerifiedFile":
    from wasmbuild.trust.predicates import parse_predicate_type
    from wasmbuild.workflows.demand import SignedBy
    from wasmbuild.workflows.verify_file import verify_bundle

    if not isinstance(demand, SignedBy):
        from wasmbuild.cli.policing import goes_with_keys

        raise goes_with_keys("--bundle goes with keys and identities", "a policy is about artifacts in registries")
    wanted = parse_predicate_type(predicate_type) if predicate_type is not None else None
    return verify_bundle(file, bundle, tuple(demand.authorities), wanted, console.emit)


def _by_artifact(
    console: Console,
    registries: Callable[[], Registries],
    file: Path,
    against: str,
    predicate_type: str | None,
    demand: "Demand",
) -> "VerifiedFile":
    from wasmbuild.workflows.locals import in_registry
    from wasmbuild.workflows.verify_file import verify_against

    if predicate_type is not None:
        said = "--type goes with --bundle"
        raise UsageFailed(said, hint=f"wasmbuild verify {pasted(against)} --type {pasted(predicate_type)} …")
    return verify_against(file, in_registry(against, "verify-file"), demand, registries=registries(), sink=console.emit)

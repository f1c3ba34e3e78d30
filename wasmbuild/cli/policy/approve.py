"""``wasmbuild policy approve``."""

from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.cli.policy.common import chosen_demand, policy_option, said
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@registry_verb("approve", "wasmbuild policy approve ghcr.io/acme/hello:2.0.0")
@argument("reference")
@policy_option
def command(console: Console, registries: Registries, reference: str, policy: Path | None) -> None:
    """Accept what is new in REFERENCE from now on: its capabilities, and what its tag means.

    Everything else that the policy demands must hold. Prints the reference by digest.
    """
    from wasmbuild.workflows.enforcing import Subject
    from wasmbuild.workflows.locals import in_registry
    from wasmbuild.workflows.remote import Remote

    asked, demand = in_registry(reference, "policy approve"), chosen_demand(policy)
    remote = Remote.resolve(asked, registries)
    verdict = demand.approve(Subject.of(remote.repository, remote.descriptor, asked), console.emit)
    for name in sorted(verdict.capabilities):
        console.emit(Note("info", f"approved: {name}"))
    console.emit(Note("info", f"kept in {demand.memory().path}"))
    console.result("policy approve", str(remote.pinned), said(verdict, str(remote.pinned)))

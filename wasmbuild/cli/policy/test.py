"""``wasmbuild policy test``."""

from pathlib import Path

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, registry_verb
from wasmbuild.cli.policy.common import chosen_demand, policy_option, rule_lines, said
from wasmbuild.errors import ExitCode
from wasmbuild.events import step
from wasmbuild.ui.console import Console


@registry_verb("test", "wasmbuild policy test ghcr.io/acme/hello:1.0.0 --trust-policy trust-policy.toml")
@argument("reference")
@policy_option
def command(console: Console, registries: Registries, reference: str, policy: Path | None) -> int:
    """Say of each rule for REFERENCE whether it holds, and why. Ends with 4 if one does not.

    Nothing is remembered, and nothing but signatures and attestations is fetched.
    """
    from wasmbuild.workflows.enforcing import Subject
    from wasmbuild.workflows.locals import in_registry
    from wasmbuild.workflows.remote import Remote

    asked, demand = in_registry(reference, "policy test"), chosen_demand(policy)
    remote = Remote.resolve(asked, registries)
    with step(console.emit, "verify", remote.pinned.short):
        verdict = demand.verdict(Subject.of(remote.repository, remote.descriptor, asked))
    text = "\n".join([str(remote.pinned), *rule_lines(verdict)])
    console.result("policy test", text, said(verdict, str(remote.pinned)))
    return ExitCode.OK if verdict.holds else ExitCode.DENIED

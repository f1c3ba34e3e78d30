"""What the verbs of ``policy`` share: which policy is meant, and how a verdict is shown."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmbuild.cli.common import option
from wasmbuild.cli.parameters import ONE_FILE, once
from wasmbuild.cli.policing import POLICY_VARIABLE
from wasmbuild.errors import UsageFailed

if TYPE_CHECKING:
    from wasmbuild.trust.policy.verdict import Verdict
    from wasmbuild.workflows.enforcing import PolicyDemand

__all__ = ["chosen_demand", "policy_file", "policy_option", "rule_lines", "said"]

policy_option = option(
    "--trust-policy",
    "--policy",
    "policy",
    type=ONE_FILE,
    multiple=True,
    callback=once,
    envvar=POLICY_VARIABLE,
    help="The policy. [default: trust-policy.toml beside config.toml]",
)


def policy_file(named: Path | None) -> Path:
    """The file that is meant. Raises UsageFailed when there is none."""
    from wasmbuild.workflows.policies import user_policy

    path = named or user_policy()
    if path is None:
        raise UsageFailed("no trust policy is named, and you have none of your own", hint="--trust-policy FILE")
    return path


def chosen_demand(named: Path | None) -> "PolicyDemand":
    """What the policy that is meant demands. Raises UsageFailed, InvalidProject, InvalidKey."""
    from wasmbuild.workflows.policies import read_demand

    return read_demand(policy_file(named))


def rule_lines(verdict: "Verdict") -> Sequence[str]:
    """A verdict, line by line: the scope that decided, and each rule."""
    if verdict.unsafe:
        return (f"ANYTHING is accepted by the scope {verdict.scope} of {verdict.policy}",)
    head = f"{verdict.policy}, scope {verdict.scope}" if verdict.scope else verdict.policy
    rules = (f"  {'holds' if rule.holds else 'FAILS'}  {rule.rule}: {rule.why}" for rule in verdict.rules)
    return (head, *rules)


def said(verdict: "Verdict", reference: str) -> dict[str, Any]:
    """The document of a command about an artifact."""
    return {"reference": reference, **verdict.to_json()}

"""``wasmbuild policy``: a file for each verb."""

import click

from wasmbuild.cli.lazy import LazyGroup

__all__ = ["VERBS", "command"]

VERBS = {
    "test": "Say of each rule whether an artifact fulfils it.",
    "explain": "Say in words what a policy demands.",
    "check": "Check that a file is a policy.",
    "approve": "Accept what is new in an artifact.",
    "import": "Write a policy for one of another tool.",
}


@click.group(
    "policy",
    cls=LazyGroup,
    package="wasmbuild.cli.policy",
    verbs=VERBS,
    epilog="Example: wasmbuild policy test ghcr.io/acme/hello:1.0.0 --trust-policy trust-policy.toml",
)
def command() -> None:
    """Say what a trust policy means, and whether it is fulfilled: who must have signed what.

    The policy is a file, docs/policy.md. Without --trust-policy it is trust-policy.toml beside config.toml.
    """

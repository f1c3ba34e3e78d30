"""The options that say which trust policy is in force, for the verbs that take something from a registry."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from wasmbuild.cli.common import FILE, option
from wasmbuild.errors import UsageFailed

__all__ = ["POLICY_VARIABLE", "policy_options", "refuse_policy_for_file"]

POLICY_VARIABLE = "WASMBUILD_TRUST_POLICY"
"""The policy of every verb that has the option."""


def policy_options(*spellings: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--trust-policy``, and other ``spellings`` of it; the verb's function gets a ChosenPolicy as ``chosen``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @option(
            "--trust-policy",
            *spellings,
            "trust_policy",
            type=FILE,
            envvar=POLICY_VARIABLE,
            help="The policy that it must fulfil. [default: trust-policy.toml beside config.toml, if it is there]",
        )
        @option("--no-trust-policy", is_flag=True, help="Apply no policy, neither a named one nor your own.")
        @functools.wraps(function)
        def call(
            *arguments: Any,  # noqa: ANN401 - click's
            trust_policy: Path | None,
            no_trust_policy: bool,
            **values: Any,  # noqa: ANN401 - click's
        ) -> Any:  # noqa: ANN401 - click's
            from wasmbuild.workflows.policies import ChosenPolicy

            return function(*arguments, chosen=ChosenPolicy(trust_policy, no_trust_policy), **values)

        return call

    return decorate


def refuse_policy_for_file(artifact: str) -> None:
    """A policy that is named for a file is a mistake; one of the environment is for what is no file.

    Raises UsageFailed.
    """
    from wasmbuild.workflows.locals import local_file

    source = click.get_current_context().get_parameter_source("trust_policy")
    if source is not None and source.name == "COMMANDLINE" and local_file(artifact) is not None:
        raise UsageFailed(f"{artifact} is a file, and a trust policy is for artifacts in a registry")

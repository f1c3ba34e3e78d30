"""The options that say which trust policy is in force, for the verbs that take something from a registry."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from wasmbuild.cli.common import option
from wasmbuild.cli.parameters import ONE_FILE, once
from wasmbuild.errors import UsageFailed

__all__ = ["POLICY_VARIABLE", "goes_with_keys", "policy_is_named", "policy_options", "refuse_policy_for_file"]

POLICY_VARIABLE = "WASMBUILD_TRUST_POLICY"
"""The policy of every verb that has the option."""


def policy_options(*spellings: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--trust-policy``, and other ``spellings`` of it; the verb's function gets a ChosenPolicy as ``chosen``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @option(
            "--trust-policy",
            *spellings,
            "trust_policy",
            type=ONE_FILE,
            multiple=True,
            callback=once,
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


def policy_is_named() -> bool:
    """Whether a person named a policy to the command that runs, by an option: a variable is for those that apply it."""
    source = click.get_current_context().get_parameter_source("trust_policy")
    return source is not None and source.name == "COMMANDLINE"


def goes_with_keys(said: str, why: str) -> UsageFailed:
    """The error for what goes with keys alone, where a policy is in force; ``why`` it says nothing of that."""
    if os.environ.get(POLICY_VARIABLE) and not policy_is_named():
        return UsageFailed(said, cause=f"{POLICY_VARIABLE} names a policy, and {why}", hint="add --no-trust-policy")
    return UsageFailed(said, cause=why, hint=None if policy_is_named() else "add --key wasmbuild.pub")


def refuse_policy_for_file(artifact: str) -> None:
    """A policy that is named for a file is a mistake; one of the environment is for what is no file.

    Raises UsageFailed.
    """
    from wasmbuild.workflows.locals import local_file

    if policy_is_named() and local_file(artifact) is not None:
        raise UsageFailed(f"{artifact} is a file, and a trust policy is for artifacts in a registry")

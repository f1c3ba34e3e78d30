"""``wasmbuild verify-plugin``, and ``wasmbuild-verify-plugin``, which containerd starts without a verb."""

import os
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import click

from wasmbuild.cli.common import option, registry_verb
from wasmbuild.cli.trusting import Trusting, trust_options
from wasmbuild.errors import ExitCode, Failure
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.client.registries import Registries

__all__ = ["command", "main"]

_SECONDS = 8.0
"""Less than containerd waits for a verifier, so that the reason is ours."""

_LONGEST = 1000


@registry_verb(
    "verify-plugin",
    "wasmbuild verify-plugin -name REF -digest SHA -stdin-media-type TYPE < descriptor.json",
    at_need=True,
)
@click.option("-name", "name", required=True, allow_from_autoenv=False, help="Under which name it is pulled.")
@click.option("-digest", "digest", required=True, allow_from_autoenv=False, help="What is pulled.")
@click.option(
    "-stdin-media-type", "media_type", required=True, allow_from_autoenv=False, help="What kind of document stdin is."
)
@trust_options
@option(
    "--timeout", type=click.FloatRange(0.1, 600), default=_SECONDS, show_default=True, help="Seconds for an answer."
)
def command(
    console: Console,
    registries: "Callable[[], Registries]",
    *,
    name: str,
    digest: str,
    media_type: str,
    trusting: Trusting,
    timeout: float,
) -> int:
    """Answer containerd whether an image may be pulled: an image verifier of its bindir plugin.

    stdin is the image's descriptor. Ends with 0 if it may, otherwise with another code; stdout has the
    reason. Whom to trust may be in the environment: WASMBUILD_VERIFY_PLUGIN_KEY.
    """
    answers: list[tuple[int, str]] = []

    def answer() -> None:
        answers.append(_answer(console, registries, name, digest, media_type, trusting))

    thread = threading.Thread(target=answer, name="verify-plugin", daemon=True)
    thread.start()
    thread.join(timeout)
    code, reason = answers[0] if answers else (ExitCode.REGISTRY, f"there was no answer in {timeout:g} seconds")
    console.result("verify-plugin", reason, {"allowed": code == ExitCode.OK, "reason": reason})
    if not answers and console.own_process:
        os._exit(code)  # what waits for a registry would keep the process
    return code


def _answer(
    console: Console,
    registries: "Callable[[], Registries]",
    name: str,
    digest: str,
    media_type: str,
    trusting: Trusting,
) -> tuple[int, str]:
    """What to end with, and one line that says why; nothing is raised, for that would be nobody's answer."""
    from registry.words import printable
    from wasmbuild.workflows.verify_plugin import MAX_DESCRIPTOR, Asked, verify_asked

    try:
        asked = Asked.parse(name, digest, media_type, sys.stdin.buffer.read(MAX_DESCRIPTOR + 1))
        demand = trusting.demand()
        if demand is None:
            return ExitCode.USAGE, "nobody says whose signatures count: set WASMBUILD_VERIFY_PLUGIN_KEY"
        evidence = verify_asked(asked, demand, registries=registries(), sink=console.emit)
        signers = ", ".join(signer.identity for signer in evidence.signers)
        return ExitCode.OK, printable(f"signed by {signers}" if signers else "the policy is fulfilled", _LONGEST)
    except Failure as failure:
        return failure.exit_code, printable("; ".join(str(failure).splitlines()), _LONGEST)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a refusal
        return ExitCode.BUG, printable(f"wasmbuild made a mistake: {type(error).__name__}: {error}", _LONGEST)


def main() -> NoReturn:
    """Run the verb as a program of its own."""
    from wasmbuild.cli.entry import main as enter

    sys.argv[1:1] = ["verify-plugin"]
    enter()

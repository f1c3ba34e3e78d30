"""The table of verbs, and the way from a failure to an exit code.

A verb's module is imported when the verb is used, and not for ``--help`` of the whole.
"""

import errno
import os
import sys

import click

from registry.errors import StorageFailed
from wasmbuild.cli.entry import hidden_end
from wasmbuild.cli.lazy import LazyGroup
from wasmbuild.errors import ExitCode, Failure, UsageFailed
from wasmbuild.ui.console import Console

__all__ = ["VERBS", "run"]

_WIDEST_HELP = 120
"""Columns; a narrower terminal, or COLUMNS, decides before."""

VERBS = {
    "new": "Start a project from a template.",
    "init": "Write a wasmbuild.toml for sources that are there.",
    "build": "Compile a project and pack it as an OCI artifact.",
    "plan": "Say what would be built, and why.",
    "clean": "Remove what builds left in a project.",
    "push": "Build, push and sign an artifact.",
    "release": "Release every target: built, signed, pushed, verified, tagged last.",
    "pull": "Fetch an artifact's WebAssembly file, verified.",
    "run": "Run an artifact or a file in the sandbox.",
    "compile": "Compile for run ahead of time.",
    "sign": "Sign an artifact that a registry has.",
    "verify": "Check the signature of an artifact.",
    "verify-file": "Check that a file is what somebody has signed.",
    "interop": "Say which other verifiers accept an artifact.",
    "verify-plugin": "Answer containerd whether an image may be pulled.",
    "attest": "Attest something of an artifact, signed.",
    "attestations": "List what is attested of an artifact.",
    "rebuild": "Build an artifact again from its provenance, and compare.",
    "inspect": "Say what a WebAssembly file is and asks for.",
    "sbom": "Write down what a file is made of, as an SBOM.",
    "validate": "Check that a WebAssembly file is valid.",
    "diff": "Say what differs between two WebAssembly files.",
    "compat": "Say which version step a change demands.",
    "component": "Make components, take them apart, read their WIT.",
    "optimize": "Make a WebAssembly file smaller or faster.",
    "metadata": "Show or change what a file says about itself.",
    "strip": "Take custom sections out of a file.",
    "copy": "Copy an artifact between registries and layouts.",
    "save": "Write a repository's artifacts to one file.",
    "load": "Bring the artifacts of a file to a repository.",
    "ls": "List the repositories of a registry.",
    "tags": "List the tags of a repository.",
    "tag": "Give an artifact more tags.",
    "resolve": "Say which digest a reference means.",
    "manifest": "Read and write manifests as they are.",
    "blob": "Read and write blobs as they are.",
    "attach": "Attach files to an artifact, such as an SBOM.",
    "discover": "Show what refers to an artifact.",
    "delete": "Delete a tag, a manifest or a blob.",
    "login": "Keep credentials for a registry.",
    "logout": "Forget the credentials of a registry.",
    "lock": "Show or change the compilers that a project is pinned to.",
    "toolchain": "Install and remove the compilers that wasmbuild pins.",
    "cache": "Look into the caches, and make room.",
    "config": "Show what is configured, and where it comes from.",
    "doctor": "Say what is missing, and how to get it.",
    "keys": "Make keys to sign with.",
    "policy": "Say what a trust policy means, and whether it is fulfilled.",
    "serve-http": "Answer HTTP requests with a component, in the sandbox.",
    "serve": "Run a registry on this machine.",
    "registry": "Look after a registry of one's own.",
    "ci": "Write and check the files of a CI system.",
    "explain": "Say what an error means and what mends it.",
    "man": "Write the manual pages.",
    "completion": "Print what makes a shell complete words.",
    "version": "Say which version this is.",
}


def _tell_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from wasmbuild.cli.version import tell

        tell(context.ensure_object(Console))
        context.exit()


@click.group(
    cls=LazyGroup,
    package="wasmbuild.cli",
    verbs=VERBS,
    context_settings={
        "auto_envvar_prefix": "WASMBUILD",
        "max_content_width": _WIDEST_HELP,
    },
    epilog="Example: wasmbuild new --template c-cli hello && cd hello && wasmbuild build",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    allow_from_autoenv=False,
    help="Say which version this is and exit.",
)
def _program() -> None:
    """From source code to a WebAssembly artifact that people can trust."""


def run(arguments: list[str], *, own_process: bool = False) -> int:
    """Run one command line, perhaps as all that its process is there for; what the process shall end with."""
    console = Console(own_process=own_process)
    if own_process and (asked := os.environ.get("_WASMBUILD_COMPLETE")):
        from wasmbuild.cli.completing import complete

        complete(_program, asked)
        return ExitCode.OK
    try:
        outcome = _program.main(arguments, prog_name="wasmbuild", standalone_mode=False, obj=console)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        console.tell(error.format_message())
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        return _interrupted(console)
    except BrokenPipeError:
        return ExitCode.FAILED  # whoever read our output has gone, and needs no explanation
    except Exception as error:  # noqa: BLE001 - the last one to see it
        return _ended_by(error, console)
    return outcome if isinstance(outcome, int) else ExitCode.OK


def _interrupted(console: Console) -> int:
    console.tell("interrupted")
    return ExitCode.INTERRUPTED


def _ended_by(error: Exception, console: Console) -> int:
    end = hidden_end(error)
    if isinstance(end, KeyboardInterrupt):
        return _interrupted(console)
    if end is not None:
        raise end
    failure = _failure(error)
    if console.debug:
        import traceback

        console.tell("".join(traceback.format_exception(error)).rstrip("\n"))
    console.fail(failure)
    return failure.exit_code


def _failure(error: Exception) -> Failure:
    if isinstance(error, Failure):
        return error
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "wasmbuild"
        return UsageFailed(_on_one_line(error).rstrip("."), hint=f"{path} --help")
    if isinstance(error, click.ClickException):
        return UsageFailed(_on_one_line(error))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EBADF, errno.EIO):
        return StorageFailed("the output could not be written", cause=error.strerror)
    return _Bug(
        "wasmbuild made a mistake",
        cause=f"{type(error).__name__}: {error}"[:500],
        hint="run it again with --debug and report what it prints",
    )


def _on_one_line(error: click.ClickException) -> str:
    """What is wrong, without the line breaks of lists of choices, which would be shown written out."""
    return " ".join(line.strip() for line in error.format_message().splitlines())


class _Bug(Failure):
    """Something that no code of ours expected."""

    code = "WB999"
    exit_code = ExitCode.BUG

"""``wasmbuild completion``."""

import click

from wasmbuild.cli.common import argument, verb
from wasmbuild.cli.completing import SHELLS, VARIABLE
from wasmbuild.ui.console import Console


@verb("completion", 'eval "$(wasmbuild completion bash)"')
@argument("shell", type=click.Choice(tuple(SHELLS)))
def command(console: Console, shell: str) -> None:
    """Print what makes a shell complete the words of wasmbuild.

    For good, put it where SHELL looks for such files; docs/shell.md says where.
    """
    from click.shell_completion import ShellComplete

    # Not kind.source(), which starts the bash of this machine to ask for its version.
    script = ShellComplete.source(SHELLS[shell](click.Command("wasmbuild"), {}, "wasmbuild", VARIABLE))
    console.result("completion", script.rstrip("\n"), {"shell": shell, "script": script})

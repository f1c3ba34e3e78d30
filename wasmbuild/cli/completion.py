"""``wasmbuild completion``."""

import click

from wasmbuild.cli.common import argument, verb
from wasmbuild.ui.console import Console

_SHELLS = ("bash", "zsh", "fish")


@verb("completion", 'eval "$(wasmbuild completion bash)"')
@argument("shell", type=click.Choice(_SHELLS))
def command(console: Console, shell: str) -> None:
    """Print what makes a shell complete the words of wasmbuild.

    For good, put it where SHELL looks for such files; docs/shell.md says where.
    """
    from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

    from wasmbuild.cli.completing import VARIABLE

    kinds = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    # Not kind.source(), which starts the bash of this machine to ask for its version.
    script = ShellComplete.source(kinds[shell](click.Command("wasmbuild"), {}, "wasmbuild", VARIABLE))
    console.result("completion", script.rstrip("\n"), {"shell": shell, "script": script})

"""``wasmbuild man``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import FOLDER, argument, option, verb
from wasmbuild.cli.completing import command_words
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.cli.commandtree import CommandPage


@verb("man", "wasmbuild man --output ~/.local/share/man/man1")
@argument("words", nargs=-1, metavar="[COMMAND]...", shell_complete=command_words)
@option("-o", "--output", type=FOLDER, help="Write the pages of all commands into this folder.")
def command(console: Console, words: tuple[str, ...], output: Path | None) -> None:
    """Print the manual page of COMMAND, as roff; with --output, write the pages of all of them.

    To read one: wasmbuild man push | man -l -
    """
    from wasmbuild.cli.commandtree import command_pages
    from wasmbuild.cli.manpages import man_page, page_name

    pages = {page.words: page for page in command_pages(click.get_current_context().find_root().command)}
    summaries = {each: page.summary for each, page in pages.items()}
    if output is None:
        page = _wanted(pages, words)
        text = man_page(page, summaries)
        console.result("man", text.rstrip("\n"), {"name": page_name(page.words), "page": text})
        return
    if words:
        raise UsageFailed("--output writes the pages of all commands", hint="leave out --output, or the command")
    files = _write({f"{page_name(each)}.1": man_page(page, summaries) for each, page in pages.items()}, output)
    console.result("man", str(output), {"path": str(output), "files": files})


def _wanted(pages: "dict[tuple[str, ...], CommandPage]", words: tuple[str, ...]) -> "CommandPage":
    from wasmbuild.tables import closest

    whole = ("wasmbuild", *words)
    if whole in pages:
        return pages[whole]
    guess = closest(" ".join(words), [" ".join(each[1:]) for each in pages if each[1:]])
    raise UsageFailed(
        f"there is no command {' '.join(words)[:60]!r}",
        hint=f"wasmbuild man {guess}" if guess else "wasmbuild --help",
    )


def _write(texts: dict[str, str], folder: Path) -> list[str]:
    from registry.files import storage_errors, write_atomically

    with storage_errors(f"{folder} cannot be written"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_atomically(folder / name, text.encode())
    return list(texts)

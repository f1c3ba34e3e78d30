"""``wasmbuild explain``."""

from itertools import groupby
from typing import TYPE_CHECKING

from wasmbuild.cli.common import argument, verb
from wasmbuild.cli.completing import error_codes
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmbuild.workflows.explanations import Explanation


@verb("explain", "wasmbuild explain WB401")
@argument("code", required=False, shell_complete=error_codes)
def command(console: Console, code: str | None) -> None:
    """Say what an error means and what mends it.

    CODE is written as the error shows it, or as 401, or a whole line of an error. Without it, all codes
    are listed.
    """
    from wasmbuild.workflows.explanations import explanation, explanations

    if code is None:
        pages = explanations()
        console.result("explain", _listed(pages), {"errors": [page.to_json() for page in pages]})
        return
    page = explanation(code)
    console.result("explain", _shown(page), page.to_json())


def _listed(pages: "Sequence[Explanation]") -> str:
    lines: list[str] = []
    for section, below in groupby(pages, key=lambda page: page.section):
        lines += ["", section] if lines else [section]
        lines += [f"  {page.code}  {page.title}" for page in below]
    return "\n".join(lines)


def _shown(page: "Explanation") -> str:
    import shutil

    from wasmbuild.ui.prose import plain_text

    ends = "" if page.exit_code is None else f"Exit code {page.exit_code}. "
    width = min(shutil.get_terminal_size().columns, 100)
    text = plain_text(page.text, width)
    return f"{page.code}: {page.title}\n\n{text}\n\n{ends}See docs/errors.md#{page.code.lower()}"

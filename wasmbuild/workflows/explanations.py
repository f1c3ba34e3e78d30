"""What each error code means: the pages of ``docs/errors.md``, which comes with wasmbuild.

Not here: how a page is shown (``wasmbuild.ui.prose``), and why something was built again (``explain``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wasmbuild
from registry.words import printable
from wasmbuild.errors import ExitCode, Failure, UsageFailed
from wasmbuild.tables import closest

__all__ = ["PAGE", "Explanation", "explanation", "explanations"]

PAGE = "errors.md"
_SHOWN = re.compile(r"error\[WB([0-9]{3})\]")
"""As an error begins; before it may stand whatever a log has, and behind it the words of others."""
_CODE = re.compile(r"WB[-_ ]?([0-9]{3})(?![0-9])", re.IGNORECASE)
_NUMBER = re.compile(r"#?([0-9]{3})")
_TITLE = re.compile(r"## (WB[0-9]{3}) (.+)")
_SECTION = re.compile(r"# (.+)")
_LONGEST = 4096
"""Characters of what a person asks for: a pasted error."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The page of one error code: its name, the part of the tool it is about, and a text in Markdown.

    ``exit_code`` is what a command ends with; None where that differs.
    """

    code: str
    title: str
    section: str
    text: str
    exit_code: int | None

    def to_json(self) -> dict[str, Any]:
        """The fields of ``explain``'s document."""
        known = {"code": self.code, "title": self.title, "section": self.section}
        return {**known, "exitCode": self.exit_code, "text": self.text}


def explanations() -> tuple[Explanation, ...]:
    """All pages, in the order of the document."""
    return tuple(_pages(_document().read_text(encoding="utf-8")))


def explanation(asked: str) -> Explanation:
    """The page of a code as a person has it: ``WB401``, ``401``, a whole line of an error, or its title.

    Raises UsageFailed, with a guess at what was meant.
    """
    asked = asked[:_LONGEST].strip()
    known = {page.code: page for page in explanations()}
    titles = {page.title.casefold(): page for page in known.values()}
    found = _SHOWN.search(asked) or _CODE.search(asked) or _NUMBER.fullmatch(asked)
    page = known.get(f"WB{found[1]}") if found else titles.get(asked.casefold())
    if page is not None:
        return page
    code = f"WB{found[1]}" if found else printable(asked, 60)
    guess = closest(code, [each for each in known if each[:3] == code[:3]]) if found else _by_title(asked, titles)
    raise UsageFailed(
        f"there is no error {code}" if code else "no error is named",
        cause=f"did you mean {guess}, {known[guess].title}?" if guess else "without one, all codes are listed",
        hint=f"wasmbuild explain {guess}" if guess else "wasmbuild explain",
    )


def _by_title(asked: str, titles: dict[str, Explanation]) -> str | None:
    guess = closest(asked.casefold(), titles)
    return titles[guess].code if guess else None


def _document() -> Path:
    """The file: inside an installed package, or beside it in a checkout."""
    package = Path(wasmbuild.__file__).parent
    installed = package / "_docs" / PAGE
    return installed if installed.is_file() else package.parent / "docs" / PAGE


def _pages(document: str) -> Iterator[Explanation]:
    codes = _exit_codes()
    section = code = title = ""
    lines: list[str] = []
    for line in [*document.splitlines(), "# "]:
        heading = line.startswith(("# ", "## "))
        if heading and code:
            yield Explanation(code, title, section, "\n".join(lines).strip(), codes.get(code))
        if found := _TITLE.fullmatch(line):
            code, title, lines = found[1], found[2], []
        elif heading:
            code = ""
        else:
            lines.append(line)
        if found := _SECTION.fullmatch(line):
            section = found[1]


def _exit_codes() -> dict[str, int]:
    """What commands end with, by the code of the error."""
    found = {"WB999": int(ExitCode.BUG)}
    waiting = list(Failure.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found.setdefault(kind.code, int(kind.exit_code))
    return found

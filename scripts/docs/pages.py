"""The pages of the site: those that are written, with links as the site has them, and those that are generated.

A page that is written links to others as it does in the repository, so that both can be read.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from scripts.docs import commands, http, names, settings
from scripts.docs.markdown import with_bars

__all__ = ["CHECKOUT", "FRONT", "destination", "error_headings", "site_text", "write_pages"]

CHECKOUT = Path(__file__).parents[2]
FRONT = MappingProxyType(
    {
        "README.md": "project/readme.md",
        "CONTRIBUTING.md": "project/contributing.md",
        "CHANGELOG.md": "project/changelog.md",
        "SECURITY.md": "project/security.md",
    }
)
"""Pages at the top of the repository, and where the site has them."""

_FOLDERS = MappingProxyType(
    {
        "how-to": ("How-to guides", "Each is about one thing that you want to do, and about nothing else."),
        "explanation": ("Explanation", "Why things are as they are."),
        "adr": ("Decisions", "What was decided, and why."),
    }
)
"""Folders of pages: the title of each, and a sentence."""

_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s#]*)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^( *)(```|~~~)")
_ERROR = re.compile(r"^## (WB[0-9]{3}) (.+)$", re.MULTILINE)
_SECTION = re.compile(r"^# (?!Errors$)(.+)$", re.MULTILINE)
_ERROR_ANCHOR = re.compile(r"#(wb[0-9]{3})-.*")
_GENERATED = MappingProxyType(
    {
        "project-keys.md": lambda: settings.project_page(CHECKOUT / "wasmbuild/project/wasmbuild.schema.json"),
        "user-keys.md": settings.user_page,
        "server-settings.md": lambda: settings.server_page(CHECKOUT / "docs"),
        "environment.md": names.environment_page,
        "names.md": lambda: names.names_page(CHECKOUT),
        "http.md": http.http_page,
        "reference/commands/index.md": commands.overview,
    }
)


def write_pages(root: Path) -> list[Path]:
    """Write all pages of the site below a folder, which is made anew."""
    shutil.rmtree(root, ignore_errors=True)
    written = [_write(root / destination(path), site_text(path)) for path in _sources()]
    for asset in (path for path in (CHECKOUT / "docs").rglob("*") if path.suffix in {".svg", ".png"}):
        target = root / asset.relative_to(CHECKOUT / "docs")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(asset, target)
    generated: dict[str, Callable[[], str]] = dict(_GENERATED)
    written += [_write(root / name, make()) for name, make in generated.items()]
    written += [_write(root / f"reference/commands/{verb}.md", page) for verb, page in commands.commands().items()]
    return [*written, *(_write(root / folder / "index.md", _index(folder)) for folder in _FOLDERS)]


def _sources() -> list[Path]:
    return [*(CHECKOUT / name for name in FRONT), *sorted((CHECKOUT / "docs").rglob("*.md"))]


def destination(page: Path) -> PurePosixPath:
    """Where the site has a page of the repository, from its root."""
    relative = page.relative_to(CHECKOUT)
    return PurePosixPath(FRONT.get(str(relative), str(relative).removeprefix("docs/")))


def site_text(page: Path) -> str:
    """A page as the site has it."""
    text = page.read_text()
    if page.name == "errors.md":
        text = error_headings(text)
    return _outside_code(text, lambda line: _LINK.sub(lambda found: _linked(found, page), line))


def error_headings(text: str) -> str:
    """The codes as headings of their sections, each with the anchor that errors name: ``#wb401``."""
    below = _outside_code(text, lambda prose: _ERROR.sub(_error_heading, prose))
    return _outside_code(below, lambda prose: _SECTION.sub(r"## \1", prose))


def _error_heading(found: re.Match[str]) -> str:
    return f"### {found[1]} {found[2]} {{ #{found[1].lower()} }}"


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """A text with some of it changed: what is between fences stays."""
    lines: list[str] = []
    prose: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fence = _FENCE.match(line) is not None
        if fence and not fenced:
            lines.append(change("\n".join(prose)))
            prose = []
        if fence or fenced:
            lines.append(line)
        else:
            prose.append(line)
        if fence and fenced:
            prose = []
        fenced = fenced != fence
    return "\n".join([*lines, *([change("\n".join(prose))] if prose else [])])


def _linked(found: re.Match[str], page: Path) -> str:
    """A link of a page as the site has it: to the page there, or no link where the site has none."""
    words, target, anchor = found[1], found[2], found[3] or ""
    if "://" in target or target.startswith("mailto:") or not target:
        return found[0]
    wanted = Path(os.path.normpath(page.parent / target))
    if wanted.parent == CHECKOUT / "docs" and wanted.name in _FOLDERS:
        where = PurePosixPath(wanted.name, "index.md")
    elif wanted.suffix == ".md" and (wanted.is_relative_to(CHECKOUT / "docs") or wanted.name in FRONT):
        where = destination(wanted)
    elif wanted.is_relative_to(CHECKOUT / "docs"):
        where = PurePosixPath(wanted.relative_to(CHECKOUT / "docs"))
    else:
        return f"{words} (`{wanted.relative_to(CHECKOUT)}`)" if words.strip("`") != target else words
    if wanted.name == "errors.md":
        anchor = _ERROR_ANCHOR.sub(r"#\1", anchor)
    return f"[{words}]({os.path.relpath(where, destination(page).parent)}{anchor})"


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_outside_code(text, with_bars))
    return path


def _index(folder: str) -> str:
    """The pages of a folder of ``docs``, for links that lead to the folder."""
    title, words = _FOLDERS[folder]
    pages = sorted(page for page in (CHECKOUT / "docs" / folder).glob("*.md"))
    titles = [(page.name, page.read_text().partition("\n")[0].removeprefix("# ")) for page in pages]
    return f"# {title}\n\n{words}\n\n" + "".join(f"- [{heading}]({name})\n" for name, heading in titles)

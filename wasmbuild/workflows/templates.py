"""Templates: starter projects, which come with wasmbuild or are somebody's folder.

A template is a folder of data: ``template.toml`` says what it is, the rest becomes a project. Not here:
how one is fetched (``wasmbuild.workflows.template_sources``), and how a project is made of it
(``wasmbuild.workflows.new``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wasmbuild
from wasmbuild.errors import InvalidProject, UnknownTemplate, UsageFailed
from wasmbuild.tables import closest, read_table

__all__ = ["DESCRIPTION", "Template", "by_id", "choose", "read_template", "templates", "templates_root"]

DESCRIPTION = "template.toml"
"""The file that makes a folder a template; it is no part of the project."""

_KEYS = ("id", "description", "language", "kind", "tags", "test")
_USUAL_KIND = "cli"


@dataclass(frozen=True, slots=True)
class Template:
    """A starter project: its id, what it is in a sentence, and the folder it is copied from.

    ``kind`` is ``cli``, ``library``, ``http`` or ``program``. ``arguments`` are those with which its test
    runs what was built: ``tests/input.*`` in, ``tests/expected.*`` out.
    """

    id: str
    description: str
    root: Path
    language: str | None = None
    kind: str | None = None
    tags: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What ``new --list`` says of it."""
        about = {"id": self.id, "description": self.description, "language": self.language, "kind": self.kind}
        return {**about, "tags": list(self.tags)}


def templates_root() -> Path:
    """The folder of templates: inside an installed package, or beside it in a checkout."""
    package = Path(wasmbuild.__file__).parent
    installed = package / "_templates"
    return installed if installed.is_dir() else package.parent / "templates"


def templates() -> tuple[Template, ...]:
    """All templates that come with wasmbuild, by id. Raises InvalidProject."""
    return tuple(_own(path.parent) for path in sorted(templates_root().glob(f"*/{DESCRIPTION}")))


def by_id(template: str) -> Template:
    """The template that comes with wasmbuild under this id. Raises UnknownTemplate."""
    known = {found.id: found for found in templates()}
    if template not in known:
        guess = closest(template, known)
        raise UnknownTemplate(
            f"there is no template {template[:60]!r}",
            cause=f"known: {', '.join(known)}",
            hint=f"did you mean {guess}?" if guess else "a folder or a git URL may be one, too: ./FOLDER, https://…",
        )
    return known[template]


def choose(language: str | None, kind: str | None) -> tuple[Template, ...]:
    """The templates for a language, a kind or both; a language alone means its command-line program.

    Raises UsageFailed when there are none.
    """
    wanted = kind or (_USUAL_KIND if language else None)
    known = templates()
    found = tuple(each for each in known if language in {None, each.language} and wanted in {None, each.kind})
    if found:
        return found
    _known_word("language", language, [each.language for each in known])
    _known_word("kind", kind, [each.kind for each in known])
    others = [each.id for each in known if language == each.language]
    raise UsageFailed(
        f"there is no template for {language} of the kind {wanted}", cause=f"for {language}: {', '.join(others)}"
    )


def read_template(root: Path) -> Template:
    """What ``template.toml`` in a folder says. Raises FileNotFoundError and InvalidProject."""
    table = read_table(root / DESCRIPTION)
    table.only(_KEYS)
    test = table.table("test")
    test.only(("arguments",))
    return Template(
        id=table.required_text("id"),
        description=table.required_text("description"),
        root=root,
        language=table.text("language"),
        kind=table.text("kind"),
        tags=table.texts("tags"),
        arguments=test.texts("arguments"),
    )


def _own(root: Path) -> Template:
    found = read_template(root)
    if found.id != root.name:
        raise InvalidProject(f"the template in {root.name} calls itself {found.id}")
    return found


def _known_word(what: str, word: str | None, known: Sequence[str | None]) -> None:
    words = sorted({each for each in known if each})
    if word is not None and word not in words:
        guess = closest(word, words)
        raise UsageFailed(
            f"there is no template for the {what} {word[:60]!r}",
            cause=f"known: {', '.join(words)}",
            hint=f"did you mean {guess}?" if guess else "wasmbuild new --list",
        )

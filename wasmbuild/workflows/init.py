"""``init``: a ``wasmbuild.toml`` for sources that are there, from what can be found out about them.

Not here: whether a person is asked (``wasmbuild.cli.init``), and new projects (``new``).
"""

import json
import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from registry.files import exclusive_folder, write_atomically
from registry.words import printable
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import NoProject, TargetExists, UsageFailed
from wasmbuild.project import PROJECT_FILE, Target, make_name, no_project, parse
from wasmbuild.tables import parse_table
from wasmbuild.toolchains import Detection, check_language, detect, languages, toolchain_for
from wasmbuild.workflows.manifests import About, read_about

__all__ = ["Proposal", "propose", "render", "write_project"]

_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a project file would say, and ``why`` the language is that one."""

    root: Path
    about: About
    language: str
    why: str

    @property
    def name(self) -> str:
        """The project's name; the folder's, where no manifest has one."""
        return self.about.name or make_name(self.root.name)

    @property
    def version(self) -> str:
        """Its version."""
        return self.about.version or _VERSION

    def but(self, *, name: str | None = None, version: str | None = None, description: str | None = None) -> "Proposal":
        """The same, with what somebody decided."""
        return replace(self, about=About(name=name, version=version, description=description).otherwise(self.about))


def propose(folder: Path, language: str | None = None) -> Proposal:
    """Look at the sources in a folder.

    Raises TargetExists when there is a project file, NoProject when there is nothing to build, UsageFailed
    for sources in several languages and for a language that is none.
    """
    root = folder.absolute()
    _refuse_second(root)
    if not root.is_dir():
        raise no_project(root)
    tree = SourceTree.of(root)
    try:
        found = _detected(tree, language)
    except UsageFailed as error:
        raise UsageFailed(error.what, cause=error.cause, hint=_command(folder, error)) from error
    return Proposal(root, read_about(tree, found.language), found.language, found.why)


def write_project(proposal: Proposal) -> Path:
    """Write the file, and return its path. Raises TargetExists, InvalidProject, StorageFailed."""
    data = render(proposal).encode()
    parse(proposal.root, parse_table(PROJECT_FILE, data))
    path = proposal.root / PROJECT_FILE
    with exclusive_folder(proposal.root):
        _refuse_second(proposal.root)
        write_atomically(path, data)
    return path


def render(proposal: Proposal) -> str:
    """The text of the file: what is known, and as comments what else could be said."""
    about = proposal.about
    lines = [
        "# What this project is, and how WebAssembly is made of it. All keys: wasmbuild config --schema",
        "",
        "[project]",
        f"name = {_quoted(proposal.name)}",
        f"version = {_quoted(proposal.version)}",
        _line("description", about.description, "a sentence"),
        f"authors = [{', '.join(map(_quoted, about.authors))}]" if about.authors else '# authors = ["Ada <ada@…>"]',
        _line("licenses", about.licenses, "Apache-2.0"),
        _line("source", about.source, "https://…"),
        *([_line("homepage", about.homepage, "")] if about.homepage else []),
        "",
        "[build]",
        f"language = {_quoted(proposal.language)}  # {printable(proposal.why)}",
        '# kind = "library"      # exports functions; "command", with a main function, is the default',
        '# optimize = "speed"    # or "debug"; the default is "size"',
        "# component = true",
        "",
        "# [capabilities]        # a file that asks for more than this is refused",
        '# allow = ["stdio"]',
        "",
        "# [registry]",
        f'# repository = "registry.example.com/{proposal.name}"   # where wasmbuild push brings it',
    ]
    return "\n".join(lines) + "\n"


def _detected(tree: SourceTree, language: str | None) -> Detection:
    if language is None:
        chosen = detect(tree, Target(""))
        if chosen is None:
            raise no_project(tree.root)
        return chosen[1]
    check_language(language)
    found = toolchain_for(language).detect(tree, Target("", language))
    if found is None:
        raise NoProject(f"there are no sources in {language} in {tree.root.name or tree.root}")
    return found


def _command(folder: Path, error: UsageFailed) -> str | None:
    """What to type instead; the cause has a line for each language, which it begins with."""
    first = (error.cause or "").partition(":")[0]
    if first not in languages():
        return error.hint
    where = [] if folder == Path() else [str(folder)]
    return shlex.join(["wasmbuild", "init", *where, "--language", first])


def _refuse_second(root: Path) -> None:
    if os.path.lexists(root / PROJECT_FILE):
        raise TargetExists(f"{root / PROJECT_FILE} is there already", hint="edit it, or remove it first")


def _line(key: str, text: str | None, example: str) -> str:
    return f"{key} = {_quoted(text)}" if text else f'# {key} = "{example}"'


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own."""
    return json.dumps(text, ensure_ascii=False)

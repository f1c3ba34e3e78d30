"""Project and Target: what ``wasmbuild.toml`` says, parsed and checked.

Not here: which files the sources are (a toolchain finds them), and which compiler is pinned
(``wasmbuild.lock``).
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Self, cast, get_args

from wasmbuild.errors import NoProject
from wasmbuild.tables import Table, closest, read_table

__all__ = [
    "MAX_NAME",
    "PROJECT_FILE",
    "Optimize",
    "Project",
    "Target",
    "make_name",
    "no_project",
    "valid_name",
    "valid_version",
]

PROJECT_FILE = "wasmbuild.toml"
MAX_NAME = 100

Optimize = Literal["size", "speed", "debug"]

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_NUMBER = r"(?:0|[1-9][0-9]*)"
_LABEL = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_PROJECT_KEYS = ("name", "version", "description", "authors", "licenses", "source", "homepage")
_BUILD_KEYS = ("language", "sources", "optimize", "flags")


def valid_name(name: str) -> bool:
    """Whether a project may be called so: it becomes a file name and part of a reference."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def valid_version(version: str) -> bool:
    """Whether the text is a version of Semantic Versioning 2.0.0."""
    return len(version) <= MAX_NAME and _VERSION.fullmatch(version) is not None


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that becomes a wasm file.

    ``language`` None and ``sources`` empty mean that a toolchain finds out; ``sources`` are globs
    (``*``, ``**``, ``?``) relative to the project; ``flags`` go to the compiler as they are.
    """

    name: str
    language: str | None = None
    sources: tuple[str, ...] = ()
    optimize: Optimize = "size"
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """What a project says about itself; ``root`` is the folder that it lives in."""

    root: Path
    name: str
    version: str
    target: Target
    description: str | None = None
    authors: tuple[str, ...] = ()
    licenses: str | None = None
    source: str | None = None
    homepage: str | None = None
    inferred: bool = False

    @classmethod
    def load(cls, root: Path) -> Self:
        """Read ``wasmbuild.toml`` in the folder ``root``.

        Raises NoProject when there is none, InvalidProject when it breaks a rule.
        """
        try:
            table = read_table(root / PROJECT_FILE)
        except FileNotFoundError as error:
            raise no_project(root) from error
        return cls.parse(root, table)

    @classmethod
    def parse(cls, root: Path, table: Table) -> Self:
        """Check the tables of a project file. Raises InvalidProject."""
        table.only(("project", "build"))
        project, build = table.table("project"), table.table("build")
        project.only(_PROJECT_KEYS)
        name, version = project.required_text("name"), project.required_text("version")
        if not valid_name(name):
            raise project.invalid("name", _name_problem(name), f"for example {make_name(name)}")
        if not valid_version(version):
            raise project.invalid("version", "is not a semantic version", "for example 0.1.0")
        return cls(
            root=root,
            name=name,
            version=version,
            target=_target(name, build),
            description=project.text("description"),
            authors=project.texts("authors"),
            licenses=project.text("licenses"),
            source=project.text("source"),
            homepage=project.text("homepage"),
        )

    @classmethod
    def infer(cls, root: Path, language: str) -> Self:
        """A project for a folder of sources without a project file: named after the folder."""
        name = make_name(root.absolute().name)
        return cls(root, name, "0.0.0", Target(name, language), inferred=True)


def no_project(root: Path) -> NoProject:
    """The error for a folder in which there is nothing to build."""
    return NoProject(
        f"there is no project in {root.name or root}",
        cause=f"neither {PROJECT_FILE} nor sources that a toolchain recognises",
        hint="wasmbuild new --template c-cli hello",
    )


def make_name(text: str) -> str:
    """The closest valid project name; ``project`` when nothing of the text can stay."""
    kept = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_NAME].strip("-")
    return kept or "project"


def _name_problem(name: str) -> str:
    if len(name) > MAX_NAME:
        return f"has {len(name)} characters, at most {MAX_NAME} are allowed"
    return "must be lower-case letters and digits, joined by single '.', '_' or '-'"


def _target(name: str, build: Table) -> Target:
    build.only(_BUILD_KEYS)
    optimize = build.text("optimize") or "size"
    known = get_args(Optimize)
    if optimize not in known:
        guess = closest(optimize, known)
        raise build.invalid(
            "optimize", f"is not one of {', '.join(known)}", f"did you mean {guess}?" if guess else None
        )
    sources = build.texts("sources")
    for pattern in sources:
        _check_pattern(build, pattern)
    return Target(name, build.text("language"), sources, cast("Optimize", optimize), build.texts("flags"))


def _check_pattern(build: Table, pattern: str) -> None:
    path = PurePosixPath(pattern)
    if not pattern or path.is_absolute() or ".." in path.parts or "\\" in pattern:
        raise build.invalid(
            "sources", f"has {pattern[:80]!r}, which is not a path inside the project", 'for example ["src/*.c"]'
        )

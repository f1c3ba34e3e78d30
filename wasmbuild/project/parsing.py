"""From the tables of ``wasmbuild.toml`` to a Project; unknown keys and wrong shapes are errors with their place."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from wasmbuild.errors import NoProject
from wasmbuild.project.keys import BUILD, CAPABILITIES, PROJECT, REGISTRY, RELEASE, TABLES, TARGET, WORKSPACE, Key
from wasmbuild.project.model import Project, ReleaseRules, Settings, Target
from wasmbuild.project.names import make_name, name_problem, valid_name, valid_version
from wasmbuild.tables import Table, closest, read_table

if TYPE_CHECKING:
    from wasmbuild.wasm.capabilities import CapabilityPolicy

__all__ = [
    "LONGEST_SECONDS",
    "MAX_TARGETS",
    "PROJECT_FILE",
    "SIZE_PATTERN",
    "VARIABLE_PATTERN",
    "infer",
    "load",
    "no_project",
    "parse",
]

PROJECT_FILE = "wasmbuild.toml"
MAX_TARGETS = 500

SIZE_PATTERN = r"([1-9][0-9]{0,8})\s?(KiB|MiB|GiB|kB|KB|MB|GB|B)?"
VARIABLE_PATTERN = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
LONGEST_SECONDS = 24 * 3600

_SIZE = re.compile(SIZE_PATTERN)
_UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_VARIABLE = re.compile(VARIABLE_PATTERN)
_PLACEHOLDER = re.compile(r"\{(?:version|minor|major)\}")
_LARGEST_MEMORY = 2**50


def load(root: Path, shown: str | None = None) -> Project:
    """Read ``wasmbuild.toml`` in the folder ``root``; errors call it ``shown``, or by its name.

    Raises NoProject when there is none, InvalidProject when it breaks a rule.
    """
    try:
        table = read_table(root / PROJECT_FILE, shown)
    except FileNotFoundError as error:
        raise no_project(root) from error
    return parse(root, table)


def infer(root: Path, language: str) -> Project:
    """A project for a folder of sources without a project file: named after the folder."""
    name = make_name(root.absolute().name)
    return Project(root, name, "0.0.0", (Target(name, language),), inferred=True)


def no_project(root: Path) -> NoProject:
    """The error for a folder in which there is nothing to build, or that is none."""
    if not root.is_dir():
        problem = "is not a folder" if os.path.lexists(root) else "is not there"
        return NoProject(f"there is no project in {root.name or root}", cause=f"{root} {problem}")
    return NoProject(
        f"there is no project in {root.name or root}",
        cause=f"neither {PROJECT_FILE} nor sources that a toolchain recognises",
        hint="wasmbuild new --template c-cli hello",
    )


def parse(root: Path, table: Table) -> Project:
    """Check the tables of a project file. Raises InvalidProject."""
    table.only(TABLES)
    members = _values(table.table("workspace"), WORKSPACE).get("members", ())
    if members and "project" not in table.values:
        return _only_a_workspace(root, table, members)
    project = table.table("project")
    said = _values(project, PROJECT)
    name, version = project.required_text("name"), project.required_text("version")
    if not valid_name(name):
        raise project.invalid("name", name_problem(name), f"for example {make_name(name)}")
    if not valid_version(version):
        raise project.invalid("version", "is not a semantic version", "for example 0.1.0")
    build = table.table("build")
    targets = _targets(table, name, build)
    return Project(
        root=root,
        targets=targets,
        settings=Settings(**_values(build, BUILD, beside=TARGET)),
        repository=_values(table.table("registry"), REGISTRY).get("repository"),
        capabilities=_capabilities(table),
        members=members,
        release=_release(table.table("release"), targets),
        **said,
    )


def _release(table: Table, targets: tuple[Target, ...]) -> ReleaseRules:
    rules = ReleaseRules(**_values(table, RELEASE))
    names = [target.name for target in targets]
    for name in rules.targets:
        if name not in names:
            guess = closest(name, names)
            raise table.invalid("targets", f"names {name[:80]!r}, which is none", guess and f"did you mean {guess}?")
    for key, pattern in (*(("tags", each) for each in rules.tags), ("git_tag", rules.git_tag)):
        _check_pattern(table, key, pattern)
    if "{version}" not in rules.git_tag:
        raise table.invalid("git_tag", "names no version", 'for example git_tag = "v{version}"')
    if not any("{version}" in pattern for pattern in rules.tags):
        raise table.invalid("tags", "has no {version}, which every release needs", 'add "{version}"')
    return rules


def _check_pattern(table: Table, key: str, pattern: str) -> None:
    rest, placeholders = _PLACEHOLDER.sub("", pattern), _PLACEHOLDER.findall(pattern)
    if "{" in rest or "}" in rest:
        raise table.invalid(key, f"has {pattern[:80]!r}", "placeholders are {version}, {minor} and {major}")
    if "{version}" in placeholders and len(placeholders) > 1:
        raise table.invalid(
            key, f"has {pattern[:80]!r}", "beside {version}, which says all of it, is no other placeholder"
        )


def _only_a_workspace(root: Path, table: Table, members: tuple[str, ...]) -> Project:
    for name in table.values:
        if name not in {"workspace", "build"}:
            raise table.invalid(name, "needs [project] beside it", "or put it into the member that it is about")
    build = table.table("build")
    settings = Settings(**_values(build, BUILD))
    return Project(root, make_name(root.absolute().name), "0.0.0", (), settings=settings, members=members)


def _capabilities(table: Table) -> "CapabilityPolicy | None":
    if "capabilities" not in table.values:
        return None
    from wasmbuild.wasm.capabilities import parse_capabilities  # noqa: PLC0415  (most projects ask for none)

    found = table.table("capabilities")
    found.only(CAPABILITIES)
    return parse_capabilities(found)


def _targets(table: Table, name: str, build: Table) -> tuple[Target, ...]:
    defaults = _target(name, build, _values(build, TARGET, beside=BUILD))
    named = table.table("target")
    if not named.values:
        return (defaults,)
    if len(named.values) > MAX_TARGETS:
        raise table.invalid("target", f"has {len(named.values)} targets, at most {MAX_TARGETS} are allowed")
    found = []
    for each in named.values:
        if not valid_name(each):
            raise named.invalid(each[:80], name_problem(each), f"for example [target.{make_name(each)}]")
        own = named.table(each)
        found.append(_target(each, own, _values(own, TARGET), defaults))
    return tuple(found)


def _target(name: str, table: Table, values: dict[str, Any], defaults: Target | None = None) -> Target:
    if values.get("kind") == "component":
        values |= {"kind": "command", "component": values.get("component", True)}
    if name in values.get("depends", ()):
        raise table.invalid("depends", f"names {name} itself")
    target = replace(defaults or Target(name), name=name, **values)
    if target.command and target.language != "custom":
        raise table.invalid("command", "is for the language custom", 'language = "custom"')
    return target


def _values(table: Table, keys: Mapping[str, Key], *, beside: Mapping[str, Key] | None = None) -> dict[str, Any]:
    """What the table says of ``keys``; those in ``beside`` may be there as well."""
    table.only({**keys, **(beside or {})})
    return {name: _value(table, name, keys[name]) for name in table.values if name in keys}


def _value(table: Table, name: str, key: Key) -> object:
    match key.shape:
        case "flag":
            return table.flag(name)
        case "texts":
            return table.texts(name)
        case "paths":
            return tuple(_inside(table, name, path, key) for path in table.texts(name))
        case "seconds":
            return _between(table, name)
        case "size":
            return _size(table, name)
        case "variables":
            return _variables(table.table(name))
    text = table.required_text(name) if key.choices or key.shape == "path" else table.text(name)
    if key.choices and text not in key.choices:
        guess = closest(str(text), key.choices)
        raise table.invalid(
            name, f"is not one of {', '.join(key.choices)}", f"did you mean {guess}?" if guess else None
        )
    return _inside(table, name, str(text), key) if key.shape == "path" else text


def _inside(table: Table, name: str, text: str, key: Key) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text:
        example = f'"{key.examples[0]}"' if key.shape == "path" else f'["{key.examples[0]}"]'
        raise table.invalid(
            name, f"has {text[:80]!r}, which is not a path inside the project", f"for example {name} = {example}"
        )
    return text


def _between(table: Table, name: str) -> int:
    value = table.integer(name)
    if value is None or not 1 <= value <= LONGEST_SECONDS:
        raise table.invalid(name, f"must be from 1 to {LONGEST_SECONDS} seconds")
    return value


def _size(table: Table, name: str) -> int:
    text = table.required_text(name)
    match = _SIZE.fullmatch(text)
    size = int(match[1]) * _UNITS[match[2] or "B"] if match else 0
    if not 1 <= size <= _LARGEST_MEMORY:
        raise table.invalid(name, f"cannot be {text[:40]!r}", f'for example {name} = "2GiB"')
    return size


def _variables(table: Table) -> tuple[tuple[str, str], ...]:
    for name in table.values:
        if not _VARIABLE.fullmatch(name):
            raise table.invalid(name[:80], "is not the name of a variable")
    return tuple(sorted((name, table.text(name) or "") for name in table.values))

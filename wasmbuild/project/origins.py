"""Origins: every value of a project, and the place in ``wasmbuild.toml`` that it comes from.

A target's values are those that hold for it, its own or those of [build]. Not here: the user's
configuration and the environment (``wasmbuild.workflows.configured``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmbuild.project.keys import BUILD, CAPABILITIES, PROJECT, REGISTRY, TARGET, WORKSPACE, Key
from wasmbuild.project.parsing import PROJECT_FILE, no_project, parse
from wasmbuild.tables import Table, read_table

__all__ = ["DEFAULT", "Value", "leaves", "project_values"]

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its name with dots, what it is (text, number, truth, or a list or table of those), and from where.

    ``origin`` is ``FILE:LINE:COLUMN``, ``default`` or ``environment``. What is a default is in words.
    """

    name: str
    value: object
    origin: str


def project_values(root: Path) -> tuple[Value, ...]:
    """Those of the project in a folder. Raises NoProject, InvalidProject."""
    try:
        table = read_table(root / PROJECT_FILE)
    except FileNotFoundError as error:
        raise no_project(root) from error
    project = parse(root, table)
    build, targets = table.table("build"), table.table("target")
    found = [*_all(table.table("project"), PROJECT), *_all(build, BUILD)]
    for target in project.targets:
        own = targets.table(target.name) if target.name in targets.values else build
        found.extend(_target(target.name, own, build))
    found.extend(_all(table.table("capabilities"), CAPABILITIES))
    found.extend(_all(table.table("registry"), REGISTRY))
    found.extend(_all(table.table("workspace"), WORKSPACE))
    return tuple(found)


def leaves(table: Table) -> Iterator[Value]:
    """Every value of a table and of those below it, in the order of the file."""
    for key, value in table.values.items():
        if isinstance(value, dict):
            yield from leaves(table.table(key))
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            for entry in table.tables(key):
                yield from leaves(entry)
        else:
            yield _value(table, key, f"{table.name}.{key}" if table.name else key)


def _all(table: Table, keys: Mapping[str, Key]) -> Iterator[Value]:
    for key, about in keys.items():
        if key in table.values:
            yield _value(table, key, f"{table.name}.{key}")
        elif about.default:
            yield Value(f"{table.name}.{key}", about.default, DEFAULT)


def _target(name: str, own: Table, build: Table) -> Iterator[Value]:
    for key, about in TARGET.items():
        table = own if key in own.values else build
        if key in table.values:
            yield _value(table, key, f"target.{name}.{key}")
        elif about.default:
            yield Value(f"target.{name}.{key}", about.default, DEFAULT)


def _value(table: Table, key: str, name: str) -> Value:
    position = table.position(key)
    place = f":{position.line}:{position.column}" if position else ""
    return Value(name, table.values[key], f"{table.file}{place}")

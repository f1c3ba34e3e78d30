"""Pins as they are written in TOML: those shipped with wasmbuild, and those of a project's lock.

::

    version = 1

    [[tool]]
    name = "zig"
    package = "ziglang"
    version = "0.17.1"

    [tool.artifacts]
    "ziglang-0.17.1-py3-none-….whl" = "<sha256>"

    [[tool]]
    name = "binaryen"
    package = "binaryen"
    version = "132.0.0"
    lock = '''<a package-lock.json without addresses>'''
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from wasmbuild.build.tool import Artifact, NpmTree, ToolPin, Wheels
from wasmbuild.tables import Table, read_table

__all__ = ["FORMAT_VERSION", "MAX_TOOLS", "read_pins", "readable", "shipped_pin", "shipped_pins"]

FORMAT_VERSION = 1
MAX_TOOLS = 100

_SHIPPED = Path(__file__).with_name("pins.toml")
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_NPM_PACKAGE = re.compile(rf"(?:@{_WORD.pattern}/)?{_WORD.pattern}")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]{0,99}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._!+-]{0,250}\.whl")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NEXT_BUILD = "delete this tool's part: the next build pins it again"


@cache
def shipped_pin(name: str) -> ToolPin:
    """The release of a tool that this wasmbuild was tested with; KeyError when it has none."""
    for tool in _shipped().tables("tool"):
        if tool.values.get("name") == name:
            return _pin(tool)  # a build needs two of them, and trees of npm are long
    raise KeyError(name)


def shipped_pins() -> Mapping[str, ToolPin]:
    """Every tool that this wasmbuild was tested with, by name."""
    return read_pins(_shipped())


@cache
def _shipped() -> Table:
    return read_table(_SHIPPED)


def read_pins(table: Table) -> dict[str, ToolPin]:
    """The pins in a document, by name. Raises InvalidProject when it breaks a rule."""
    table.only(("version", "tool", "accepted"))  # the last is of trust policies, and not looked at here
    if table.integer("version") != FORMAT_VERSION:
        raise table.invalid(
            "version", f"is not {FORMAT_VERSION}", "it may have been written by a newer wasmbuild: upgrade"
        )
    tools = table.tables("tool")
    if len(tools) > MAX_TOOLS:
        raise table.invalid("tool", f"appears {len(tools)} times, at most {MAX_TOOLS} are allowed")
    pins: dict[str, ToolPin] = {}
    for tool in tools:
        pin = _pin(tool)
        if pin.name in pins:
            raise tool.invalid("name", f"names {pin.name} a second time")
        pins[pin.name] = pin
    return pins


def readable(tree: NpmTree) -> str:
    """The lock of a tree as it is written in TOML: one package a line, so that people can compare."""
    document = json.loads(tree.lock)
    lines = [f"{json.dumps(path)}: {json.dumps(entry)}" for path, entry in document["packages"].items()]
    head = json.dumps({key: value for key, value in document.items() if key != "packages"})[:-1]
    return "\n".join([f'{head}, "packages": {{', *(f"{line}," for line in lines[:-1]), lines[-1], "}}", ""])


def _pin(tool: Table) -> ToolPin:
    tool.only(("name", "package", "version", "artifacts", "lock"))
    if "lock" in tool.values and "artifacts" in tool.values:
        raise tool.invalid("lock", "is there beside artifacts", _NEXT_BUILD)
    from_npm = "lock" in tool.values
    name, version = _checked(tool, "name", _WORD), _checked(tool, "version", _VERSION)
    package = _checked(tool, "package", _NPM_PACKAGE if from_npm else _WORD)
    return ToolPin(name, package, version, _tree(tool, package, version) if from_npm else _wheels(tool))


def _tree(tool: Table, package: str, version: str) -> NpmTree:
    from wasmbuild.build.npmlock import parse_lock  # noqa: PLC0415  (half of the languages have no tree)

    try:
        lock = parse_lock(tool.required_text("lock"))
        if dict(lock.requested).get(package) != version:
            raise ValueError(f"does not ask for {package} {version}")  # noqa: TRY301 - one place says where it is
        if lock.packages[f"node_modules/{package}"].version != version:
            raise ValueError(f"has another version of {package} than {version}")  # noqa: TRY301
    except ValueError as error:
        raise tool.invalid("lock", str(error), _NEXT_BUILD) from error
    return NpmTree(lock.text)


def _wheels(tool: Table) -> Wheels:
    artifacts = tool.table("artifacts")
    if not artifacts.values:
        raise tool.invalid("artifacts", "is missing or empty", _NEXT_BUILD)
    return Wheels(tuple(_artifact(artifacts, file_name) for file_name in artifacts.values))


def _artifact(artifacts: Table, file_name: str) -> Artifact:
    if not _FILE.fullmatch(file_name):
        raise artifacts.invalid(file_name[:80], "is not the file name of a wheel")
    sha256 = artifacts.required_text(file_name)
    if not _SHA256.fullmatch(sha256):
        raise artifacts.invalid(file_name, "is not a SHA-256 of 64 lower-case hex digits")
    return Artifact(file_name, sha256)


def _checked(table: Table, key: str, shape: re.Pattern[str]) -> str:
    value = table.required_text(key)
    if not shape.fullmatch(value):
        raise table.invalid(key, f"cannot be {value[:60]!r}")
    return value

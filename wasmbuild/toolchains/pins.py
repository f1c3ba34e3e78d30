"""Pins as they are written in TOML: those shipped with wasmbuild, and those of a project's lock.

::

    version = 1

    [[tool]]
    name = "zig"
    package = "ziglang"
    version = "0.17.1"

    [tool.artifacts]
    "ziglang-0.17.1-py3-none-….whl" = "<sha256>"
"""

import re
from functools import cache
from pathlib import Path

from wasmbuild.build.tool import Artifact, ToolPin
from wasmbuild.tables import Table, read_table

__all__ = ["FORMAT_VERSION", "MAX_TOOLS", "read_pins", "shipped_pin"]

FORMAT_VERSION = 1
MAX_TOOLS = 100

_SHIPPED = Path(__file__).with_name("pins.toml")
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]{0,99}")
_SHAPES = (("name", _WORD), ("package", _WORD), ("version", _VERSION))
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._!+-]{0,250}\.whl")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@cache
def shipped_pin(name: str) -> ToolPin:
    """The release of a tool that this wasmbuild was tested with."""
    return read_pins(read_table(_SHIPPED))[name]


def read_pins(table: Table) -> dict[str, ToolPin]:
    """The pins in a document, by name. Raises InvalidProject when it breaks a rule."""
    table.only(("version", "tool"))
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


def _pin(tool: Table) -> ToolPin:
    tool.only(("name", "package", "version", "artifacts"))
    name, package, version = (_checked(tool, key, shape) for key, shape in _SHAPES)
    artifacts = tool.table("artifacts")
    if not artifacts.values:
        raise tool.invalid("artifacts", "is missing or empty", "delete this tool's part: the next build pins it again")
    return ToolPin(name, package, version, tuple(_artifact(artifacts, file_name) for file_name in artifacts.values))


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

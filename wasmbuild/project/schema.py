"""The JSON Schema (2020-12) of ``wasmbuild.toml``, for editors; made from the table of keys.

What it lets through may still be refused: that a target depends on itself, or is not there, is found when
the project is read. ``wasmbuild.schema.json`` beside this module is what this gives.
"""

from collections.abc import Mapping
from typing import Any

from wasmbuild.project.keys import BUILD, CAPABILITIES, PROJECT, REGISTRY, RELEASE, TABLES, TARGET, WORKSPACE, Key
from wasmbuild.project.names import MAX_NAME, NAME_PATTERN, VERSION_PATTERN
from wasmbuild.project.parsing import LONGEST_SECONDS, MAX_TARGETS, SIZE_PATTERN, VARIABLE_PATTERN
from wasmbuild.wasm.capabilities import CAPABILITIES as KNOWN_CAPABILITIES

__all__ = ["schema"]

_TEXT = {"type": "string", "pattern": r"^[^\u0000-\u0008\u000b-\u001f\u007f]*$"}
_PATH = {
    "type": "string",
    "minLength": 1,
    "pattern": r"^(?!/)(?!(.*/)?\.\.(/|$))[^\\\u0000-\u0008\u000b-\u001f\u007f]*$",
}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "text": _TEXT,
    "texts": {"type": "array", "items": _TEXT},
    "flag": {"type": "boolean"},
    "seconds": {"type": "integer", "minimum": 1, "maximum": LONGEST_SECONDS},
    "size": {"type": "string", "pattern": f"^{SIZE_PATTERN}$"},
    "path": _PATH,
    "paths": {"type": "array", "items": _PATH},
    "variables": {
        "type": "object",
        "propertyNames": {"pattern": f"^{VARIABLE_PATTERN}$"},
        "additionalProperties": _TEXT,
    },
}


def schema() -> dict[str, Any]:
    """The schema, as JSON."""
    names = {"pattern": f"^{NAME_PATTERN}$", "maxLength": MAX_NAME}
    target = _table(TARGET)
    project = _table(PROJECT, required=("name", "version"))
    project["properties"]["name"] |= names
    project["properties"]["version"] |= {"pattern": f"^{VERSION_PATTERN}$", "maxLength": MAX_NAME}
    capabilities = _table(CAPABILITIES)
    capabilities["properties"]["allow"]["items"] = {"enum": sorted(KNOWN_CAPABILITIES)}
    tables = {
        "project": project,
        "build": _table({**BUILD, **TARGET}),
        "target": {
            "type": "object",
            "propertyNames": names,
            "maxProperties": MAX_TARGETS,
            "additionalProperties": target,
        },
        "capabilities": capabilities,
        "registry": _table(REGISTRY),
        "release": _table(RELEASE),
        "workspace": _table(WORKSPACE),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wasmbuild.toml",
        "description": "What a project is, and how WebAssembly is made of it",
        "type": "object",
        "properties": {name: {"description": TABLES[name][0], **table} for name, table in tables.items()},
        "additionalProperties": False,
        "anyOf": [{"required": ["project"]}, _only_a_workspace()],
    }


def _only_a_workspace() -> dict[str, Any]:
    """A file without [project] names members, and has nothing that would be about one."""
    return {
        "required": ["workspace"],
        "propertyNames": {"enum": ["workspace", "build"]},
        "properties": {
            "workspace": {"required": ["members"], "properties": {"members": {"minItems": 1}}},
            "build": {"propertyNames": {"enum": sorted(BUILD)}},
        },
    }


def _table(keys: Mapping[str, Key], required: tuple[str, ...] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "object",
        "properties": {name: _value(key) for name, key in keys.items()},
        "additionalProperties": False,
    }
    return {**found, "required": list(required)} if required else found


def _value(key: Key) -> dict[str, Any]:
    about: dict[str, Any] = {"description": f"{key.about}. Default: {key.default}" if key.default else key.about}
    if key.examples:
        about["examples"] = [[each] if key.shape in {"texts", "paths"} else each for each in key.examples]
    return {**about, **_shape(key)}


def _shape(key: Key) -> dict[str, Any]:
    if key.choices:
        return {"enum": list(key.choices)}
    return dict(_SHAPES[key.shape])

"""The pages of all configuration keys: of a project, of a user, of a server.

Types and defaults come from the code; what a server's setting means, from the tables of the pages about it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from registry.server.config import ServerConfig
from registry.server.config.effective import effective
from registry.server.config.toml import PREFIX, Loaded
from registry.server.config.values import optional_of
from scripts.docs.markdown import code, table, tables_of, text

__all__ = [
    "SETTING_PAGES",
    "USER_KEYS",
    "Setting",
    "documented_settings",
    "project_page",
    "server_page",
    "server_settings",
    "user_page",
]

SETTING_PAGES = ("server.md", "server-storage.md", "server-access.md", "server-collection.md", "admission.md")
_PREFIXES = {"server-storage.md": "storage."}
_KEY = re.compile(r"`([a-z_.\[\]]+)(?: = [^`]*)?`")
_TYPES = {str: "text", int: "number", float: "seconds, or `90s`, `24h`", bool: "`true` or `false`", Path: "path"}
USER_KEYS = MappingProxyType(
    {
        "registry.concurrency": ("number, 1 to 64", "4", "transfers at once"),
        "registry.retry-for": ("seconds, 0 to 3600", "60", "how long to go on after a failure"),
        'registry.hosts."HOST".plain-http': ("`true` or `false`", "`false`", "speak http with it"),
        'registry.hosts."HOST".insecure-skip-tls-verify': ("`true` or `false`", "`false`", "take any certificate"),
        'registry.hosts."HOST".ca-file': ("path, from this file", "", "authorities to trust, as PEM"),
        'registry.hosts."HOST".client-certificate': ("path, from this file", "", "a certificate to show, as PEM"),
        'registry.hosts."HOST".client-key': ("path, from this file", "", "its key, if that is in a file of its own"),
        'registry.hosts."HOST".realms': ("list of hosts", "", "token servers it may name, beside those of its domain"),
        'registry.hosts."HOST".audience': ("text", "the host", "what a workload's token for it is made for"),
        'registry.hosts."HOST".chunk-size': ("bytes, 64 KiB to 1 GiB", "", "upload in pieces of so many bytes"),
        'registry.mirrors."HOST"[].location': ("HOST or HOST/PREFIX", "required", "where the same content is"),
        'registry.mirrors."HOST"[].resolve': ("`true` or `false`", "`false`", "ask it what tags mean, too"),
    }
)
"""Keys of ``config.toml``; a test writes each of them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the server: its key, what it takes, its default as a person writes it, and its variable."""

    key: str
    takes: str
    default: str
    variable: str


def server_settings() -> tuple[Setting, ...]:
    """All settings that the code has, in its order; those of a table in a list have ``[]`` in their key."""
    config = ServerConfig(data=Path("DATA"))
    shown = {each.key: each.value for each in effective(Loaded(config))}
    return tuple(_settings(ServerConfig, "", shown))


def _settings(kind: type, prefix: str, shown: dict[str, str]) -> Iterator[Setting]:
    hints = get_type_hints(kind)
    for each in fields(kind):
        key, hint = f"{prefix}{each.name}", optional_of(hints[each.name])
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _settings(hint, f"{key}.", shown)
        elif get_args(hint) and is_dataclass(get_args(hint)[0]):
            yield from _settings(get_args(hint)[0], f"{key}[].", shown)
        else:
            variable = "" if "[" in key else PREFIX + key.replace(".", "_").upper()
            default = shown.get(key, "") if "[" not in key else _default(each)
            yield Setting(key, _takes(hint, each.name, default), "required" if key == "data" else default, variable)


def _default(field: "Field[Any]") -> str:
    if field.default is MISSING and field.default_factory is MISSING:
        return "required"
    value = field.default if field.default is not MISSING else ""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)


def _takes(hint: Any, name: str, default: str) -> str:  # noqa: ANN401 - a type
    """What a setting takes; numbers are told apart as the server does that shows them."""
    if hint is float and "_per_" in name:
        return "number"
    if hint is int and default.endswith("B"):
        return "bytes, or `64MiB`, `1GB`"
    if get_origin(hint) is Literal:
        return " or ".join(code(f'"{each}"') for each in get_args(hint))
    if get_origin(hint) in (tuple, frozenset):
        return "list of texts"
    if get_origin(hint) is not None and get_args(hint):
        return "table"
    return _TYPES.get(hint, "text")


def documented_settings(docs: Path) -> dict[str, tuple[str, str, str]]:
    """What the pages say of settings: page, default ("" where the table has none) and meaning, by key."""
    found: dict[str, tuple[str, str, str]] = {}
    for page in SETTING_PAGES:
        for each in tables_of((docs / page).read_text()):
            titles = [title.strip("`") for title in each.header]
            column = next((n for n, title in enumerate(titles) if title == "setting" or title.endswith(".")), None)
            if column is None:
                continue
            prefix = titles[column] if titles[column].endswith(".") else _PREFIXES.get(page, "")
            default = titles.index("default") if "default" in titles else None
            for cells in each.rows:
                for key, said in _of_row(cells, column, default, prefix):
                    found.setdefault(key, (page, said, cells[-1]))
    return found


def _of_row(cells: tuple[str, ...], column: int, default: int | None, prefix: str) -> Iterator[tuple[str, str]]:
    """The keys of a row, each with its default; the second one may be short: ``.log_files``."""
    keys = _KEY.findall(cells[column])
    said = cells[default] if default is not None else ""
    defaults = [part.strip() for part in said.split(",")]
    for number, key in enumerate(keys):
        whole = f"{keys[0].rpartition('.')[0]}{key}" if key.startswith(".") else key
        yield prefix + whole, defaults[number] if len(defaults) == len(keys) else said


def server_page(docs: Path) -> str:
    """Every setting of the server."""
    said = documented_settings(docs)
    rows = []
    for each in server_settings():
        page, _, meaning = said.get(each.key, ("", "", ""))
        meaning = f"{meaning.replace('](#', f']({page}#')} ([{page}]({page}))" if page else meaning
        rows.append((code(each.key), each.takes, code(each.default), code(each.variable), meaning))
    return (
        "# Settings of the server\n\nAll keys of the file that `wasmbuild serve --config` takes, from the code; "
        "[Running the registry](server.md#settings) says how they are written. `[]` is a table of a list, "
        "`[[access.rules]]` for example.\n\n" + table(("key", "takes", "default", "variable", "is"), rows)
    )


def project_page(schema: Path) -> str:
    """Every key of ``wasmbuild.toml``."""
    rows = [
        (code(key), text(kind), text(meaning), code(default))
        for key, kind, meaning, default in _schema_keys(json.loads(schema.read_text()), "")
    ]
    return (
        "# Keys of wasmbuild.toml\n\nAll keys, from the schema that comes with wasmbuild "
        "(`wasmbuild/project/wasmbuild.schema.json`; editors may check a file with it). [The page about "
        "the file](project-file.md) has examples.\n\n" + table(("key", "takes", "is", "default"), rows)
    )


def _schema_keys(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, each in node.get("properties", {}).items():
        key = f"{prefix}{name}"
        meaning, _, default = each.get("description", "").partition(" Default: ")
        if "properties" not in each:
            required = "required" if name in node.get("required", ()) else ""
            yield key, _schema_kind(each), meaning, default or required
        yield from _schema_keys(each, f"{key}.")
        if isinstance(each.get("additionalProperties"), dict):
            yield from _schema_keys(each["additionalProperties"], f"{key}.NAME.")


def _schema_kind(node: dict[str, Any]) -> str:
    if "enum" in node:
        return " or ".join(node["enum"])
    if node["type"] == "array":
        return "list"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "table"}
    return words[node["type"]]


def user_page() -> str:
    """Every key of the user's ``config.toml``."""
    rows = [(code(key), takes, default, meaning) for key, (takes, default, meaning) in USER_KEYS.items()]
    return (
        "# Keys of config.toml\n\nAll keys of a user's own file; [Registries](registries.md#configuration) says where "
        "it is. `HOST` is the host of a registry, with its port if it has one.\n\n"
        + table(("key", "takes", "default", "is"), rows)
    )

"""All settings of a server, from a file, the environment and flags, and where each came from.

A flag goes before the environment, that before the file, and that before the default. The file is
TOML: the fields of ``ServerConfig`` and, as tables, its sections; ``listen`` stands for ``host`` and
``port``. Any text may be given as ``{ file = "PATH" }`` or ``{ env = "NAME" }``, so that a secret
need not stand in the file.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from registry.errors import InvalidConfiguration
from registry.server.config import ServerConfig, split_listen
from registry.server.config.values import InvalidValue, decode, optional_of, refused
from registry.words import printable

__all__ = ["PREFIX", "Loaded", "load_config"]

PREFIX = "WASMBUILD_REGISTRY_"
"""``WASMBUILD_REGISTRY_COLLECTION_GRACE`` is the setting ``collection.grace``."""

_MAX_FILE = 1024 * 1024
_MAX_SECRET = 64 * 1024
_HEADER = re.compile(r"\s*\[{1,2}\s*([A-Za-z0-9_.\-]+)\s*\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\-]+)\s*=")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where those came from that are no defaults; secrets are not shown by repr."""

    config: ServerConfig
    origins: Mapping[str, str] = field(default_factory=dict)


def load_config(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, tuple[object, str]] | None = None,
) -> Loaded:
    """The settings in force; ``flags`` are paths of settings, each with a value and the name of its flag.

    Raises InvalidConfiguration, which names the file, the line and the key.
    """
    environment = os.environ if environment is None else environment
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if file is not None:
        lines = _read(file, tree)
        origins |= {key: f"{file}, line {lines[key]}" if key in lines else str(file) for key in _paths(tree)}
        origins = {_canonical(key): where for key, where in origins.items()}
        _split(tree, file)
    for key, value, where in [*_from_environment(environment), *_from_flags(flags or {})]:
        _put(tree, key, value)
        origins |= dict.fromkeys(_canonical_all(key), where)
    _split(tree)
    try:
        _resolve(tree, "", environment, file.parent if file else Path())
        return Loaded(decode(ServerConfig, tree, ""), origins)
    except InvalidValue as error:
        if error.key == "data" and "data" not in tree:
            raise InvalidConfiguration(
                "the registry has no folder for its data",
                hint='name one with --data FOLDER, or in the file of --config: data = "FOLDER"',
            ) from error
        raise refused(error, _where(error.key, origins, file)) from error


def _where(key: str, origins: Mapping[str, str], file: Path | None) -> str:
    while key:
        if key in origins:
            return origins[key]
        key = key.rpartition(".")[0] if "." in key else key.rpartition("[")[0]
    return str(file) if file else "the settings"


# -- the file ---------------------------------------------------------------------------------------------


def _read(file: Path, tree: dict[str, Any]) -> dict[str, int]:
    """Fill ``tree``: the lines that keys stand on."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_FILE + 1)
    except OSError as error:
        raise InvalidConfiguration(f"cannot read the settings in {file}", cause=error.strerror) from error
    if len(content) > _MAX_FILE:
        raise InvalidConfiguration(f"{file} is larger than {_MAX_FILE} bytes")
    try:
        text = content.decode()
        tree.update(tomllib.loads(text))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidConfiguration(f"{file} is not TOML", cause=printable(str(error), 200)) from error
    return dict(_lines(text))


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """Keys and their lines, as far as a look at each line tells: good enough to point a person there."""
    table, counts = "", dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            table = header[1]
            if line.lstrip().startswith("[["):
                counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{counts[table]}]"
            yield table, number
        elif key := _KEY.match(line):
            yield (f"{table}.{key[1]}" if table else key[1]), number


def _paths(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        path = f"{prefix}{name}"
        yield path
        if isinstance(value, dict):
            yield from _paths(value, f"{path}.")
        elif isinstance(value, list):
            for number, each in enumerate(value):
                if isinstance(each, dict):
                    yield f"{path}[{number}]"
                    yield from _paths(each, f"{path}[{number}].")


def _split(tree: dict[str, Any], file: Path | None = None) -> None:
    """``listen`` becomes ``host`` and ``port``."""
    if "listen" not in tree:
        return
    listen = tree.pop("listen")
    if not isinstance(listen, str):
        raise InvalidConfiguration(f"{file or 'the settings'}: listen is not a text", hint="write it as 127.0.0.1:5000")
    if file is not None and {"host", "port"} & set(tree):
        raise InvalidConfiguration(f"{file}: both listen and its parts, host and port, are given")
    tree["host"], tree["port"] = split_listen(listen)


def _canonical(key: str) -> str:
    return "host" if key == "listen" else key


def _canonical_all(key: str) -> tuple[str, ...]:
    return ("host", "port") if key == "listen" else (key,)


# -- the environment and flags ----------------------------------------------------------------------------


def _kinds(kind: type = ServerConfig, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Paths of the settings that a text can say, and their types."""
    hints = get_type_hints(kind)
    for each in fields(kind):
        hint = optional_of(hints[each.name])
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _kinds(hint, f"{prefix}{each.name}.")
        elif not (get_origin(hint) in (tuple, frozenset) and is_dataclass(get_args(hint)[0])):
            yield f"{prefix}{each.name}", hint


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    known = {PREFIX + key.replace(".", "_").upper(): (key, kind) for key, kind in _kinds()}
    known[f"{PREFIX}LISTEN"] = ("listen", str)
    for name in sorted(environment):
        if name in known:
            key, kind = known[name]
            yield key, _from_text(kind, environment[name], name), name
        elif name.startswith(PREFIX) and (guess := _slip(name, known)):
            raise InvalidConfiguration(f"{printable(name, 100)} is not a setting", hint=f"did you mean {guess}?")


def _slip(name: str, known: Iterable[str]) -> str | None:
    """What was meant, if it was nearly written: other commands have variables of their own."""
    words = [each.removeprefix(PREFIX) for each in known]
    found = difflib.get_close_matches(name.removeprefix(PREFIX), words, n=1, cutoff=0.85)
    return f"{PREFIX}{found[0]}" if found else None


def _from_text(kind: Any, text: str, name: str) -> object:  # noqa: ANN401 - a type
    if kind is bool:
        if text.lower() not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
            raise InvalidConfiguration(f"{name} is neither true nor false")
        return text.lower() in ("true", "1", "yes", "on")
    if get_origin(kind) in (tuple, frozenset):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _from_flags(flags: Mapping[str, tuple[object, str]]) -> Iterator[tuple[str, object, str]]:
    for key, (value, name) in flags.items():
        yield key, value, name


def _put(tree: dict[str, Any], key: str, value: object) -> None:
    *tables, last = key.split(".")
    for name in tables:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            raise InvalidValue(name, "is not a table")
        tree = below
    tree[last] = value


# -- secrets ----------------------------------------------------------------------------------------------


def _resolve(tree: Any, key: str, environment: Mapping[str, str], base: Path) -> None:  # noqa: ANN401 - TOML
    """Put in the place of each ``{ file = … }`` and ``{ env = … }`` what it names."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for name, value in list(items):
        path = f"{key}[{name}]" if isinstance(name, int) else f"{key}.{name}".lstrip(".")
        if isinstance(value, dict) and len(value) == 1 and isinstance(text := next(iter(value.values())), str):
            if "env" in value:
                tree[name] = _variable(text, path, environment)
            elif "file" in value:
                tree[name] = _content(base / text, path)
            else:
                _resolve(value, path, environment, base)
        elif isinstance(value, dict | list):
            _resolve(value, path, environment, base)


def _variable(name: str, key: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise InvalidValue(key, f"names the variable {printable(name, 80)}, which is not set")
    return environment[name]


def _content(file: Path, key: str) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_SECRET + 1)
        if len(content) > _MAX_SECRET:
            raise InvalidValue(key, f"names {file}, which is larger than {_MAX_SECRET} bytes")
        return content.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(key, f"names {file}, which cannot be read") from error

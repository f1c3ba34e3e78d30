"""Settings as they are in force, for a person: each with its value and who said so, and no secret."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from registry.server.config.toml import Loaded
from registry.server.config.values import encode, is_secret
from registry.words import printable

__all__ = ["Setting", "effective"]

_MASK = "(secret)"
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):.*@")
_IN_QUERY = re.compile(r"(?<=[?&])((?:ssl)?password)=[^&]*")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is in force: its path, its value for a person, and who said so."""

    key: str
    value: str
    origin: str


def effective(loaded: Loaded) -> list[Setting]:
    """Every setting with its value and origin, in the order of the fields; secrets are masked."""
    return list(_shown(loaded.config, "", loaded.origins))


def _shown(config: Any, prefix: str, origins: Mapping[str, str]) -> Iterator[Setting]:  # noqa: ANN401 - a dataclass
    for each in fields(config):
        key, value = f"{prefix}{each.name}", getattr(config, each.name)
        if is_dataclass(value):
            yield from _shown(value, f"{key}.", origins)
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            for number, item in enumerate(value):
                yield from _shown(item, f"{key}[{number}].", origins)
        else:
            secret = is_secret(each) and value is not None
            text = _MASK if secret else _text(value)
            # What a table in a list leaves out is a default of the table.
            yield Setting(key, text, origins.get(key, "default"))


def _text(value: object) -> str:
    if value is None:
        return ""
    plain = encode(value)
    shown = ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)
    if isinstance(plain, bool):
        shown = shown.lower()
    return printable(_IN_QUERY.sub(r"\1=***", _PASSWORD.sub(r"\1:***@", shown)))

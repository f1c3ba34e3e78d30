"""Settings as they are in force, for a person: each with its value and who said so, and no secret."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from registry.server.config.toml import Loaded
from registry.server.config.values import duration, encode, is_secret
from registry.words import printable

__all__ = ["Setting", "effective"]

_SIZES = frozenset({"max_blob", "max_read", "log_bytes", "scrub_rate"})
"""Settings that count bytes; all others that are whole numbers count something else."""
_BYTES = {
    "TiB": 1024**4, "GiB": 1024**3, "MiB": 1024**2, "KiB": 1024,
    "TB": 1000**4, "GB": 1000**3, "MB": 1000**2, "KB": 1000,
}  # fmt: skip
_SECONDS = (("d", 86400, 2), ("h", 3600, 1), ("m", 60, 2), ("s", 1, 0))
"""Units, and from how many of them on they are used: 24h and 60s, but 2d."""
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
            text = _MASK if secret else _quantity(each.name, value) or _text(value)
            # What a table in a list leaves out is a default of the table.
            yield Setting(key, text, origins.get(key, "default"))


def _quantity(name: str, value: object) -> str | None:
    """A time, a rate or a size as a person writes it, which can be read again; None: it is none of them."""
    if isinstance(value, float):
        if "_per_" in name:
            return f"{value:g}" if float(f"{value:g}") == value else None
        return _time(value)
    if name in _SIZES and isinstance(value, int) and value > 0:
        return next((f"{value // unit}{word}" for word, unit in _BYTES.items() if value % unit == 0), None)
    return None


def _time(seconds: float) -> str | None:
    for word, unit, least in _SECONDS:
        if seconds % unit == 0 and seconds // unit >= least:
            return f"{int(seconds) // unit}{word}"
    text = f"{round(seconds * 1000)}ms"
    return text if duration(text) == seconds else None


def _text(value: object) -> str:
    if value is None:
        return ""
    plain = encode(value)
    shown = ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)
    if isinstance(plain, bool):
        shown = shown.lower()
    return printable(_IN_QUERY.sub(r"\1=***", _PASSWORD.sub(r"\1:***@", shown)))

"""Sizes and durations as options take them."""

import re

import click

__all__ = ["DURATION", "SIZE"]

_SIZES = {
    "": 1, "b": 1,
    "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4,
    "kib": 1024, "mib": 1024**2, "gib": 1024**3, "tib": 1024**4,
}  # fmt: skip
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_QUANTITY = re.compile(r"([0-9]{1,15}) ?([A-Za-z]{0,3})")


class _Quantity(click.ParamType[int]):
    """A whole number with a unit."""

    def __init__(self, name: str, units: dict[str, int], example: str) -> None:
        self.name = name
        self._units = units
        self._example = example

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _QUANTITY.fullmatch(str(value))
        if match is None or match[2].lower() not in self._units:
            self.fail(f"{str(value)[:40]!r} is no {self.name}; write it as {self._example}", param, ctx)
        return int(match[1]) * self._units[match[2].lower()]


SIZE = _Quantity("size", _SIZES, "5GB or 512MiB")
DURATION = _Quantity("duration", _SECONDS, "30d, 12h or 90m")

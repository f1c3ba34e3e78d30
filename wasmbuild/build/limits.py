"""Limits: how much a command may take before it is ended. Not here: who watches (``wasmbuild.build.guard``)."""

from dataclasses import dataclass

__all__ = ["Limits", "shown_size"]

_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command with all its children may take; None is without limit.

    ``memory``: bytes of resident memory that no file backs. ``output``: bytes of output that are shown
    and kept; what comes after is counted. ``file_size``: bytes of one file that it writes.
    ``processes``: how many there may be at once.
    """

    memory: int | None = None
    output: int = 1024**2
    file_size: int | None = None
    processes: int | None = 2000


def shown_size(size: int) -> str:
    """A number of bytes in words: ``512 MiB``, ``1.5 GiB``."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.3g} {name}" if size < 1000 * unit else f"{size // unit} {name}"
    return f"{size} bytes"

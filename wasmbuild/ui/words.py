"""Numbers and foreign words as people read them."""

from registry.words import printable

__all__ = ["lines_of", "seconds", "size"]

_LINES = 20


def lines_of(text: str) -> list[str]:
    """The last lines of a text, safe to show; there is always one."""
    return [printable(line.expandtabs(4)) for line in text.strip("\n").splitlines()[-_LINES:]] or [""]


def size(count: int) -> str:
    """A number of bytes, in decimal units as registries count them."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def seconds(value: float) -> str:
    """A duration."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60)} s"

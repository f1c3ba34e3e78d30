"""What went wrong in a guest, in words; names that a guest chose are never shown raw."""

from collections.abc import Iterable

from wasmbuild.errors import GuestFailed

__all__ = ["cannot_start", "not_a_command", "printable", "trapped"]

_SHOWN_LINES = 20
_SHOWN_NAMES = 12


def printable(text: str) -> str:
    """The text with everything escaped that could steer a terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1] for character in text
    )


def trapped(name: str, message: str) -> GuestFailed:
    """The guest did something that WebAssembly forbids, or its host had to stop it."""
    return GuestFailed(f"{name} trapped", cause=_short(message))


def cannot_start(name: str, message: str) -> GuestFailed:
    """The engine refused before any of the guest's code ran."""
    return GuestFailed(
        f"{name} cannot be started",
        cause=_short(message),
        hint="only what WASI offers is there for a guest; see what it asks for with: wasmbuild inspect",
    )


def not_a_command(name: str, missing: str, exports: Iterable[str]) -> GuestFailed:
    """A library, or a guest for another host."""
    names = list(exports)
    shown = ", ".join(printable(export) for export in names[:_SHOWN_NAMES]) or "nothing"
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return GuestFailed(f"{name} is not a command: it does not export {missing}", cause=f"it exports {shown}{more}")


def _short(message: str) -> str:
    lines = [line for line in printable(message).splitlines() if line.strip()]
    if len(lines) > _SHOWN_LINES:
        # The reason comes last, after a backtrace that may be long.
        lines = [*lines[: _SHOWN_LINES // 2], "    ...", *lines[-_SHOWN_LINES // 2 :]]
    return "\n".join(line[:400] for line in lines)

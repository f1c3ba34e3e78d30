"""What to say when a function cannot be called as it was asked for."""

from collections.abc import Sequence

from registry.words import printable
from wasmbuild.errors import UsageFailed
from wasmbuild.tables import closest

__all__ = ["no_such_function", "wrong_count"]

_SHOWN = 12


def no_such_function(guest: str, asked: str, known: Sequence[str]) -> UsageFailed:
    """The guest exports others, or none."""
    shown = ", ".join(printable(each, 100) for each in known[:_SHOWN])
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    guess = closest(asked, known)
    return UsageFailed(
        f"{guest} exports no function {printable(asked, 100)}",
        cause=f"it exports {shown}{more}" if known else "it exports no function at all",
        hint=f"--invoke {printable(guess, 100)}" if guess else None,
    )


def wrong_count(name: str, signature: str, wanted: int, given: int) -> UsageFailed:
    """So many arguments, and no other number."""
    return UsageFailed(
        f"{printable(name, 100)} takes {wanted} argument{'' if wanted == 1 else 's'}, and was given {given}",
        cause=f"its signature is {printable(name, 100)}{printable(signature, 400)}",
    )

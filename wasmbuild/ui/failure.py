"""How a failure reads: what, cause, hint, docs (``cli.md`` rule 4)."""

from collections.abc import Callable

from registry.words import printable
from wasmbuild.errors import Failure
from wasmbuild.ui.words import lines_of

__all__ = ["failure_lines"]


def failure_lines(failure: Failure, hide: Callable[[str], str] = str) -> list[str]:
    """The lines of a failure, without colour; ``hide`` takes out of its words what nobody shall see."""
    side = f" ({failure.side})" if failure.side else ""
    lines = [f"error[{failure.code}]: {printable(hide(failure.what))}{side}"]
    lines += _labelled("cause:", failure.cause and hide(failure.cause))
    lines += _labelled("hint: ", failure.hint and hide(failure.hint))
    lines.append(f"  docs:  wasmbuild explain {failure.code}")
    return lines


def _labelled(label: str, text: str | None) -> list[str]:
    if not text:
        return []
    first, *rest = lines_of(text)
    return [f"  {label} {first}", *(f"         {line}" for line in rest)]

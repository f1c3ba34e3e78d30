"""One module for each thing that is fuzzed; each has a TARGET, and its docstring says what must hold."""

from importlib import import_module
from pathlib import Path

from tests.fuzz.target import Target

__all__ = ["KEPT", "NAMES", "kept", "load"]

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))
KEPT = Path(__file__).parents[1] / "kept"
"""A folder for each target, with inputs that once broke something: the main suite tries them again."""


def load(name: str) -> Target:
    """The target of that name, imported now: what it imports can be instrumented first."""
    target = import_module(f"{__name__}.{name}").TARGET
    assert isinstance(target, Target)
    return target


def kept(name: str) -> list[bytes]:
    """What is kept for a target."""
    return [path.read_bytes() for path in sorted((KEPT / name).glob("*"))]

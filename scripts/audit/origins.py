"""Where what is installed comes from: no package is there by accident, and none of an extra where it was not asked for.

``closure`` goes by the metadata of what is installed here, so that it says what holds on this system.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.audit.locks import Lock

__all__ = ["check_imports", "check_runtime", "closure"]

_OURS = frozenset({"wasmbuild", "registry", "scripts"})
_SERVER = Path("registry/server")
_ROOMS = {
    "registry/server/database/postgres.py": {"psycopg"},
    "registry/server/database/sqlstates.py": {"psycopg"},
    "registry/server/pytest_plugin.py": {"pytest"},
    "registry/server/storage/bucket.py": {"aiobotocore", "aiohttp", "botocore"},  # whose errors the first one raises
}
"""Modules that are imported only where somebody asked for what they are about, and what they may take for granted."""


def closure(wanted: Iterable[str]) -> frozenset[str]:
    """The names of all packages that some requirements lead to on this system."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(each), "") for each in wanted]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for asked in ("", *requirement.extras):
            if (name, asked) not in found:
                found.add((name, asked))
                waiting += [(Requirement(each), asked) for each in _requires(name)]
    return frozenset(name for name, _ in found)


def check_runtime(lock: Lock, wanted: Sequence[str]) -> Iterator[str]:
    """Compare what a lock installs here with what its requirements lead to."""
    here = {pin.name for pin in lock.pins if not pin.marker or Marker(pin.marker).evaluate()}
    needed = closure(wanted)
    yield from (f"{lock.name}: {name} is in it, and nothing that it is for needs it" for name in sorted(here - needed))
    yield from (f"{lock.name}: {name} is needed, and not in it" for name in sorted(needed - here))


def check_imports(checkout: Path, base: Sequence[str], server: Sequence[str], extras: Sequence[str]) -> Iterator[str]:
    """Find imports of packages that nobody has asked for by name.

    What a module imports at once has to be in the base install, or for the server with its extra; what a function
    imports may be of any extra.
    """
    providers = packages_distributions()
    for path in sorted(file for room in ("wasmbuild", "registry") for file in (checkout / room).rglob("*.py")):
        place = path.relative_to(checkout)
        always = {*base, *(server if place.is_relative_to(_SERVER) else ()), *_ROOMS.get(str(place), ())}
        for module, line, later in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            names = {canonicalize_name(each) for each in providers.get(module, [module])}
            if not names & (always | {*server, *extras} if later else always):
                yield f"{place}:{line}: {module} is imported, and {_lacking(later)}"


def _lacking(later: bool) -> str:
    return "no dependency or extra names it" if later else "it is not a dependency that is always there"


def _requires(name: str) -> Sequence[str]:
    """What an installed package needs; nothing for one that is not installed, which the lock is asked about."""
    try:
        return [each for each in requires(name) or () if re.match(r"\w", each)]
    except PackageNotFoundError:
        return ()


def _imports(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Each module of others that is imported: its first name, the line, and whether only when a function runs."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, later = waiting.pop()
        if isinstance(node, ast.Import):
            yield from _named([each.name for each in node.names], node.lineno, later)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from _named([node.module or ""], node.lineno, later)
        within = later or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_checkers(node)
        waiting += [(child, within) for child in ast.iter_child_nodes(node)]


def _named(modules: Iterable[str], line: int, later: bool) -> Iterator[tuple[str, int, bool]]:
    for first in {module.partition(".")[0] for module in modules}:
        if first not in _OURS and first not in sys.stdlib_module_names:
            yield first, line, later


def _is_for_checkers(node: ast.AST) -> bool:
    """Whether it is ``if TYPE_CHECKING``, which never runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"

"""Change a module in small ways, and see whether a test notices: ``python scripts/mutate.py registry/reference.py``.

Each change is made in a copy of the tree, never in the checkout, and only the tests run that import the module, or
those named with ``--tests``. Prints each change that no test noticed, and fails if there is one. A change may be
one that no test could notice: what it says is for a person to judge. Not here: modules that are only run in
processes of their own, since what those are started with is the same for all changes.
"""

import argparse
import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
COPIED = (
    "registry", "wasmbuild", "tests", "templates", "docs", "scripts",
    "pyproject.toml", "action.yml", "README.md", "LICENSE",
)  # fmt: skip
_IMPORT = re.compile(r"^ *(?:from (\S+) import (\([^)]*\)|.+)|import (\S+))", re.MULTILINE)
_ROOMS = ("tests/unit", "tests/contract", "tests/fuzz", "tests/client", "tests/server", "tests/cli")
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change: the node's source at ``start`` to ``end`` (characters of the file) becomes ``text``."""

    line: int
    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """The changed source."""
        return source[: self.start] + self.text + source[self.end :]

    def shown(self, source: str) -> str:
        """The change in one line."""
        before = " ".join(source[self.start : self.end].split())
        return f"line {self.line}: {before[:90]}  ->  {self.text[:90]}"


def mutants(source: str) -> list[Mutant]:
    """All changes of a module, by place."""
    tree = ast.parse(source)
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    found = set()
    for node in _executed(tree):
        for text in _changes(node):
            start = offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
            end = offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
            found.add(Mutant(node.lineno, start, end, text))  # type: ignore[attr-defined]
    return sorted(found, key=lambda each: (each.start, each.end, each.text))


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of annotations, decorators, imports and docstrings."""
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, (ast.Import, ast.ImportFrom, ast.JoinedStr)):
                if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                    yield child
                yield from _executed(child)


def _changes(node: ast.AST) -> Iterator[str]:
    yield from _tests_changed(node)
    yield from _values_changed(node)


def _tests_changed(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARED:
            yield f"({ast.unparse(ast.Compare(node.left, [_COMPARED[type(operator)]()], node.comparators))})"
        case ast.Compare(ops=[_, _, *_]):
            for place in range(len(node.ops)):
                operators = [_COMPARED[type(each)]() if at == place else each for at, each in enumerate(node.ops)]
                yield f"({ast.unparse(ast.Compare(node.left, operators, node.comparators))})"
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield f"({ast.unparse(ast.BoolOp(other, node.values))})"
            for left_out in range(len(node.values)):
                kept = [each for at, each in enumerate(node.values) if at != left_out]
                yield f"({ast.unparse(ast.BoolOp(node.op, kept) if len(kept) > 1 else kept[0])})"
        case ast.UnaryOp(op=ast.Not()):
            yield f"({ast.unparse(node.operand)})"


def _values_changed(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool()):
            yield str(not node.value)
        case ast.Constant(value=int()):
            yield str(node.value + 1)
        case ast.IfExp():
            yield f"({ast.unparse(node.body)})"
            yield f"({ast.unparse(node.orelse)})"
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.Continue() | ast.Break():
            yield "pass"
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant) or value.value is not None:
            yield "return None"


def tests_of(module: str) -> list[str]:
    """The files of tests that import a module; where there are none, those that import a module which does."""
    imported, wanted = _imports(), {module}
    for _ in range(4):
        tests = {path: names for path, names in imported.items() if path.startswith(_ROOMS) and "/test_" in path}
        found = [path for path, names in tests.items() if names & wanted]
        if found:
            return sorted(
                found, key=lambda path: [path.startswith(room) for room in _ROOMS], reverse=True
            )  # quick ones first
        wanted |= {_module(path) for path, names in imported.items() if names & wanted}
    return []


@cache
def _imports() -> dict[str, set[str]]:
    found = {}
    for folder in ("registry", "wasmbuild", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            names = set()
            for module, listed, plain in _IMPORT.findall(path.read_text(encoding="utf-8")):
                names |= {module or plain, *(f"{module}.{name}" for name in re.findall(r"\w+", listed))}
            found[str(path.relative_to(ROOT))] = names
    return found


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class Sandbox:
    """A copy of the tree, in which one module at a time is another."""

    def __init__(self, folder: Path, file: str, tests: list[str], seconds: float) -> None:
        self.folder, self.file, self.tests, self.seconds = folder, file, tests, seconds
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, folder / name)
        for stale in (folder / file).parent.glob(f"__pycache__/{Path(file).stem}.*"):
            stale.unlink()

    def notices(self, source: str) -> bool:
        """Whether a test fails with this source, or none ends in time."""
        (self.folder / self.file).write_text(source)
        # A file that was changed within a second and kept its size would be taken for its compiled form.
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self.folder)}
        options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly"]
        command = [sys.executable, "-m", "pytest", *options, *self.tests]
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return process.wait(self.seconds) != 0
        except subprocess.TimeoutExpired:
            return True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def survivors(file: str, tests: list[str], seconds: float, jobs: int, tell: Callable[[str], object]) -> tuple[int, int]:
    """How many changes no test noticed, and how many there were; ``tell`` gets each of the first at once.

    Raises SystemExit when the tests fail without any change.
    """
    source = (ROOT / file).read_text()
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        free: SimpleQueue[Sandbox] = SimpleQueue()
        for number in range(jobs):
            (folder := Path(name, str(number))).mkdir()
            free.put(Sandbox(folder, file, tests, seconds))

        def unnoticed(mutant: Mutant) -> str | None:
            sandbox = free.get()
            try:
                return None if sandbox.notices(mutant.applied(source)) else mutant.shown(source)
            finally:
                free.put(sandbox)

        sandbox = free.get()
        if sandbox.notices(source):
            raise SystemExit(f"the tests fail, or take over {seconds:.0f} s, without any change: {' '.join(tests)}")
        free.put(sandbox)
        every = mutants(source)
        with ThreadPoolExecutor(jobs) as pool:
            found = [tell(each) for each in pool.map(unnoticed, every) if each is not None]
        return len(found), len(every)


def main() -> None:
    """Mutate one module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("file", help="such as wasmbuild/trust/dsse.py")
    parser.add_argument("--tests", nargs="+", default=None, help="files of tests, in place of those that import it")
    parser.add_argument("--seconds", type=float, default=120, help="what the tests may take for one change")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    given = parser.parse_args()
    file = str((ROOT / given.file).resolve().relative_to(ROOT))
    tests = given.tests or tests_of(_module(file))
    if not tests:
        raise SystemExit(f"no test imports {file}; name some with --tests")
    start = time.monotonic()
    found, tried = survivors(file, tests, given.seconds, given.jobs, lambda each: print(f"{file}, {each}", flush=True))
    print(f"{file}: {tried - found} of {tried} changes noticed, {time.monotonic() - start:.0f} s, {' '.join(tests)}")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()

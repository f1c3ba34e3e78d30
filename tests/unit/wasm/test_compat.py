import json
from pathlib import Path

import pytest

from tests.unit.wasm.wit_cases import CASES, Case
from wasmbuild.wasm.compare.compat import component_changes
from wasmbuild.wasm.compare.interface_json import read_world
from wasmbuild.wasm.compare.steps import Step, demanded

DOCUMENTS = json.loads((Path(__file__).parent / "wit.json").read_text())


def test_there_are_enough_changes():
    assert len(CASES) >= 30
    assert {case.step for case in CASES} == {Step.PATCH, Step.MINOR, Step.MAJOR}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_of_wit_demands_its_step(case: Case):
    changes = component_changes(read_world(DOCUMENTS[case.old]), read_world(DOCUMENTS[case.new]))
    assert demanded(changes, same_bytes=False) == case.step, changes

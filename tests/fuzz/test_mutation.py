"""``scripts/mutate.py``: which changes it makes, which tests it runs, and that it tells what no test noticed."""

from pathlib import Path

import pytest

from scripts import mutate

SOURCE = '''"""A module."""
import re

def check(number: int | None, é: str = "ü") -> bool:
    """Not touched, 1 == 2."""
    if number is None or not number > 3:
        raise ValueError(f"no {1 == 2}")
    re.purge()
    return number == 5
'''


def test_each_kind_of_change_is_made_once() -> None:
    found = mutate.mutants(SOURCE)
    assert [each.shown(SOURCE).partition(": ")[2] for each in found] == [
        "number is None  ->  (number is not None)",
        "number is None or not number > 3  ->  (not number > 3)",
        "number is None or not number > 3  ->  (number is None and (not number > 3))",
        "number is None or not number > 3  ->  (number is None)",
        "not number > 3  ->  (number > 3)",
        "number > 3  ->  (number >= 3)",
        "3  ->  4",
        'raise ValueError(f"no {1 == 2}")  ->  pass',
        "re.purge()  ->  pass",
        "return number == 5  ->  return None",
        "number == 5  ->  (number != 5)",
        "5  ->  6",
    ]
    for each in found:
        changed = each.applied(SOURCE)
        assert changed != SOURCE
        compile(changed, "changed", "exec")


def test_tests_are_those_that_import_it_the_quick_ones_first() -> None:
    found = mutate.tests_of("wasmbuild.trust.dsse")
    assert "tests/unit/trust/test_documents.py" in found
    assert [path.startswith("tests/unit") for path in found] == sorted(
        (path.startswith("tests/unit") for path in found), reverse=True
    )
    assert mutate.tests_of("wasmbuild.trust.notation.payload")  # imported by no test, and by what one imports
    assert mutate.tests_of("no.such.module") == []


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lone.py").write_text("def is_five(number):\n    return number == 5\n")
    (tmp_path / "test_lone.py").write_text("import lone\n\ndef test_five():\n    assert lone.is_five(5)\n")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(mutate, "ROOT", tmp_path)
    monkeypatch.setattr(mutate, "COPIED", ("lone.py", "test_lone.py"))
    return tmp_path


def test_what_no_test_notices_is_told_and_the_checkout_stays(tree: Path) -> None:
    (tree / "lone.py").write_text("SIX = 7\n\ndef is_five(number):\n    return True\n")
    source = (tree / "lone.py").read_text()
    told: list[str] = []
    assert mutate.survivors("lone.py", ["test_lone.py"], 60, 1, told.append) == (1, 3)
    assert told == ["line 1: 7  ->  8"]
    assert (tree / "lone.py").read_text() == source


def test_tests_that_fail_anyway_notice_nothing(tree: Path) -> None:
    (tree / "lone.py").write_text("def is_five(number):\n    return number == 6\n")
    with pytest.raises(SystemExit, match="without any change"):
        mutate.survivors("lone.py", ["test_lone.py"], 60, 1, print)

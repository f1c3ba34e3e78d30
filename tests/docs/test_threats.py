"""Each attack that ``docs/threats.md`` names has tests, and they are there."""

import ast
import re
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (`tests/.+?`) \|$", (CHECKOUT / "docs/threats.md").read_text(), re.MULTILINE)
KNOWN = re.findall(
    r"\S+",
    """
CVE-2022-23649 CVE-2022-35929 CVE-2022-36056 CVE-2023-46737 CVE-2024-29902 CVE-2024-29903 CVE-2023-33957 CVE-2023-33958
CVE-2023-33959 CVE-2024-23332 CVE-2023-25656 CVE-2024-56138 CVE-2026-22703 CVE-2026-24122 CVE-2026-39395 CVE-2026-24137
CVE-2026-39984 GHSA-9vcr GHSA-wqqc GHSA-fphv GHSA-hm8f-75xx-w2vr CVE-2021-21272 GHSA-8xwf CVE-2026-48978 CVE-2026-50151
GHSA-vh4v
""",
)


@cache
def functions_of(path):
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_each_attack_is_named_once():
    named = [name for attack, _, _ in ROWS for name in re.findall(r"(?:CVE|GHSA)-[\w-]+", attack)]
    assert sorted(named) == sorted(KNOWN)


def test_each_test_that_is_named_is_there():
    for attack, _, tests in ROWS:
        for test in tests.split("<br>"):
            path, _, name = test.strip("`").partition("::")
            assert name in functions_of(CHECKOUT / path), f"{attack}: {test}"

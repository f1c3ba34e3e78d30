"""The unit of systemd, by systemd's own judgement; it is not started: nothing here runs systemd."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "wasmbuild.service"
WORST = 1.5
"""The exposure that systemd may see, of 10."""


@pytest.fixture(scope="module")
def analyze():
    found = shutil.which("systemd-analyze")
    if found is None:
        why = "systemd-analyze is not installed here; on Debian and Ubuntu: apt install systemd"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)

    def call(*arguments):
        return subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60, check=False)

    return call


def exposure(analyze, unit):
    said = analyze("security", "--offline=true", "--no-pager", unit)
    return float(re.search(r"exposure level for \S+: ([\d.]+)", said.stdout)[1])


def test_it_is_exposed_to_little(analyze, tmp_path):
    assert exposure(analyze, UNIT) <= WORST
    open_door = tmp_path / UNIT.name
    open_door.write_text(
        re.sub(r"(?m)^(CapabilityBoundingSet|SystemCallFilter|DynamicUser)=.*\n", "", UNIT.read_text())
    )
    assert exposure(analyze, open_door) > WORST


def test_systemd_understands_all_of_it(analyze, tmp_path):
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace("/opt/wasmbuild/bin", str(Path(sys.executable).parent)))
    said = analyze("verify", here)
    assert [line for line in said.stderr.splitlines() if UNIT.name in line] == []
    here.write_text(here.read_text().replace("ProtectHome=yes", "ProtectHaus=yes"))
    assert "ProtectHaus" in analyze("verify", here).stderr

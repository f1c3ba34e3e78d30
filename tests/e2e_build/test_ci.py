"""What the main suite takes for granted: the action installs itself, and what is published is built."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.unit.ci.runner import CHECKOUT, Runner


@pytest.mark.timeout(600)
@pytest.mark.parametrize("keyless", ["false", "true"])
def test_the_action_installs_itself_from_its_checkout(tmp_path, keyless):
    runner = Runner(tmp_path / "a machine")
    ran = runner.action({"command": "install", "keyless": keyless, "python": sys.executable}, 0)
    assert ran.code == 0, ran.stderr
    (folder,) = map(Path, ran.path)
    assert [each.name for each in folder.iterdir()] == ["wasmbuild"]
    told = subprocess.run([folder / "wasmbuild", "version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.startswith("wasmbuild ")
    checking = [folder / "wasmbuild", "ci", "check", CHECKOUT / "action.yml"]
    subprocess.run(checking, check=True, cwd=tmp_path, capture_output=True)
    python = folder.parent / "environment" / "bin" / "python"
    has = subprocess.run([python, "-c", "import sigstore"], check=False, capture_output=True).returncode == 0
    assert has is (keyless == "true")
    again = runner.action({"command": "install", "keyless": keyless, "python": sys.executable}, 0)
    assert (again.code, again.path) == (0, [])


@pytest.mark.timeout(300)
def test_what_is_published_is_built_twice_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    folder = tmp_path / "dist-py"
    subprocess.run([sys.executable, CHECKOUT / "scripts" / "dist.py", folder], check=True, capture_output=True)
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sums} == sums
    assert sorted(Path(name).suffix for name in sums) == [".gz", ".json", ".whl"]
    (wheel,) = folder.glob("*.whl")
    assert "wasmbuild/cli/ci/init.py" in zipfile.ZipFile(wheel).namelist()
    bill = (folder / "wasmbuild-0.1.0.cdx.json").read_text()
    assert "pkg:pypi/pyyaml@" in bill
    assert sums[wheel.name] in bill

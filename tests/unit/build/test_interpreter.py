import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from wasmbuild.build.sandbox.interpreter import interpreter_folders, with_modules
print(*(path for path in interpreter_folders() if path.startswith(sys.argv[1])))
print(with_modules({}).get("PYTHONPATH", ""))
"""


def test_packages_that_are_elsewhere_are_found_and_nothing_beside_them(tmp_path: Path) -> None:
    for name in ("wasmtime", "wasmtime-50.0.0.dist-info", "private"):
        (tmp_path / name).mkdir()
    (tmp_path / "wasmtime" / "__init__.py").touch()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    shown, found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()
    assert shown.split() == [str(tmp_path / "wasmtime"), str(tmp_path / "wasmtime-50.0.0.dist-info")]
    assert str(tmp_path) in found.split(":")

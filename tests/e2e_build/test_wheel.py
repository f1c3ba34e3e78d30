"""What users install: the wheel, in an environment outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, CHECKOUT]
    subprocess.run(command, check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_only_what_belongs_there_travels(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"wasmbuild", "registry"}
    assert "wasmbuild/_templates/c-cli/src/main.c" in names
    assert "wasmbuild/_docs/errors.md" in names
    assert "wasmbuild/toolchains/pins.toml" in names
    assert any(name.startswith("registry/server/migrations/versions/") for name in names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


@pytest.mark.timeout(300)
def test_new_build_and_serve_from_an_empty_environment(wheel, tmp_path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python, command = environment / "bin" / "python", environment / "bin" / "wasmbuild"
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, "--require-hashes", "-r", CHECKOUT / "requirements-runtime.lock"], check=True)
    subprocess.run([*install, f"{wheel}[server]"], check=True, cwd=tmp_path, env=os.environ | {"PIP_NO_INDEX": "1"})
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    explained = subprocess.run([command, "explain", "WB401"], check=True, cwd=tmp_path, env=clean, capture_output=True)
    assert explained.stdout.startswith(b"WB401: unsigned\n")
    subprocess.run([command, "man", "--output", "man1"], check=True, cwd=tmp_path, env=clean)
    assert (tmp_path / "man1" / "wasmbuild-push.1").is_file()

    subprocess.run([command, "new", "--template", "c-cli", "hello"], check=True, cwd=tmp_path, env=clean)
    subprocess.run([command, "build", "hello"], check=True, cwd=tmp_path, env=clean)
    assert (tmp_path / "hello" / "dist" / "hello.wasm").is_file()

    arguments = [command, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0"]
    serving = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=clean)
    try:
        address = serving.stdout.readline().strip()
        push = [command, "push", f"{address}/wheel/hello:1", "--project", "hello"]
        pushed = subprocess.run(push, check=True, cwd=tmp_path, env=clean, capture_output=True, text=True)
        assert pushed.stdout.startswith(f"{address}/wheel/hello@sha256:")
    finally:
        serving.terminate()
        serving.communicate(timeout=30)
    imported = subprocess.run(
        [python, "-c", "import wasmbuild; print(wasmbuild.__file__)"],
        check=True,
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
    )
    assert imported.stdout.startswith(str(environment))

"""SBOMs of projects whose lock files real package managers wrote, and of Go with what the compiler says."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from registry.digest import Digest
from tests.e2e_build.npmregistry import running_registry
from wasmbuild.sbom.locks import lock_packages

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("private_cache")]

WASMBUILD = str(Path(sys.executable).with_name("wasmbuild"))
GO = {
    "go.mod": (
        "module example.com/app\n\ngo 1.22\n\nrequire (\n"
        "\texample.com/tested v1.0.0\n\texample.com/used v1.0.0\n)\n\nrequire example.com/below v0.2.0 // indirect\n"
    ),
    "main.go": 'package main\n\nimport "example.com/used"\n\nfunc main() { println(used.Text) }\n',
    "main_test.go": 'package main\n\nimport _ "example.com/tested"\n',
    "vendor/modules.txt": (
        "# example.com/below v0.2.0\n## explicit\nexample.com/below\n"
        "# example.com/tested v1.0.0\n## explicit\nexample.com/tested\n"
        "# example.com/used v1.0.0\n## explicit\nexample.com/used\n"
    ),
    "vendor/example.com/below/a.go": 'package below\n\nconst Text = "below"\n',
    "vendor/example.com/tested/a.go": "package tested\n",
    "vendor/example.com/used/a.go": 'package used\n\nimport "example.com/below"\n\nconst Text = below.Text\n',
}


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def sbom(folder, *arguments):
    command = [WASMBUILD, "sbom", *(arguments or ["."])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)["components"]}, done.stderr


def test_go_says_what_it_compiles(tmp_path, registry_address, repository_name):
    project = tmp_path / "project"  # beside the cache, which is no part of it
    write(project, GO)
    assert {each.name for each in lock_packages(project, "go")} == {
        "example.com/below",
        "example.com/tested",
        "example.com/used",
    }
    subprocess.run([WASMBUILD, "build", "."], cwd=project, check=True, capture_output=True)
    found, said = sbom(project)
    modules = {name: each for name, each in found.items() if name.startswith("example.com/")}
    assert sorted(modules) == ["example.com/below", "example.com/used"]
    assert modules["example.com/below"]["purl"] == "pkg:golang/example.com/below@v0.2.0"
    assert not any("scope" in each for each in modules.values())
    assert "\nlist " in f"\n{said}"
    again, said = sbom(project)
    assert again == found
    assert "\nlist " not in f"\n{said}"
    reference = f"{registry_address}/{repository_name}:1"
    subprocess.run([WASMBUILD, "push", reference], cwd=project, check=True, capture_output=True)
    attached, said = sbom(project, reference, "--attached")
    assert {name for name in attached if name.startswith("example.com/")} == set(modules)
    assert "nobody was asked to vouch" in said


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_the_lock_of_npm_itself(tmp_path):
    with running_registry() as registry:
        integrities = {
            "small": registry.add("small", "1.0.0"),
            "@acme/scoped": registry.add("@acme/scoped", "2.1.0", dependencies={"small": "^1"}, license="MIT"),
            "tester": registry.add("tester", "3.0.0", dependencies={"small": "1.0.0"}),
        }
        manifest = {"name": "app", "version": "1.0.0", "dependencies": {"@acme/scoped": "2"}}
        manifest["devDependencies"] = {"tester": "3"}
        (tmp_path / "package.json").write_text(json.dumps(manifest))
        subprocess.run(
            ["npm", "install", "--package-lock-only", "--registry", registry.address, "--cache", str(tmp_path / "c")],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        )
    found = {each.name: each for each in lock_packages(tmp_path, "javascript")}
    assert sorted(found) == sorted(integrities)
    assert found["@acme/scoped"].needs == (found["small"].key,)
    assert (found["@acme/scoped"].purl, found["@acme/scoped"].license) == ("pkg:npm/%40acme/scoped@2.1.0", "MIT")
    assert {name: each.build for name, each in found.items()} == {"small": False, "@acme/scoped": False, "tester": True}
    for name, said in integrities.items():
        assert found[name].archives == (Digest("sha512", base64.b64decode(said.removeprefix("sha512-")).hex()),)


@pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo")
def test_the_lock_of_cargo_itself(tmp_path):
    write(
        tmp_path,
        {
            "Cargo.toml": '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n'
            '[dependencies]\nbelow = { path = "below" }\n',
            "src/main.rs": "fn main() {}\n",
            "below/Cargo.toml": '[package]\nname = "below"\nversion = "0.2.0"\nedition = "2021"\n',
            "below/src/lib.rs": "",
        },
    )
    subprocess.run(["cargo", "generate-lockfile", "--offline"], cwd=tmp_path, check=True, capture_output=True)
    app, below = lock_packages(tmp_path, "rust")
    assert (app.name, app.needs, app.direct) == ("app", (below.key,), True)
    assert (below.source, below.purl, below.direct) == ("local", None, False)

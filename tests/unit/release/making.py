"""Projects in repositories of git, and releases of them, for the tests beside it."""

import json
import os
import subprocess
from pathlib import Path

from registry.client.registries import Registries
from registry.reference import Reference
from wasmbuild.caches import Caches
from wasmbuild.events import ignore
from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.companions import Wanted
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.release.releasing import Wishes, release
from wasmbuild.workflows.release.staging import Signing

WAT = '(module (func (export "run")))'
SCHEMA = json.loads((Path(__file__).parents[3] / "wasmbuild" / "release.schema.json").read_text())
OTHER = '(module (func (export "run") nop))'


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def write(folder, version="1.0.0", *, wat=WAT, more=""):
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "main.wat").write_text(wat)
    kind = 'kind = "library"\nlanguage = "wat"\n'
    (folder / "wasmbuild.toml").write_text(
        f'[project]\nname = "{folder.name}"\nversion = "{version}"\n[build]\n{kind}{more}'
    )


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")


def surroundings(*, registries=None, environment=None, sink=ignore):
    return Setting(Caches.of_user(), environment or dict(os.environ), sink, registries or Registries())


def run(folder, to, *, key=None, registries=None, environment=None, sink=ignore, options=None, **wishes):
    setting = surroundings(registries=registries, environment=environment, sink=sink)
    wished = {"twice": False, **wishes}
    return release(folder, Wishes(Signing(key), Wanted(), to, **wished), options or BuildOptions(), setting)


def store_of(place):
    return Registries().repository(Reference.parse(f"{place}:x"))


def meaning(place, tag):
    return str(store_of(place).resolve(tag).digest)


def tags(place):
    return store_of(place).tags()


def aim(folder, **places):
    """Say in each project where it goes."""
    for name, place in places.items():
        with (folder / name / "wasmbuild.toml").open("a") as file:
            file.write(f'[registry]\nrepository = "{place}"\n')
    commit(folder)


def workspace(folder: Path, *names: str) -> Path:
    for name in names:
        write(folder / name)
    (folder / "wasmbuild.toml").write_text(f"[workspace]\nmembers = {list(names)!r}\n")
    (folder / ".gitignore").write_text("dist/\n")
    git(folder, "init", "--quiet")
    return folder

"""``doctor``: what this machine has to build with, what is missing, and what mends it.

Nothing is written, and no package is fetched; a package index is asked only where somebody wants that.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from registry.errors import Failure
from wasmbuild.build.runner import capture
from wasmbuild.build.sandbox import choose_sandbox
from wasmbuild.build.tool import ToolPin
from wasmbuild.caches import Caches
from wasmbuild.errors import NoProject
from wasmbuild.lock import LOCK_FILE, locked_pins
from wasmbuild.project import Project
from wasmbuild.project.workspace import Workspace
from wasmbuild.toolchains.pins import shipped_pins
from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.planning import find_workspace
from wasmbuild.workflows.toolchecks import Check, Tools, check_languages, check_part, failed

__all__ = ["LEAST_ROOM", "Diagnosis", "diagnose"]

LEAST_ROOM = 2 * 1000**3
"""Bytes: below that, the compilers of one language may not fit."""

_PIP_KEY = re.compile(r"[\w:.-]*\.(index-url|extra-index-url|find-links|no-index|proxy|cert)=(.*)")
_USER = re.compile(r"(?<=://)[^/@\s]*@")
_PROBE = "ziglang"
_PIP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was looked at, and whether the project can be built here; true where there is none."""

    checks: tuple[Check, ...]
    buildable: bool


def diagnose(folder: Path, setting: Setting, *, online: bool = False, sandbox: str = "auto") -> Diagnosis:
    """Look at a machine, and at the project in a folder. With ``online``, the package index is asked, too."""
    project, workspace, pins = _project(folder)
    tools = Tools(setting.caches, setting.environment, pins)
    if workspace is not None:
        project += [check for part in workspace.parts for check in check_part(part, tools)]
    cache = list(_cache(setting.caches))
    packages = list(_packages(setting, online=online))
    rest = [*_sandbox(sandbox), *(check for each in _projects(workspace) for check in _login(each))]
    fetching = any(check.mark == "later" and check.name != LOCK_FILE for check in project)
    broken = any(check.mark == "problem" for check in project) or _hindered(fetching, cache, packages)
    checks = (*project, *check_languages(tools), *cache, *rest, *packages)
    return Diagnosis(checks, buildable=not broken)


def _hindered(fetching: bool, cache: list[Check], packages: list[Check]) -> bool:
    """Whether something is to be fetched, and cannot be."""
    return fetching and any(
        check.mark == "problem" for check in (*cache, *packages) if check.name in {"folder", "index"}
    )


def _project(folder: Path) -> tuple[list[Check], Workspace | None, dict[str, ToolPin]]:
    try:
        workspace = find_workspace(folder)
    except NoProject as failure:
        return [Check("project", "project", "later", failure.what, failure.hint)], None, {}
    except Failure as failure:
        return [failed("project", "project", failure)], None, {}
    count = len(workspace.parts)
    checks = [Check("project", "project", "ok", f"{workspace.root}, {count} target{'' if count == 1 else 's'}")]
    try:
        pins = locked_pins(workspace.root)
    except Failure as failure:
        return [*checks, failed("project", LOCK_FILE, failure)], workspace, {}
    return [*checks, *_lock(workspace, pins)], workspace, pins


def _lock(workspace: Workspace, pins: dict[str, ToolPin]) -> Iterator[Check]:
    if not (workspace.root / LOCK_FILE).exists():
        yield Check("project", LOCK_FILE, "later", "is written by the first build that needs tools", "wasmbuild lock")
        return
    shipped = shipped_pins()
    others = [pin for name, pin in pins.items() if name in shipped and shipped[name].digest != pin.digest]
    count = f"{len(pins)} tool{'' if len(pins) == 1 else 's'}"
    if not others:
        yield Check("project", LOCK_FILE, "ok", f"pins {count}")
        return
    changes = ", ".join(f"{pin} (wasmbuild ships {shipped[pin.name].version})" for pin in others)
    names = " ".join(pin.name for pin in others)
    yield Check("project", LOCK_FILE, "ok", f"pins {count}: {changes}", f"wasmbuild lock --upgrade {names}")


def _projects(workspace: Workspace | None) -> tuple[Project, ...]:
    return workspace.projects if workspace else ()


def _cache(caches: Caches) -> Iterator[Check]:
    there = next(folder for folder in (caches.root, *caches.root.parents) if folder.exists())
    hint = "set WASMBUILD_CACHE_DIR to a folder that can be written"
    if not there.is_dir():
        yield Check("cache", "folder", "problem", f"{there} is not a folder", hint)
        return
    if os.access(there, os.W_OK | os.X_OK):
        yield Check("cache", "folder", "ok", f"{caches.root} can be written")
    else:
        yield Check("cache", "folder", "problem", f"{there} cannot be written", hint)
    free = shutil.disk_usage(there).free
    if free < LEAST_ROOM:
        text = f"{free / 1e9:.1f} GB are free, compilers may take {LEAST_ROOM / 1e9:.0f} GB"
        yield Check("cache", "room", "problem", text, "wasmbuild cache prune; wasmbuild toolchain prune")
    else:
        yield Check("cache", "room", "ok", f"{free / 1e9:.1f} GB are free")


def _sandbox(wanted: str) -> Iterator[Check]:
    try:
        chosen = choose_sandbox(wanted)
    except Failure as failure:
        yield failed("sandbox", wanted, failure)
        return
    if chosen.hides is None:
        yield Check("sandbox", chosen.name, "ok", "compilers see their inputs and their tools, and no network")
    else:
        hint = "install bubblewrap (docs/sandbox.md)" if chosen.name == "none" else None
        yield Check("sandbox", chosen.name, "problem" if chosen.name == "none" else "ok", chosen.hides, hint)


def _login(project: Project) -> Iterator[Check]:
    if project.repository is None:
        return
    from registry.client.keychain import Keychain  # noqa: PLC0415  (few projects name one)
    from registry.reference import Reference  # noqa: PLC0415

    try:
        reference = Reference.parse(project.repository)
        found = Keychain(reference.host).find(reference.repository)
    except Failure as failure:
        yield failed("registry", project.repository, failure)
        return
    if found is None:
        text = "no credentials are kept for it; some registries need none to read"
        yield Check("registry", reference.name, "later", text, f"wasmbuild login {reference.host}")
    else:
        yield Check("registry", reference.name, "ok", f"credentials: {found.source}")


def _packages(setting: Setting, *, online: bool) -> Iterator[Check]:
    """How pip is configured, which fetches the compilers; shown without passwords."""
    try:
        code, said = _pip(["config", "list"], setting)
    except Failure as failure:
        yield failed("packages", "pip", failure)
        return
    if code != 0:
        yield Check("packages", "pip", "problem", "pip does not work here", f"{sys.executable} -m pip --version")
        return
    lines = dict.fromkeys(match.expand(r"\1 = \2") for match in _PIP_KEY.finditer(said))
    shown = "; ".join(_USER.sub("", line) for line in lines) or "its own index"
    yield Check("packages", "pip", "ok", f"configured with {shown}")
    if online:
        yield _asked(setting)


def _asked(setting: Setting) -> Check:
    try:
        code, said = _pip(["index", "versions", "--disable-pip-version-check", _PROBE], setting)
    except Failure as failure:
        return failed("packages", "index", failure)
    if code == 0:
        return Check("packages", "index", "ok", f"answers, and has {_PROBE}")
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    return Check(
        "packages", "index", "problem", _USER.sub("", last)[:200], "look at pip's configuration: pip config list"
    )


def _pip(arguments: list[str], setting: Setting) -> tuple[int, str]:
    argv = [sys.executable, "-m", "pip", *arguments]
    return capture(argv, env=dict(setting.environment), timeout_seconds=_PIP_SECONDS)

